package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

var _ credential.Journal = (*Service)(nil)

// Journals implements credential.Journal. Until the grants are loaded the keysets are not proven, so nothing is written.
func (s *Service) Journals() error {
	switch {
	case s.sendOnly:
		return credential.ErrNoJournal
	case !s.Ready():
		return credential.ErrNotReady
	default:
		return nil
	}
}

// ReadEntry implements credential.Journal.
func (s *Service) ReadEntry(ctx context.Context, org credential.Org, key string) (credential.JournalEntry, error) {
	if err := s.Journals(); err != nil {
		return credential.JournalEntry{}, err
	}
	tx := s.reader(ctx)
	rec, _, err := get(tx, Journal{Org: org, Key: key})
	if err != nil {
		return credential.JournalEntry{}, err
	}
	return credential.JournalEntry{Org: org, Key: key, Version: tx.read[addressOf(Journal{Org: org, Key: key})], Value: rec.Value, Note: rec.Note, Until: rec.Until}, nil
}

// WriteEntry implements credential.Journal.
func (s *Service) WriteEntry(ctx context.Context, e credential.JournalEntry) (uint64, error) {
	if err := s.Journals(); err != nil {
		return 0, err
	}
	if len(e.Value) > credential.MaxJournalBytes {
		return 0, fmt.Errorf("a journal entry of %d bytes: the limit is %d", len(e.Value), credential.MaxJournalBytes)
	}
	rec := Journal{Org: e.Org, Key: e.Key, Value: e.Value, Note: e.Note, Until: e.Until}
	tx := s.reader(ctx)
	tx.read[addressOf(rec)] = e.Version
	if len(e.Value) == 0 {
		tx.remove(rec)
	} else if err := tx.put(rec); err != nil {
		return 0, err
	}
	err := s.apply(ctx, tx.changes...)
	switch {
	case errors.Is(err, store.ErrConflict):
		return 0, credential.ErrJournalConflict
	case err != nil:
		return 0, fmt.Errorf("%w: write: %w", errStore, err)
	case len(e.Value) == 0:
		return 0, nil
	default:
		return e.Version + 1, nil
	}
}

// EachEntry implements credential.Journal. An entry that does not open is passed over: inspecting the store tells of it.
func (s *Service) EachEntry(ctx context.Context, yield func(credential.JournalEntry) error) error {
	if err := s.Journals(); err != nil {
		return err
	}
	var stop error
	err := list(ctx, &s.vault, store.KindJournal, func(store.Record, error) {}, func(version uint64, rec Journal) {
		if stop == nil {
			stop = yield(credential.JournalEntry{Org: rec.Org, Key: rec.Key, Version: version, Value: rec.Value, Note: rec.Note, Until: rec.Until})
		}
	})
	return errors.Join(stop, err)
}

// sweepJournal deletes entries that may be forgotten.
func (s *Service) sweepJournal(ctx context.Context, now time.Time) {
	var old []credential.JournalEntry
	err := s.EachEntry(ctx, func(e credential.JournalEntry) error {
		if now.After(e.Until) && len(old) < maxSweptPerPass {
			old = append(old, e)
		}
		return nil
	})
	for _, e := range old {
		if err == nil {
			e.Value = nil
			if _, err = s.WriteEntry(ctx, e); errors.Is(err, credential.ErrJournalConflict) {
				err = nil // it is in use again
			}
		}
	}
	s.notSwept(ctx, err)
}

func addressOf(rec record) string {
	kind, key := rec.address()
	return addressText(kind, key)
}
