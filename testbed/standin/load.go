package standin

import (
	"context"
	"fmt"
	"sync"
)

// load is what clients have under way. The zero load is ready.
type load struct {
	mu       sync.Mutex // guards what follows
	tunnels  int
	requests int
	changed  chan struct{} // closed at the next change
}

func (l *load) tunnel(change int) { l.change(change, 0) }

func (l *load) request(change int) { l.change(0, change) }

func (l *load) change(tunnels, requests int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tunnels += tunnels
	l.requests += requests
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// AwaitQuiet waits until no tunnel is open and no request is being answered. Once a client was killed, everything that it had sent has
// then had its effect, if it has one, and is in the history.
func (s *Server) AwaitQuiet(ctx context.Context) error {
	l := &s.load
	for {
		l.mu.Lock()
		if l.tunnels == 0 && l.requests == 0 {
			l.mu.Unlock()
			return nil
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed, tunnels, requests := l.changed, l.tunnels, l.requests
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("await quiet: %d tunnels are open, %d requests are being answered: %w", tunnels, requests, ctx.Err())
		}
	}
}
