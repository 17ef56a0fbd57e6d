package grant

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// errStopping: Close was called, and nothing is begun any more.
var errStopping = errors.New("the service is stopping; try again after the restart")

// life ends in two steps, so that the answer to a call under way, a rotated refresh token or the only copy of a new key, is
// still stored.
type life struct {
	// stopping ends when Close is called: pauses end, and nothing is begun.
	stopping context.Context
	stop     context.CancelFunc
	// flying ends when Close gives up waiting: calls that are under way end too.
	flying context.Context
	abort  context.CancelFunc

	once sync.Once
	mu   sync.Mutex // so that nothing is added to work once Close waits for it
	work sync.WaitGroup
}

func (l *life) init() {
	l.stopping, l.stop = context.WithCancel(context.Background())
	l.flying, l.abort = context.WithCancel(context.Background())
}

// begin counts a piece of work that Close waits for. It is refused once Close was called.
func (l *life) begin() (end func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping.Err() != nil {
		return nil, false
	}
	l.work.Add(1)
	return l.work.Done, true
}

// spawn runs fn in the background, unless Close was called.
func (l *life) spawn(fn func()) bool {
	end, ok := l.begin()
	if ok {
		go func() {
			defer end()
			fn()
		}()
	}
	return ok
}

// Start loads the grants in the background and keeps them alive from then on. It waits for nothing.
func (s *Service) Start() {
	s.life.once.Do(func() { s.life.spawn(s.run) })
}

// Close begins nothing more and waits for what is under way, a call to Datadog too; when ctx ends first, it cancels the calls.
// It does not close the store.
func (s *Service) Close(ctx context.Context) error {
	l := &s.life
	l.mu.Lock()
	l.stop()
	l.mu.Unlock()
	done := make(chan struct{})
	go func() { l.work.Wait(); close(done) }()
	defer l.abort()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("grants are still being written: %w", ctx.Err())
	}
}

// Ready reports whether the grants are loaded.
func (s *Service) Ready() bool { return s.table.Load() != nil }

// checkReady is credential.ErrNotReady until the grants are loaded.
func (s *Service) checkReady() error {
	if !s.Ready() {
		return credential.ErrNotReady
	}
	return nil
}

const (
	passEvery    = 30 * time.Second
	firstRetry   = time.Second
	longestRetry = 30 * time.Second
)

// run loads until it succeeds, puts right what an earlier process left half done, then does what is due, pass by pass.
func (s *Service) run() {
	ctx := s.life.stopping
	for wait := firstRetry; ; wait = min(2*wait, longestRetry) {
		err := s.load(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return
		}
		s.log.Error("Loading the grants failed; trying again", zap.Error(err), zap.Duration("in", wait))
		if s.pause(ctx, wait) != nil {
			return
		}
	}
	reconciled := false
	for {
		reconciled = reconciled || s.reconcile(ctx)
		s.pass(ctx)
		if s.pause(ctx, passEvery) != nil {
			return
		}
	}
}

// pass does what is due: keep-alive refreshes and those that failed, keys that are no longer fresh, flows that ran out.
func (s *Service) pass(ctx context.Context) {
	s.saveAll(ctx)
	s.checkSecrets()
	s.resumeMints(ctx)
	s.refreshDue(ctx)
	s.ageKeys(ctx)
	s.recheckKeys(ctx)
	s.sweep(ctx)
	s.reportTrouble()
}

// pause waits, and says why when ctx or the service ended first.
func (s *Service) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.life.stopping.Done():
		return errStopping
	case <-s.after(d):
		return ctx.Err()
	}
}
