package credential

import (
	"context"
	"errors"
	"time"
)

// Errors of a Journal. Compare with errors.Is.
var (
	// ErrJournalConflict: somebody else wrote the entry in the meantime. Read it again.
	ErrJournalConflict = errors.New("the journal entry was changed by somebody else in the meantime")
	// ErrNoJournal: the holder of grants keeps none, since it only reads its store.
	ErrNoJournal = errors.New("this collector keeps no journal: it only sends, and writes nothing into the store of grants")
)

// MaxJournalBytes bounds the value of a journal entry.
const MaxJournalBytes = 256 << 10

// JournalState is how far that thing is which an entry is about.
type JournalState string

// The states. An entry that says none is shown to nobody.
const (
	JournalWaiting   JournalState = "waiting"   // something is left to do
	JournalSearching JournalState = "searching" // it was tried, and what came of it is being found out
	JournalUnknown   JournalState = "unknown"   // it was tried, what came of it cannot be found out, and it is not tried again
	JournalDone      JournalState = "done"      // nothing is left to do
)

// JournalNote is what an entry says to people, besides its organisation and key. None of it is secret.
type JournalNote struct {
	Tenant string       `json:"tenant,omitempty"`
	State  JournalState `json:"state,omitempty"`
	// Since is when it was tried; zero before that.
	Since time.Time `json:"since,omitzero"`
}

// JournalEntry is what a sender notes about one thing that it must not do twice in an organisation.
type JournalEntry struct {
	Org Org
	Key string
	// Version is that of what was read; 0 says that there is no such entry.
	Version uint64
	// Value is the sender's own: the holder of grants cannot read it, and shows people the Note.
	Value []byte
	Note  JournalNote
	// Until is when the entry may be forgotten.
	Until time.Time
}

// Journal is what a Source can offer besides: durable entries that all collectors on the same store share.
type Journal interface {
	// Journals returns nil if entries can be written, else ErrNoJournal or ErrNotReady.
	Journals() error

	// ReadEntry returns the entry of an organisation under a key, with Version 0 if there is none.
	ReadEntry(ctx context.Context, org Org, key string) (JournalEntry, error)

	// WriteEntry writes the entry if the store still holds its Version, and returns the new one; without a Value it deletes the entry. It is
	// durable when there is no error. After an error other than ErrJournalConflict it may have been written or not: read it again.
	WriteEntry(ctx context.Context, e JournalEntry) (version uint64, err error)

	// EachEntry calls yield for every entry, and stops at its first error.
	EachEntry(ctx context.Context, yield func(JournalEntry) error) error
}
