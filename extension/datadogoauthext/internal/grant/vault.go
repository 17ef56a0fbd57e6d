package grant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// maxConflicts bounds how often an update is tried again when somebody else wrote first.
const maxConflicts = 10

// errStore marks what the store itself could not do, as opposed to what a caller found in it. It may work a second later.
var errStore = errors.New("grant store")

// vault reads and writes sealed records.
type vault struct {
	st     store.Store
	tokens *seal.Keyset
	keys   *seal.Keyset
	// seen is the version of a record that memory knows, or 0. It may be nil.
	seen func(store.Kind, string) uint64
	// wrote is told how each write ended. It may be nil.
	wrote func(context.Context, error)
	// readOnly refuses every write: a send-only collector has no business with them.
	readOnly bool
	audits   audits
}

// keyset says which keyset protects a kind of record.
func (v *vault) keyset(kind store.Kind) *seal.Keyset {
	switch kind {
	case store.KindClient, store.KindOrg, store.KindGrant, store.KindQuarantine:
		return v.keys
	default:
		return v.tokens
	}
}

// txn collects reads and writes that happen together or not at all. It is used by one goroutine.
type txn struct {
	ctx     context.Context
	v       *vault
	read    map[string]uint64 // version by address; 0: no such record
	changes []store.Change
	written []versioned // what changed, for the view in memory
	// overwrites is the address of a record that is read and written even where it went back to an older version; newer is the version
	// that memory knows of it then, else 0.
	overwrites string
	newer      uint64

	before map[string]record // what was read, by address; nil where it cannot be opened
	why    string            // for the audit of what gives no reason of its own
	notes  []audit.Record    // for the audit besides
}

// versioned is a record as it stands in the store; rec is nil after a deletion, and where err says why it cannot be opened.
type versioned struct {
	kind    store.Kind
	key     string
	version uint64
	rec     record
	err     error
}

// update runs fn until the store accepts what it wrote, and the audit of it in the same step: none is there without the other. fn may run
// several times and must have no effect of its own.
func (v *vault) update(ctx context.Context, fn func(*txn) error) ([]versioned, error) {
	if v.readOnly {
		return nil, ErrSendOnly
	}
	for range maxConflicts {
		tx := newTxn(ctx, v)
		if err := fn(tx); err != nil {
			return nil, err
		}
		if len(tx.changes) == 0 && len(tx.notes) == 0 {
			return nil, nil
		}
		told, err := tx.audit()
		if err != nil {
			return nil, err
		}
		err = v.apply(ctx, tx.changes...)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: write: %w", errStore, err)
		}
		told()
		return tx.written, nil
	}
	return nil, fmt.Errorf("%w: write: %w, %d times in a row", errStore, store.ErrConflict, maxConflicts)
}

// apply is Store.Apply, by which whoever has to know learns whether the store can be written.
func (v *vault) apply(ctx context.Context, changes ...store.Change) error {
	err := v.st.Apply(ctx, changes...)
	if v.wrote != nil {
		v.wrote(ctx, err)
	}
	return err
}

func newTxn(ctx context.Context, v *vault) *txn {
	return &txn{ctx: ctx, v: v, read: map[string]uint64{}, before: map[string]record{}}
}

// saw keeps what was read, for the audit.
func (tx *txn) saw(kind store.Kind, key string, rec record, err error) {
	if err != nil {
		rec = nil
	}
	tx.before[addressText(kind, key)] = rec
}

// unopenable reports whether get failed on account of what is stored: the record cannot be opened, here and with these keysets. One that
// was rolled back can be, and its successor may still come back, so that is another matter.
func unopenable(err error) bool {
	return err != nil && !errors.Is(err, errStore) && !errors.Is(err, ErrRolledBack)
}

// get reads a record; found is false when there is none. like tells the address; its other fields are ignored.
func get[R record](tx *txn, like R) (rec R, found bool, err error) {
	kind, key := like.address()
	var seen uint64
	if tx.v.seen != nil {
		seen = tx.v.seen(kind, key) // before the store is read, which then has at least that
	}
	raw, err := tx.v.st.Get(tx.ctx, kind, key)
	if errors.Is(err, store.ErrNotFound) {
		tx.read[addressText(kind, key)] = 0
		return rec, false, nil
	}
	if err != nil {
		return rec, false, fmt.Errorf("%w: read: %w", errStore, err)
	}
	tx.read[addressText(kind, key)] = raw.Version
	if raw.Version < seen && tx.overwrites != addressText(kind, key) {
		return rec, false, rolledBack(raw, seen)
	}
	if raw.Version < seen {
		tx.newer = seen
	}
	rec, err = open[R](tx.v, raw)
	tx.saw(kind, key, rec, err)
	return rec, err == nil, err
}

// open unseals a record and checks that it is what its address says.
func open[R record](v *vault, raw store.Record) (rec R, err error) {
	client, plain, err := v.keyset(raw.Kind).Open(string(raw.Kind), raw.Key, raw.Version, raw.Value)
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(plain, &rec); err != nil {
		// The JSON error may quote what it could not read, so it is not passed on.
		return rec, fmt.Errorf("%s record %s holds no JSON of this version: %w", raw.Kind, shortKey(raw.Kind, raw.Key), store.ErrCorrupt)
	}
	if kind, key := rec.address(); kind != raw.Kind || key != raw.Key || rec.owner() != client {
		return rec, fmt.Errorf("%s record %s belongs to another address: %w", raw.Kind, shortKey(raw.Kind, raw.Key), store.ErrCorrupt)
	}
	return rec, nil
}

// openAny opens a record of a kind that memory follows. One without a value was deleted.
func (v *vault) openAny(raw store.Record) versioned {
	w := versioned{kind: raw.Kind, key: raw.Key, version: raw.Version}
	if raw.Value == nil {
		return w
	}
	switch raw.Kind {
	case store.KindClient:
		w.rec, w.err = opened[Client](v, raw)
	case store.KindOrg:
		w.rec, w.err = opened[Org](v, raw)
	case store.KindGrant:
		w.rec, w.err = opened[Grant](v, raw)
	case store.KindToken:
		w.rec, w.err = opened[Token](v, raw)
	case store.KindQuarantine:
		w.rec, w.err = opened[Quarantine](v, raw)
	case store.KindFlow:
		w.rec, w.err = opened[Flow](v, raw)
	case store.KindLogin:
		w.rec, w.err = opened[Login](v, raw)
	case store.KindPending:
		w.rec, w.err = opened[Pending](v, raw)
	}
	return w
}

// opened is open with a nil record on errors.
func opened[R record](v *vault, raw store.Record) (record, error) {
	rec, err := open[R](v, raw)
	if err != nil {
		return nil, err
	}
	return rec, nil
}

// list opens every record of a kind; bad is told of those that cannot be opened.
func list[R record](ctx context.Context, v *vault, kind store.Kind, bad func(store.Record, error), good func(uint64, R)) error {
	return v.st.List(ctx, kind, func(raw store.Record) error {
		rec, err := open[R](v, raw)
		if err != nil {
			bad(raw, err)
			return nil
		}
		good(raw.Version, rec)
		return nil
	})
}

// wentBack reports whether the store holds an older version of the record that this transaction overwrites than memory knows.
func (tx *txn) wentBack() bool { return tx.newer > 0 }

// put writes rec. A record that was not read in this transaction must not exist yet. One that went back to an older version is written
// as often as it takes to get beyond the version that was seen: a store counts versions by one.
func (tx *txn) put(rec record) error {
	kind, key := rec.address()
	plain, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encode a %s record: %w", kind, err)
	}
	address := addressText(kind, key)
	held, last := tx.read[address], tx.read[address]+1
	if address == tx.overwrites {
		last = max(last, tx.newer+1)
	}
	for ; held < last; held++ {
		sealed, err := tx.v.keyset(kind).Seal(seal.Label{Kind: string(kind), Client: rec.owner(), Key: key, Version: held + 1}, plain)
		if err != nil {
			return fmt.Errorf("seal a %s record: %w", kind, err)
		}
		tx.changes = append(tx.changes, store.Change{Record: store.Record{Kind: kind, Key: key, Version: held, Value: sealed}})
	}
	tx.written = append(tx.written, versioned{kind: kind, key: key, version: last, rec: rec})
	return nil
}

// remove deletes a record that was read in this transaction.
func (tx *txn) remove(rec record) {
	kind, key := rec.address()
	held := tx.read[addressText(kind, key)]
	if held == 0 {
		return
	}
	tx.changes = append(tx.changes, store.Change{Record: store.Record{Kind: kind, Key: key, Version: held}, Delete: true})
	tx.written = append(tx.written, versioned{kind: kind, key: key, version: held + 1})
}

// reader reads outside of an update.
func (s *Service) reader(ctx context.Context) *txn {
	return newTxn(ctx, &s.vault)
}

func addressText(kind store.Kind, key string) string { return string(kind) + "\x00" + key }

// shortKey is enough of an address to find the record, and too little of a hash to be of use to anybody.
func shortKey(kind store.Kind, key string) string {
	const shown = 8
	if (kind == store.KindFlow || kind == store.KindInvitation || kind == store.KindLogin) && len(key) > shown {
		return key[:shown] + "…"
	}
	return key
}
