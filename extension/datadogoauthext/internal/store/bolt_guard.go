package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"go.etcd.io/bbolt"
)

var errClosed = fmt.Errorf("the store is closed: %w", os.ErrClosed)

// view runs f in a read transaction.
func (s *Bolt) view(ctx context.Context, f func(*bbolt.Tx) error) error {
	return s.guarded(ctx, func() error { return s.db.View(f) })
}

// update runs f in a write transaction, which is synced before update returns nil.
//
// Writers wait for each other here and not in bbolt: whoever waited while another one met damage must not go on to wait
// for a lock that bbolt never lets go of.
func (s *Bolt) update(ctx context.Context, f func(*bbolt.Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.guarded(ctx, func() error { return s.db.Update(f) })
}

// guarded calls f unless the store is closed or damaged.
//
// A panic of bbolt leaves its locks in an unknown state, so the first one ends the store for this process: calls that
// come later get the same error at once and wait for nothing.
func (s *Bolt) guarded(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return errClosed
	}
	if damage := s.damage.Load(); damage != nil {
		return *damage
	}
	err := withoutPanic(f)
	if errors.Is(err, errPanic) {
		s.damage.CompareAndSwap(nil, &err)
	}
	return err
}

var errPanic = errors.New("its pages contradict each other")

// withoutPanic turns a panic of bbolt over a damaged page into ErrCorrupt.
//
// bbolt reads the file through a memory map. Where the file ends too early, the disk fails to read, or a page points
// outside the map, the processor faults; SetPanicOnFault makes that a panic as well, instead of the end of the process.
func withoutPanic(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %w: %.200s", ErrCorrupt, errPanic, fmt.Sprint(r))
		}
	}()
	return f()
}
