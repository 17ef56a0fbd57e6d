package datadogoauthext

import (
	"context"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// saveEvery is how often the report of a check under way is stored, at most.
const saveEvery = time.Second

// checkSaver stores the report of a check that is under way, now and then, and by that also says that the run is alive. Nobody waits for the
// store but its own goroutine.
type checkSaver struct {
	grants *grant.Service

	mu     sync.Mutex // guards the rest
	latest check.Report
	err    error // of the latest write

	stopped chan struct{}
	done    sync.WaitGroup
}

func newCheckSaver(ctx context.Context, grants *grant.Service, begun check.Report) *checkSaver {
	s := &checkSaver{grants: grants, latest: begun, stopped: make(chan struct{})}
	s.done.Go(func() { s.beat(ctx) })
	return s
}

// save is Options.Save of a check. The error is that of an earlier write.
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
			lines, stored = n, time.Now()
			s.store(ctx, latest)
		}
	}
}

func (s *checkSaver) store(ctx context.Context, r check.Report) {
	err := s.grants.SaveCheck(ctx, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// end stores the report as it is at the end.
func (s *checkSaver) end(ctx context.Context, r check.Report) error {
	close(s.stopped)
	s.done.Wait()
	return s.grants.SaveCheck(ctx, r)
}
