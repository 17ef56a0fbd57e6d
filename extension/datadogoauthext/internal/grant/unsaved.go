package grant

import (
	"context"
	"errors"
	"sync"

	"go.uber.org/zap"
)

// unsaved are answers that exist nowhere but here, since the store refuses to write: by what they belong to, at most one each.
type unsaved struct {
	mu sync.Mutex // guards m
	m  map[string]func(*txn) error
}

// keep is persist for an answer that is the only copy of something. Where even persist fails, the answer stays in memory, and save
// tries again.
func (s *Service) keep(ctx context.Context, about string, fn func(*txn) error) error {
	err := s.persist(ctx, fn)
	if errors.Is(err, errStore) {
		s.unsaved.mu.Lock()
		defer s.unsaved.mu.Unlock()
		if s.unsaved.m == nil {
			s.unsaved.m = map[string]func(*txn) error{}
		}
		s.unsaved.m[about] = fn
		s.log.Error("An answer of Datadog is in memory only, since the grant store cannot be written; make room for it before the collector stops", zap.String("about", about))
	}
	return err
}

// save writes what keep could not. Until it succeeds nothing is asked of Datadog about the same: the older record that the store has
// would be taken for the truth.
func (s *Service) save(ctx context.Context, about string) error {
	s.unsaved.mu.Lock()
	fn, ok := s.unsaved.m[about]
	s.unsaved.mu.Unlock()
	if !ok {
		return nil
	}
	err := s.change(ctx, fn)
	if errors.Is(err, errStore) {
		return err
	}
	s.unsaved.mu.Lock()
	delete(s.unsaved.m, about)
	s.unsaved.mu.Unlock()
	if err == nil {
		s.log.Info("An answer of Datadog that was in memory only is stored", zap.String("about", about))
	}
	return err
}

// saveAll tries every one of them.
func (s *Service) saveAll(ctx context.Context) {
	s.unsaved.mu.Lock()
	var all []string
	for about := range s.unsaved.m {
		all = append(all, about)
	}
	s.unsaved.mu.Unlock()
	for _, about := range all {
		_ = s.save(ctx, about) // it was logged once, and is tried at every pass
	}
}
