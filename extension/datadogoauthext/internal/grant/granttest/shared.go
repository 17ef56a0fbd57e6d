package granttest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// Shared is a bbolt store that several services of one test use as if each were a process of its own and the store a database. It can
// stop answering, and forget what changed.
type Shared struct {
	*store.Bolt

	mu    sync.Mutex // guards the rest
	down  bool
	old   store.Cursor // changes up to here are forgotten
	log   []store.Record
	hints chan struct{}
}

var _ store.Shared = (*Shared)(nil)

// NewShared makes one of an open store.
func NewShared(bolt *store.Bolt) *Shared { return &Shared{Bolt: bolt, hints: make(chan struct{})} }

// SetDown says whether the store answers.
func (s *Shared) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// ForgetChanges makes every cursor out of date.
func (s *Shared) ForgetChanges() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, store.Record{})
	s.old = store.Cursor(len(s.log))
}

func (s *Shared) answer() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return store.ErrUnreachable
	}
	return nil
}

// Get implements store.Store.
func (s *Shared) Get(ctx context.Context, kind store.Kind, key string) (store.Record, error) {
	if err := s.answer(); err != nil {
		return store.Record{}, err
	}
	return s.Bolt.Get(ctx, kind, key)
}

// List implements store.Store.
func (s *Shared) List(ctx context.Context, kind store.Kind, yield func(store.Record) error) error {
	if err := s.answer(); err != nil {
		return err
	}
	return s.Bolt.List(ctx, kind, yield)
}

// Range implements store.Store.
func (s *Shared) Range(ctx context.Context, kind store.Kind, r store.Range, yield func(store.Record) error) error {
	if err := s.answer(); err != nil {
		return err
	}
	return s.Bolt.Range(ctx, kind, r, yield)
}

// Lease implements store.Store.
func (s *Shared) Lease(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	if err := s.answer(); err != nil {
		return nil, err
	}
	return s.Bolt.Lease(ctx, name, ttl)
}

// Apply implements store.Store.
func (s *Shared) Apply(ctx context.Context, changes ...store.Change) error {
	if err := s.answer(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Bolt.Apply(ctx, changes...); err != nil {
		return err
	}
	for _, c := range changes {
		if c.Delete {
			c.Value = nil
		}
		s.log = append(s.log, store.Record{Kind: c.Kind, Key: c.Key, Version: c.Version, Value: c.Value})
	}
	return nil
}

// Import implements store.Store.
func (s *Shared) Import(ctx context.Context, records ...store.Record) error {
	if err := s.answer(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Bolt.Import(ctx, records...); err != nil {
		return err
	}
	for _, r := range records {
		s.log = append(s.log, store.Record{Kind: r.Kind, Key: r.Key, Version: r.Version}, r) // followers forget what was there
	}
	return nil
}

// Cursor implements store.Shared.
func (s *Shared) Cursor(context.Context) (store.Cursor, error) {
	if err := s.answer(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return store.Cursor(len(s.log)), nil
}

// Changes implements store.Shared.
func (s *Shared) Changes(ctx context.Context, after store.Cursor, kinds []store.Kind, yield func(store.Record) error) (store.Cursor, error) {
	if err := s.answer(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	if after < s.old {
		s.mu.Unlock()
		return 0, store.ErrCursorGone
	}
	changed, next := s.log[after:], store.Cursor(len(s.log))
	s.mu.Unlock()
	for _, c := range changed {
		if len(kinds) > 0 && !slices.Contains(kinds, c.Kind) {
			continue
		}
		if c.Value != nil {
			raw, err := s.Bolt.Get(ctx, c.Kind, c.Key)
			if errors.Is(err, store.ErrNotFound) {
				continue // its deletion comes later in the log
			}
			if err != nil {
				return 0, err
			}
			c = raw
		}
		if err := yield(c); err != nil {
			return 0, err
		}
	}
	return next, nil
}

// Hint implements store.Shared. There are none: whoever waits has to ask.
func (s *Shared) Hint() <-chan struct{} { return s.hints }

// Shared opens the fixture's store as one that several services can use, by NewOn. It is closed after all of them.
func (f *Fixture) Shared() *Shared {
	f.TB.Helper()
	bolt := f.openBolt()
	f.TB.Cleanup(func() { _ = bolt.Close() })
	return NewShared(bolt)
}

// AwaitReady starts a service and waits until it is ready.
func AwaitReady(tb testing.TB, s interface {
	Start()
	Changes() <-chan struct{}
},
) {
	tb.Helper()
	changed := s.Changes()
	s.Start()
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		tb.Fatal("the service did not load")
	}
}
