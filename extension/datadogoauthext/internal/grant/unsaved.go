package grant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"
)

// errSuperseded: what the store holds is newer than an answer, which is of no use any more. Whoever returns it from within keep gives
// the answer up; any other error keeps it.
var errSuperseded = errors.New("somebody else wrote something newer in the meantime")

// unsaved are answers that exist nowhere but here, since they could not be written: by what they belong to, at most one each.
type unsaved struct {
	mu sync.Mutex // guards m
	m  map[string]*unsavedAnswer
}

type unsavedAnswer struct {
	write func(*txn) error
	actor Actor // on whose behalf the question was asked
	// turn holds a value while somebody tries to write it: write is not made to run twice at a time.
	turn chan struct{}
}

// keep is persist for an answer that is the only copy of something. Where even persist fails, for whatever reason, the answer stays in
// memory, and save tries again.
func (s *Service) keep(ctx context.Context, about string, fn func(*txn) error) error {
	err := s.persist(ctx, fn)
	if err == nil || errors.Is(err, errSuperseded) {
		return err
	}
	s.unsaved.add(about, &unsavedAnswer{write: fn, actor: actorOf(ctx), turn: make(chan struct{}, 1)})
	s.reportTrouble()
	s.log.Error("An answer of Datadog is in memory only, since it could not be written to the grant store; mend that before the collector stops",
		zap.String("about", about), zap.Error(err))
	return err
}

// overwriting makes fn's reading and writing of rec go on where the store holds an older version than memory knows: the database failed
// over to a copy without the latest writes, say. It is for an answer that is the only copy of something, and is newer than both. What is
// written then has a higher version than any that was seen, so that every collector believes it.
func overwriting(rec record, fn func(*txn) error) func(*txn) error {
	return func(tx *txn) error {
		tx.overwrites = addressText(rec.address())
		return fn(tx)
	}
}

// save writes what keep could not. Until it succeeds nothing is asked of Datadog about the same: the older record that the store has
// would be taken for the truth.
func (s *Service) save(ctx context.Context, about string) error {
	s.unsaved.mu.Lock()
	a := s.unsaved.m[about]
	s.unsaved.mu.Unlock()
	if a == nil {
		return nil
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !s.unsaved.holds(about, a) {
		return nil // whoever had the turn before wrote it
	}
	err := s.change(WithActor(ctx, a.actor), a.write)
	if err != nil && !errors.Is(err, errSuperseded) {
		return fmt.Errorf("an earlier answer of Datadog about %s is in memory only: %w", about, err)
	}
	s.unsaved.mu.Lock()
	if s.unsaved.m[about] == a { // a later answer stays
		delete(s.unsaved.m, about)
	}
	s.unsaved.mu.Unlock()
	s.reportTrouble()
	if err != nil {
		s.log.Warn("An answer of Datadog that was in memory only is dropped", zap.String("about", about), zap.Error(err))
		return nil
	}
	s.log.Info("An answer of Datadog that was in memory only is stored", zap.String("about", about))
	return nil
}

// add replaces an earlier answer about the same.
func (u *unsaved) add(about string, a *unsavedAnswer) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m == nil {
		u.m = map[string]*unsavedAnswer{}
	}
	u.m[about] = a
}

func (u *unsaved) holds(about string, a *unsavedAnswer) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.m[about] == a
}

// left is what they belong to, in order.
func (u *unsaved) left() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Sorted(maps.Keys(u.m))
}

// saveAll tries every one of them. The error names those that are still in memory only.
func (s *Service) saveAll(ctx context.Context) error {
	var errs []error
	for _, about := range s.unsaved.left() {
		errs = append(errs, s.save(ctx, about))
	}
	err := errors.Join(errs...)
	if left := s.unsaved.left(); err != nil && len(left) > 0 {
		return fmt.Errorf("answers of Datadog are in memory only and are lost when the collector stops (%s): %w", strings.Join(left, ", "), err)
	}
	return nil
}
