package datadogoauthext

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

const (
	// saveEvery is how often the report of a check under way is stored, at most.
	saveEvery = time.Second
	// savePatience is how long the store may fail until a check ends: by then another may take its place.
	savePatience = 90 * time.Second
)

// checkSaver stores the report of a check that is under way, now and then, and by that also says that the run is alive. Nobody waits for the
// store but its own goroutine.
type checkSaver struct {
	grants *grant.Service

	mu      sync.Mutex // guards the rest
	latest  check.Report
	failing time.Time // since when no write works; zero while they do
	err     error     // why the check is to end

	stopped chan struct{}
	done    sync.WaitGroup
}

func newCheckSaver(ctx context.Context, grants *grant.Service, begun check.Report) *checkSaver {
	s := &checkSaver{grants: grants, latest: begun, stopped: make(chan struct{})}
	s.done.Go(func() { s.beat(ctx) })
	return s
}

// save is Options.Save of a check. An error is of earlier writes: another check took the place of this one, or the store fails for too long.
func (s *checkSaver) save(r check.Report) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest = r
	return s.err
}

func (s *checkSaver) beat(ctx context.Context) {
	ticks := time.NewTicker(saveEvery)
	defer ticks.Stop()
	lines, stored := 0, time.Now()
	for {
		select {
		case <-s.stopped:
			return
		case <-ticks.C:
		}
		s.mu.Lock()
		latest := s.latest
		s.mu.Unlock()
		passed, failed, notTested := latest.Counts()
		if n := passed + failed + notTested; n != lines || time.Since(stored) >= grant.CheckBeat {
			if s.store(ctx, latest) {
				lines, stored = n, time.Now()
			}
		}
	}
}

// store reports whether a write worked. One that failed is made again.
func (s *checkSaver) store(ctx context.Context, r check.Report) bool {
	begun := time.Now()
	err := s.grants.SaveCheck(ctx, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.failing = time.Time{}
	case errors.Is(err, grant.ErrOtherCheck):
		s.err = err
	case s.failing.IsZero():
		s.failing = begun
	case time.Since(s.failing) >= savePatience:
		s.err = err
	}
	return err == nil
}

// end stores the report as it is at the end.
func (s *checkSaver) end(ctx context.Context, r check.Report) error {
	close(s.stopped)
	s.done.Wait()
	return s.grants.SaveCheck(ctx, r)
}
