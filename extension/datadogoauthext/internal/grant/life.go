package grant

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
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

// Close begins nothing more and waits for what is under way, a call to Datadog too; when ctx ends first, it cancels the calls. What is
// in memory only is written then; the error says what could not be. It does not close the store.
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
		return s.saveAll(ctx)
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
	longestRetry = 10 * time.Second
)

// run loads until it succeeds, then does what is due, pass by pass: what an earlier process left half done comes first.
func (s *Service) run() {
	ctx := s.life.stopping
	if s.sendOnly {
		s.life.spawn(func() { s.passes(ctx, s.sendingPass) }) // it may be ready before the store answers
	}
	at, ok := s.begin(ctx)
	if !ok {
		return
	}
	if s.shared != nil {
		s.life.spawn(func() { s.watch(ctx, at) })
	}
	if s.sendOnly {
		return
	}
	for _, duty := range s.duties() {
		s.life.spawn(func() { s.passes(ctx, duty) })
	}
}

// duties are what is due now and then. Each has a loop of its own, so that none waits for another: a site that hangs, or a thousand grants
// to refresh, hold up neither the writing of an answer that is in memory only nor the revocation of tokens.
func (s *Service) duties() []func(context.Context) {
	return []func(context.Context){s.tend, s.proveKeys, s.resumeMints, s.refreshDue, s.runRevocations, s.recheckKeys}
}

// passes calls pass every half minute, or a moment after it ended where it took longer. Both are of the machine's time, whatever
// Options.Now says.
func (s *Service) passes(ctx context.Context, pass func(context.Context)) {
	for {
		began := time.Now()
		pass(ctx)
		if s.pause(ctx, max(passEvery-time.Since(began), firstRetry)) != nil {
			return
		}
	}
}

// begin loads the grants, as often as it takes. A fault is logged when its text changes, and is trouble until it is over. ok is false
// when the service ended first.
func (s *Service) begin(ctx context.Context) (at store.Cursor, ok bool) {
	var said string
	var down time.Time
	for wait := firstRetry; ; wait = min(2*wait, longestRetry) {
		at, err := s.attempt(ctx)
		if ctx.Err() != nil {
			return 0, false
		}
		if err == nil {
			s.noteStore(nil)
			s.saveCopy(ctx)
			return at, true
		}
		if down.IsZero() {
			down = s.now()
		}
		if !s.Ready() {
			s.loadCopy(ctx)
		}
		if text := err.Error(); text != said {
			said = text
			s.log.Error("Loading the grants failed; trying again until it succeeds", zap.Error(err))
			s.noteStore(s.notLoaded(err, down))
		}
		if s.pause(ctx, wait) != nil {
			return 0, false
		}
	}
}

// attempt loads once. A collector that has a copy to start from waits less.
func (s *Service) attempt(ctx context.Context) (store.Cursor, error) {
	limit := reloadFor
	if s.copy.st != nil && !s.Ready() {
		limit = copyAfter
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s.reloadKeysets()
	if s.prepare != nil {
		if err := s.prepare(ctx); err != nil {
			return 0, err
		}
	}
	s.ensureFingerprints(ctx)
	return s.load(ctx)
}

func (s *Service) notLoaded(err error, down time.Time) error {
	serves := "lookups answer \"not ready\" until they are, and data waits"
	if s.Ready() {
		serves = "the local copy of " + since(s.copy.saved) + " serves"
	}
	return fmt.Errorf("the grants cannot be loaded since %s: %s: %w", since(down), serves, err)
}

// tend is the duty that asks nothing of Datadog: it looks after the store, the keyset and secret files, and what ran out.
func (s *Service) tend(ctx context.Context) {
	_ = s.saveAll(ctx) // what it could not write was logged when it was kept
	s.proveWrite(ctx)
	s.reconcile(ctx)
	s.checkSecrets()
	s.compareSettings(ctx)
	s.rereadAfterReload(ctx)
	s.reseal(ctx)
	s.ageKeys(ctx)
	s.completeInvitations(ctx)
	s.sweep(ctx)
	s.reportTrouble()
}

// rereadAfterReload reads everything again once a keyset file was replaced, until that succeeds: records may open that did not. For a
// shared store watch does that.
func (s *Service) rereadAfterReload(ctx context.Context) {
	if s.shared != nil {
		return
	}
	if s.reloadKeysets() {
		s.reread.Store(true)
	}
	if !s.reread.Load() {
		return
	}
	if _, err := s.readAgain(ctx); err != nil && ctx.Err() == nil && s.windows.enter("\x00reread", s.now(), longestBackoff) {
		s.log.Error("The grants were not read again with the replaced keyset; trying again", zap.Error(err))
	}
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
