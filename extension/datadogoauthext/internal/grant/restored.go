package grant

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// ErrClockBehind: a backup was made after the present time. Nothing that was written before it would look older than the restore.
var ErrClockBehind = errors.New("the backup was made after what the clock of this machine says now")

// clockSlack is how far apart the clocks of two machines may be.
const clockSlack = 5 * time.Minute

// MarkRestored returns records with the mark that makes a store begin in quarantine, and what the mark says: at is when it is restored,
// made when the backup was taken.
//
// What the records say happened, happened before the restore, whatever the clocks of those who wrote them. A quarantine that the backup
// is in goes on where it was: its tokens have not become younger.
func MarkRestored(records []store.Record, tokens, keys *seal.Keyset, at, made time.Time) ([]store.Record, Quarantine, error) {
	if behind := made.Sub(at); behind > clockSlack {
		return nil, Quarantine{}, fmt.Errorf("%w, by %s", ErrClockBehind, behind.Round(time.Second))
	}
	v := &vault{tokens: tokens, keys: keys}
	mark, version, youngest := Quarantine{BackupMade: made}, uint64(1), made
	marked := make([]store.Record, 0, len(records)+1)
	for _, raw := range records {
		switch raw.Kind {
		case store.KindQuarantine:
			old, err := open[Quarantine](v, raw)
			mark.Spent, mark.Stopped = old.Spent, old.Stopped || err != nil
			version = raw.Version + 1
			continue
		case store.KindOrg:
			if o, err := open[Org](v, raw); err == nil {
				youngest = latest(youngest, o.MintedAt, o.ValidatedAt)
			}
		case store.KindToken:
			if t, err := open[Token](v, raw); err == nil {
				youngest = latest(youngest, t.RefreshedAt)
			}
		}
		marked = append(marked, raw)
	}
	mark.RestoredAt = latest(at, youngest.Add(time.Nanosecond)).UTC().Round(0)
	sealed, err := sealAs(v, mark, version)
	if err != nil {
		return nil, Quarantine{}, err
	}
	return append(marked, sealed), mark, nil
}

// SealAudit returns a record of the audit as a store holds it, for a store that no service has open. It gets its time and its id here.
func SealAudit(tokens, keys *seal.Keyset, at time.Time, r audit.Record) ([]store.Record, error) {
	v := &vault{tokens: tokens, keys: keys}
	r.At = at.UTC().Truncate(time.Microsecond)
	r.Bound()
	r.ID = audit.NewID(r.At, subjectOf(r), r.Class())
	var all []store.Record
	for _, rec := range []record{auditRecord{r}, auditIndex{r.ID}} {
		sealed, err := sealAs(v, rec, 1)
		if err != nil {
			return nil, err
		}
		all = append(all, sealed)
	}
	return all, nil
}

// sealAs seals rec for exactly this version.
func sealAs(v *vault, rec record, version uint64) (store.Record, error) {
	kind, key := rec.address()
	plain, err := json.Marshal(rec)
	if err != nil {
		return store.Record{}, fmt.Errorf("encode a %s record: %w", kind, err)
	}
	value, err := v.keyset(kind).Seal(seal.Label{Kind: string(kind), Client: rec.owner(), Key: key, Version: version}, plain)
	if err != nil {
		return store.Record{}, fmt.Errorf("seal a %s record: %w", kind, err)
	}
	return store.Record{Kind: kind, Key: key, Version: version, Value: value}, nil
}
