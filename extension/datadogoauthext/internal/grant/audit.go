package grant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// audits is what the vault needs to record its changes.
type audits struct {
	now func() time.Time
	log *zap.Logger
	key atomic.Pointer[audit.FingerprintKey] // nil until the store is known to hold it
	// last is the microsecond of the latest ID, so that those of this process are in the order of its changes.
	last atomic.Int64
}

// moment is later than the one before.
func (a *audits) moment() time.Time {
	for {
		last := a.last.Load()
		next := max(a.now().UnixMicro(), last+1)
		if a.last.CompareAndSwap(last, next) {
			return time.UnixMicro(next).UTC()
		}
	}
}

// audit adds the records of what tx changes to its changes. told is to be called when they are stored: it logs them.
//
// The store is the record, and the log a copy of it: where a store's answer is lost on the way, a record that it took is not logged.
func (tx *txn) audit() (told func(), err error) {
	records := tx.notes
	if steps := tx.audited(); len(steps) > 0 {
		key, found, err := tx.fingerprints()
		if err != nil {
			return nil, err
		}
		changes := tx.describeAll(steps, key)
		if len(changes) > 0 && !found {
			if key, err = tx.makeFingerprintKey(); err != nil {
				return nil, err
			}
			changes = tx.describeAll(steps, key)
		}
		records = append(records, changes...)
	}
	by := actorOf(tx.ctx)
	for i := range records {
		r := &records[i]
		r.At, r.Reason = tx.v.audits.moment(), cmp.Or(r.Reason, tx.why)
		if by != (Actor{}) {
			r.Actor = by
		}
		r.Bound()
		r.ID = audit.NewID(r.At, subjectOf(*r), r.Class())
		if err := errors.Join(tx.append(auditRecord{*r}), tx.append(auditIndex{r.ID})); err != nil {
			return nil, err
		}
	}
	return func() {
		for _, r := range records {
			r.Log(tx.v.audits.log)
		}
	}, nil
}

// tell logs a record that no store takes: a collector that only sends has none to write to.
func (a *audits) tell(r audit.Record) {
	r.At = a.moment()
	r.Bound()
	r.ID = audit.NewID(r.At, subjectOf(r), r.Class())
	r.Log(a.log)
}

// subjectOf says whose record it is: a tenant's, else an organisation's, else nobody's.
func subjectOf(r audit.Record) string {
	switch {
	case r.Tenant != "":
		return audit.Tenant(r.Tenant)
	case r.OrgID != "":
		return audit.Org(r.Client + "/" + r.Site + "/" + r.OrgID)
	default:
		return audit.Subject("")
	}
}

// append is put for what memory holds no view of.
func (tx *txn) append(rec record) error {
	seen := len(tx.written)
	err := tx.put(rec)
	tx.written = tx.written[:seen]
	return err
}

// step is one record before and after; nil where there was none, or is none any more.
type step struct {
	kind          store.Kind
	key           string
	before, after record
	lost          bool // there was one that cannot be opened
}

// audited are the records that tx changes and whose changes are recorded, each once.
func (tx *txn) audited() []step {
	var steps []step
	at := map[string]int{}
	for _, w := range tx.written {
		switch w.kind {
		case store.KindGrant, store.KindOrg, store.KindToken, store.KindPending, store.KindInvitation, store.KindClient, store.KindQuarantine, store.KindRevocation:
		default: // what is under way, and what senders note
			continue
		}
		address := addressText(w.kind, w.key)
		i, known := at[address]
		if !known {
			i, at[address] = len(steps), len(steps)
			before := tx.before[address]
			steps = append(steps, step{kind: w.kind, key: w.key, before: before, lost: before == nil && tx.read[address] > 0})
		}
		steps[i].after = w.rec
	}
	return steps
}

// fingerprints returns the key that the store holds; found is false where it holds none. One that cannot be opened, since it is sealed with a
// keyset file that this collector has not taken in yet, makes fingerprints that tell nothing, and holds nothing up.
func (tx *txn) fingerprints() (key audit.FingerprintKey, found bool, err error) {
	if known := tx.v.audits.key.Load(); known != nil {
		return *known, true, nil
	}
	stored, found, err := get(tx, auditKey{})
	switch {
	case unopenable(err):
		return key, true, nil
	case err != nil || !found:
		return key, false, err
	}
	key, ok := audit.OpenFingerprintKey(stored.Secret)
	if ok {
		tx.v.audits.key.Store(&key)
	}
	return key, true, nil
}

// fingerprintKey is the key that the store holds, or one that tx stores.
func (tx *txn) fingerprintKey() (audit.FingerprintKey, error) {
	key, found, err := tx.fingerprints()
	if err == nil && !found {
		return tx.makeFingerprintKey()
	}
	return key, err
}

// ensureFingerprints makes sure of the key before anything is changed: whoever made it in the step of a change would be in the way of who changes something
// else at that moment. Where it fails, the first change makes it all the same.
func (s *Service) ensureFingerprints(ctx context.Context) {
	if s.readOnly {
		return
	}
	tx := newTxn(ctx, &s.vault)
	if _, found, err := tx.fingerprints(); found || err != nil {
		return
	}
	if _, err := tx.makeFingerprintKey(); err == nil {
		_ = s.apply(ctx, tx.changes...)
	}
}

// makeFingerprintKey stores one. Of several collectors that do so at a time one succeeds, and the others find its key when they try again.
func (tx *txn) makeFingerprintKey() (audit.FingerprintKey, error) {
	key, secret := audit.NewFingerprintKey()
	if err := tx.append(auditKey{secret}); err != nil {
		return key, fmt.Errorf("make the key of fingerprints: %w", err)
	}
	return key, nil
}
