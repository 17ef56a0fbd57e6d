package grant

import (
	"context"
	"sync"
	"time"
)

// flights lets one caller work while the others who want the same wait for it.
type flights struct {
	mu sync.Mutex // guards m
	m  map[string]*flight
}

type flight struct {
	done chan struct{}
	err  error // set before done is closed
}

// fly runs fn once for all who ask under the same key at the same time. fn runs on the service's own time: a caller who
// gives up ends only its own waiting.
func (s *Service) fly(ctx context.Context, f *flights, key string, fn func(context.Context) error) error {
	f.mu.Lock()
	fl, ok := f.m[key]
	if !ok {
		if s.ctx.Err() != nil {
			f.mu.Unlock()
			return context.Canceled
		}
		fl = &flight{done: make(chan struct{})}
		if f.m == nil {
			f.m = map[string]*flight{}
		}
		f.m[key] = fl
		s.work.Go(func() {
			ctx, cancel := context.WithTimeout(s.ctx, operation)
			defer cancel()
			fl.err = fn(ctx)
			f.mu.Lock()
			delete(f.m, key)
			f.mu.Unlock()
			close(fl.done)
		})
	}
	f.mu.Unlock()
	select {
	case <-fl.done:
		return fl.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// backoffs says when a tenant whose refresh failed is tried again.
type backoffs struct {
	mu sync.Mutex // guards m
	m  map[string]backoff
}

type backoff struct {
	failures int
	next     time.Time
}

const (
	firstBackoff   = 30 * time.Second
	longestBackoff = time.Hour
)

// failed notes a failure; share in [0,1) spreads tenants that failed together.
func (b *backoffs) failed(tenant string, now time.Time, share float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = map[string]backoff{}
	}
	cur := b.m[tenant]
	wait := min(firstBackoff<<min(cur.failures, 10), longestBackoff)
	wait += time.Duration(share * float64(wait) / 2)
	b.m[tenant] = backoff{failures: cur.failures + 1, next: now.Add(wait)}
}

func (b *backoffs) clear(tenant string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.m, tenant)
}

// due reports whether the wait of a tenant is over; one that never failed is always due.
func (b *backoffs) due(tenant string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !now.Before(b.m[tenant].next)
}

// windows lets something happen once per key in a stretch of time.
type windows struct {
	mu sync.Mutex // guards m
	m  map[string]time.Time
}

// enter reports whether key may go, and closes the window behind it.
func (w *windows) enter(key string, now time.Time, length time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last, ok := w.m[key]; ok && now.Before(last.Add(length)) {
		return false
	}
	if w.m == nil {
		w.m = map[string]time.Time{}
	}
	w.m[key] = now
	return true
}
