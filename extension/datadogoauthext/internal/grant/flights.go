package grant

import (
	"context"
	"maps"
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
// gives up ends only its own waiting. What fn does is done on behalf of the first who asked.
func (s *Service) fly(ctx context.Context, f *flights, key string, fn func(context.Context) error) error {
	f.mu.Lock()
	fl, ok := f.m[key]
	if !ok {
		fl = &flight{done: make(chan struct{})}
		actor := actorOf(ctx)
		ok = s.life.spawn(func() {
			ctx, cancel := context.WithTimeout(WithActor(s.life.flying, actor), operation)
			defer cancel()
			fl.err = fn(ctx)
			f.mu.Lock()
			delete(f.m, key)
			f.mu.Unlock()
			close(fl.done)
		})
		if !ok {
			f.mu.Unlock()
			return errStopping
		}
		if f.m == nil {
			f.m = map[string]*flight{}
		}
		f.m[key] = fl // before the flight can take it out again: that needs f.mu
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
	said     string // what was logged of it
}

const (
	firstBackoff   = 30 * time.Second
	longestBackoff = time.Hour
	// storeBackoff is how long a tenant waits when the database did not answer: that costs Datadog nothing, and it is soon back.
	storeBackoff = 2 * time.Second
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
	b.m[tenant] = backoff{failures: cur.failures + 1, next: now.Add(wait), said: cur.said}
}

// unreached notes a failure on account of a database that does not answer. Such waits do not grow.
func (b *backoffs) unreached(tenant string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = map[string]backoff{}
	}
	cur := b.m[tenant]
	cur.next = now.Add(storeBackoff)
	b.m[tenant] = cur
}

// until notes a failure after which a tenant waits for a fixed time.
func (b *backoffs) until(tenant string, next time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = map[string]backoff{}
	}
	cur := b.m[tenant]
	cur.failures, cur.next = cur.failures+1, next
	b.m[tenant] = cur
}

// news reports whether text differs from what it was told last since the latest success.
func (b *backoffs) news(tenant, text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	cur := b.m[tenant]
	if cur.said == text {
		return false
	}
	if b.m == nil {
		b.m = map[string]backoff{}
	}
	cur.said = text
	b.m[tenant] = cur
	return true
}

// next is when a tenant is tried again.
func (b *backoffs) next(tenant string) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.m[tenant].next
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
	mu sync.Mutex           // guards the rest
	m  map[string]time.Time // when each key may go again
	// full is how many keys there may be before those whose time is over are forgotten.
	full int
}

// minWindows is how many keys are not worth a look for what can be forgotten.
const minWindows = 1024

// enter reports whether key may go, and closes the window behind it.
func (w *windows) enter(key string, now time.Time, length time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if until, ok := w.m[key]; ok && now.Before(until) {
		return false
	}
	if w.m == nil {
		w.m, w.full = map[string]time.Time{}, minWindows
	}
	if len(w.m) >= w.full { // it doubled since the last time, so that costs little per key
		maps.DeleteFunc(w.m, func(_ string, until time.Time) bool { return !now.Before(until) })
		w.full = max(minWindows, 2*len(w.m))
	}
	w.m[key] = now.Add(length)
	return true
}
