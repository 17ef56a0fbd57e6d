package seal

import (
	"context"
	"errors"
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// resealBatch is how many records ResealAll writes at once: many, since each write of a store waits for a disk, and few, since others
// wait for it.
const resealBatch = 100

// ResealAll seals under the primary key of its keyset every record that is under another one, the canaries too. A record keeps its
// content and gets the next version. keysets names the keyset of a kind, or nil for kinds to leave alone; canaries belong to the
// keyset of tokens or of grants, whichever opens them. written is told of every record that was written, and may be nil.
//
// A record that somebody else wrote in the meantime is left to them. One that does not open is counted in unreadable and left as it
// is. A store in which everything is under the primary keys is only read.
func ResealAll(ctx context.Context, st store.Store, keysets func(store.Kind) *Keyset, written func(store.Record)) (count, unreadable int, err error) {
	if written == nil {
		written = func(store.Record) {}
	}
	for _, kind := range store.Kinds() {
		candidates := []*Keyset{keysets(kind)}
		if kind == store.KindCanary {
			candidates = []*Keyset{keysets(store.KindToken), keysets(store.KindGrant)}
		}
		var batch []store.Record
		flush := func() error {
			n, err := putAll(ctx, st, batch, written)
			count += n
			batch = nil
			return err
		}
		err := st.List(ctx, kind, func(record store.Record) error {
			next, due, err := resealedByAny(candidates, record)
			switch {
			case errors.Is(err, ErrSealed), errors.Is(err, ErrFormat):
				unreadable++
				return nil
			case err != nil || !due:
				return err
			}
			if batch = append(batch, next); len(batch) < resealBatch {
				return nil
			}
			return flush()
		})
		if err == nil {
			err = flush()
		}
		if err != nil {
			return count, unreadable, fmt.Errorf("seal %s records under the primary key: %w", kind, err)
		}
	}
	return count, unreadable, nil
}

// resealed is record under the primary key, with the next version; due is false when it is under that key already.
func resealed(ks *Keyset, record store.Record) (next store.Record, due bool, err error) {
	if id, ok := KeyID(record.Value); ok && id == ks.PrimaryID() {
		return store.Record{}, false, nil
	}
	client, plain, err := ks.Open(string(record.Kind), record.Key, record.Version, record.Value)
	if err != nil {
		return store.Record{}, false, err
	}
	next = store.Record{Kind: record.Kind, Key: record.Key, Version: record.Version + 1}
	next.Value, err = ks.Seal(Label{Kind: string(record.Kind), Client: client, Key: record.Key, Version: next.Version}, plain)
	return next, err == nil, err
}

// replacing is the change that puts next over the version before it.
func replacing(next store.Record) store.Change {
	return store.Change{Record: store.Record{Kind: next.Kind, Key: next.Key, Version: next.Version - 1, Value: next.Value}}
}

// resealedByAny tries one keyset after the other, and gives the error of the last one.
func resealedByAny(candidates []*Keyset, record store.Record) (next store.Record, due bool, err error) {
	for _, ks := range candidates {
		if ks == nil {
			continue
		}
		if next, due, err = resealed(ks, record); !errors.Is(err, ErrSealed) {
			break
		}
	}
	return next, due, err
}

// putAll writes a batch, and one by one what is in a batch with a record that somebody else wrote meanwhile.
func putAll(ctx context.Context, st store.Store, batch []store.Record, written func(store.Record)) (count int, err error) {
	if len(batch) == 0 {
		return 0, nil
	}
	changes := make([]store.Change, len(batch))
	for i, next := range batch {
		changes[i] = replacing(next)
	}
	err = st.Apply(ctx, changes...)
	switch {
	case errors.Is(err, store.ErrConflict) && len(batch) > 1:
		for i := range batch {
			n, err := putAll(ctx, st, batch[i:i+1], written)
			count += n
			if err != nil {
				return count, err
			}
		}
		return count, nil
	case errors.Is(err, store.ErrConflict):
		return 0, nil
	case err != nil:
		return 0, err
	}
	for _, next := range batch {
		written(next)
	}
	return len(batch), nil
}
