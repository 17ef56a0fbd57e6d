package datadogoauthexporter

import (
	"sync"
	"time"
)

// leastShutdownTimeout leaves time for the storage to write what is under way.
const leastShutdownTimeout = time.Second

func (c *Config) validateStop(f *faults) {
	if c.ShutdownTimeout < leastShutdownTimeout {
		f.add("shutdown_timeout", "must be at least %s, got %s", leastShutdownTimeout, c.ShutdownTimeout)
	}
}

// sharedStop is the time that the exporters of one configuration have to stop, all signals together: the collector stops one after the other, and what one
// of them does not need is left to those that follow.
type sharedStop struct {
	mu      sync.Mutex // guards everything below
	running int        // exporters that were started and did not stop yet
	used    time.Duration
}

func (s *sharedStop) started() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running++
}

// share is how long one of those that run may take.
func (s *sharedStop) share(timeout time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(timeout-s.used, 0) / time.Duration(max(s.running, 1))
}

func (s *sharedStop) ended(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used += took
	if s.running--; s.running <= 0 {
		s.running, s.used = 0, 0 // the same configuration may be started again
	}
}
