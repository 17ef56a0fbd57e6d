// Package store keeps sealed records durably: an embedded bbolt file for one process, PostgreSQL for several.
//
// It knows nothing of what is inside a record. Sealing is package seal's, meaning is package grant's.
package store

import (
	"context"
	"errors"
	"time"
)

// Kind names a kind of record. It is part of a record's address and of its associated data.
type Kind string

// The kinds of records.
const (
	KindCanary     Kind = "canary"     // proves a keyset before anything is written; key "tokens" or "keys"
	KindClient     Kind = "client"     // state of an OAuth client; key: its name
	KindOrg        Kind = "org"        // API key and mint journal; key: client/site/org id
	KindGrant      Kind = "grant"      // which org a tenant gave us, and its hold; key: tenant
	KindToken      Kind = "token"      // tokens and refresh journal; key: tenant
	KindFlow       Kind = "flow"       // a consent under way; key: hash of state
	KindInvitation Kind = "invitation" // a connect link; key: hash of its secret
	KindLogin      Kind = "login"      // a customer who was sent to the partner's login; key: hash of the request id
	KindPending    Kind = "pending"    // a change of organisation that waits for an operator; key: tenant
	KindRevocation Kind = "revocation" // tokens that are still to be revoked at Datadog; key: a random id
	KindJournal    Kind = "journal"    // what senders must not do twice; key: client/site/org id/hash of the sender's own
	KindQuarantine Kind = "quarantine" // marks a store that came from a backup; key "restored"
	KindAudit      Kind = "audit"      // one change of a grant, key or setting, and who made it; key: its time and a random part
	KindReport     Kind = "report"     // the latest check of a tenant; key: tenant
)

// Kinds returns every kind, in no order that means anything.
func Kinds() []Kind {
	return []Kind{KindCanary, KindClient, KindOrg, KindGrant, KindToken, KindFlow, KindInvitation,
		KindLogin, KindPending, KindRevocation, KindJournal, KindQuarantine, KindAudit, KindReport}
}

// Streamed are the kinds of which there may be so much that nobody keeps all of it in memory. Nothing depends on them, so a snapshot reads
// them page by page, and what came since may be in it.
func Streamed(kind Kind) bool { return kind == KindAudit || kind == KindReport }

// snapshotStreamed walks the streamed kinds for a snapshot.
func snapshotStreamed(ctx context.Context, st Store, yield func(Record) error) error {
	for _, kind := range Kinds() {
		if Streamed(kind) {
			if err := st.List(ctx, kind, yield); err != nil {
				return err
			}
		}
	}
	return nil
}

// Errors of a Store. Compare with errors.Is.
var (
	ErrNotFound = errors.New("no such record")
	ErrConflict = errors.New("the record was changed by somebody else in the meantime")
	ErrHeld     = errors.New("the lease is held by somebody else")
	ErrLocked   = errors.New("the store file is in use by another process")
	ErrForeign  = errors.New("not a store of this program")
	ErrCorrupt  = errors.New("the store is damaged")
	ErrFull     = errors.New("there is no room left for the store")
	// ErrCursorGone: changes since then are not kept any more; List everything again.
	ErrCursorGone = errors.New("the changes asked for are not kept any more")
	// ErrUnreachable: the database does not answer. It may a second later.
	ErrUnreachable = errors.New("the database of the store does not answer")
)

// Record is one record as it is stored. The caller owns Value.
type Record struct {
	Kind    Kind
	Key     string
	Version uint64
	Value   []byte // sealed
}

// Range chooses records of a kind by their keys: those above After and below Before. An empty bound bounds nothing.
type Range struct {
	After, Before string
	// Back walks from the highest key to the lowest.
	Back bool
	// Limit is how many records there are at most; 0 means all.
	Limit int
	// KeysOnly leaves the values out.
	KeysOnly bool
}

// Prefix is the range of the keys that begin with prefix and are longer. It is not empty and does not end in the byte 0xff.
func Prefix(prefix string) Range {
	last := len(prefix) - 1
	return Range{After: prefix, Before: prefix[:last] + string([]byte{prefix[last] + 1})}
}

// Change is one step of Apply. Record.Version is the version that the store must hold (0: the record must not exist);
// the stored version becomes Version+1, which is what Value must be sealed for.
type Change struct {
	Record
	Delete bool
}

// Lease is a right to act alone until its time is over. Fence grows with every holder of a name, across restarts too, and keeps pace
// with the microseconds of the store's clock: records keep fences, and must find higher ones in the store that they are copied to.
type Lease interface {
	Fence() uint64
	// Release ends the lease early. It does nothing to a lease that ran out, even where somebody else holds the name by then.
	Release(ctx context.Context) error
}

// Store is durable when a call returns nil. It is safe for concurrent use.
type Store interface {
	// Get returns the record, or ErrNotFound.
	Get(ctx context.Context, kind Kind, key string) (Record, error)
	// List calls yield for every record of a kind, in byte order of key, and stops at its first error. yield may call
	// the store. A record that changes during the walk may be seen before or after its change.
	List(ctx context.Context, kind Kind, yield func(Record) error) error
	// Range calls yield for the records of a kind that r chooses, as List does for all of them.
	Range(ctx context.Context, kind Kind, r Range, yield func(Record) error) error
	// Apply does all changes, in their order, or none. ErrConflict says that a version did not match. After any other
	// error nothing was changed as far as the store can tell: read again before acting on it.
	Apply(ctx context.Context, changes ...Change) error
	// Lease gives the right named name for ttl by the store's clock, or ErrHeld.
	Lease(ctx context.Context, name string, ttl time.Duration) (Lease, error)
	// Import puts every record at exactly its Version, whatever the store holds at its address, all or none. It is for restores and
	// copies: a record is sealed for its version, so it cannot be written as an ordinary change.
	Import(ctx context.Context, records ...Record) error
	// Close waits for calls that are under way. Calls after it fail. A second Close does nothing.
	Close() error
}

// Cursor is a place in the order in which a shared store changed. It means nothing to another store.
type Cursor uint64

// Shared is a Store that other processes write to at the same time.
type Shared interface {
	Store
	// Cursor returns the present place. Take it before the first List, and Changes after it misses nothing.
	Cursor(ctx context.Context) (Cursor, error)
	// Changes calls yield for every record that changed after a place, in the order of change, each at its latest version; one that
	// was deleted has a nil Value and the version that was deleted. With kinds it tells of those alone. A deletion counts whatever version the caller knows, since versions
	// begin again where a record is made again or imported: that one comes after its deletion. It returns the place to go on from, or
	// ErrCursorGone.
	Changes(ctx context.Context, after Cursor, kinds []Kind, yield func(Record) error) (Cursor, error)
	// Hint gets a value when another process may have changed something. Hints may be late, doubled or missing altogether: whoever
	// waits for one also asks now and then.
	Hint() <-chan struct{}
}
