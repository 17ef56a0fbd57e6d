package grant

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

const (
	// pollEvery is how often a shared store is asked for changes, with up to half of it more. A tenant that was disconnected in one
	// collector is so in all of them after that.
	pollEvery = time.Second
	// pollFor bounds one question, so that one that hangs is asked again soon; after each in a row that took too long it is doubled, since
	// there may be that much to read. reloadFor bounds that, and one reading of everything.
	pollFor   = 3 * time.Second
	reloadFor = 2 * time.Minute
)

// watch follows what other processes do to a shared store. While the database does not answer, memory serves as it is.
func (s *Service) watch(ctx context.Context, at store.Cursor) {
	limit := pollFor
	for s.awaitPoll(ctx) == nil {
		next, err := s.next(ctx, at, limit)
		if ctx.Err() != nil {
			return
		}
		if limit = min(2*limit, reloadFor); !errors.Is(err, context.DeadlineExceeded) {
			limit = pollFor
		}
		s.noteAnswer(ctx, err)
		if err == nil {
			at = next
			s.saveCopy(ctx)
		}
	}
}

// awaitPoll waits for a hint or the time of the next poll. The time is that of the machine, whatever Options.After says: other
// processes keep no other.
func (s *Service) awaitPoll(ctx context.Context) error {
	timer := time.NewTimer(pollEvery + rand.N(pollEvery/2)) //nolint:gosec // spreads load, guards nothing
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-s.shared.Hint():
	}
	return nil
}

// next polls for at most limit, or reads everything again where records may open that did not.
func (s *Service) next(ctx context.Context, at store.Cursor, limit time.Duration) (store.Cursor, error) {
	if s.windows.enter("\x00keysets", s.now(), passEvery) && s.reloadKeysets() {
		s.reread.Store(true)
	}
	if s.reread.Load() {
		return s.readAgain(ctx)
	}
	return s.poll(ctx, at, limit)
}

// readAgain is reload with a limit. Until it succeeds it is tried at every poll.
func (s *Service) readAgain(ctx context.Context) (store.Cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, reloadFor)
	defer cancel()
	s.reread.Store(false) // before it begins: a keyset may be replaced meanwhile
	at, err := s.reload(ctx)
	if err != nil {
		s.reread.Store(true)
	}
	return at, err
}

// poll takes in what changed after a place, and returns the place to go on from.
func (s *Service) poll(ctx context.Context, at store.Cursor, limit time.Duration) (store.Cursor, error) {
	polling, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	kinds := followed
	if s.sendOnly {
		kinds = nil // the database shows no others, and the copy follows the canary too
	}
	var raws []store.Record
	next, err := s.shared.Changes(polling, at, kinds, func(raw store.Record) error {
		raws = append(raws, raw)
		return nil
	})
	if errors.Is(err, store.ErrCursorGone) {
		s.log.Info("Changes of the store are not kept as far back as this collector has read; reading everything again")
		return s.readAgain(ctx)
	}
	if err == nil && s.sendOnly {
		raws, err = s.chosen(polling, raws)
	}
	if err != nil || len(raws) == 0 {
		return next, err
	}
	all, err := s.settled(polling, s.openAll(raws))
	if err != nil {
		return at, err
	}
	s.takeIn(all)
	return next, nil
}

// noteAnswer keeps whether the store answers, and logs each change of that.
func (s *Service) noteAnswer(ctx context.Context, err error) {
	down := s.StoreFault() != ""
	switch {
	case err == nil && down:
		s.log.Info("The grant store answers again")
		s.noteStore(nil)
		s.proveWrite(ctx)
	case err != nil && !down:
		s.log.Error("The grant store does not answer; what is in memory goes on serving, and nothing can be stored until it does", zap.Error(err))
		s.noteStore(fmt.Errorf("the grant store does not answer since %s; what is in memory goes on serving: %w", since(s.now()), err))
	}
}
