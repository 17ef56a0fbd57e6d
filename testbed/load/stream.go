package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Stream sends several loads side by side, round after round, for as long as it is asked to. All loads have the same number of requests of the same
// size. A request is sent when it is due, whatever became of others: one that is refused is sent again and holds up nobody but its own tenant.
type Stream struct {
	URL    string // of an OTLP/HTTP receiver, without a path
	Header string // names the tenant
	// Tenants is how many there are, from number First on; they take turns. It is a multiple of the requests of a load, or divides it.
	Tenants int
	First   int
	Name    func(tenant int) string
	Loads   []*Load
	Ledger  *Ledger
	// Patience is how long a request that is refused is sent again. Zero is for ever.
	Patience time.Duration

	client *http.Client
	next   int                  // step that comes; a step is one request of one load
	busy   []atomic.Bool        // by load and request: its body is in use
	known  []bool               // by load and sender: the receiver has seen the beginning of its cumulative series
	counts [Groups]StreamCounts // guarded by mu
	mu     sync.Mutex
}

// StreamCounts are requests.
type StreamCounts struct {
	Taken   int // by the receiver
	Refused int // times that the receiver said no, each of them
	Failed  int // broken connections and answers that nobody expects
	Given   int // up, since they were refused for too long
	Skipped int // not sent, since the same request of the round before was still being refused
}

// Step is how many items a request has.
func (s *Stream) Step() int { return s.Loads[0].Items }

// Run sends at a rate, in items a second over all loads, for a time, and returns when every request is answered or given up. It is not safe for
// concurrent use. begin is when the first was due; took is the time until the last was, and all were answered.
func (s *Stream) Run(ctx context.Context, rate float64, d time.Duration) (begin time.Time, took time.Duration, err error) {
	if err := s.prepare(); err != nil {
		return time.Time{}, 0, err
	}
	every := time.Duration(float64(s.Step()) / rate * float64(time.Second))
	steps := max(1, int(d/every))
	begin = time.Now()
	var work sync.WaitGroup
	var fault atomic.Pointer[error]
	for i := range steps {
		due := begin.Add(time.Duration(i) * every)
		if err = pause(ctx, time.Until(due)); err != nil || fault.Load() != nil {
			break
		}
		step := s.next
		s.next++
		work.Go(func() {
			if err := s.send(ctx, step, due); err != nil {
				fault.CompareAndSwap(nil, &err)
			}
		})
	}
	work.Wait()
	if f := fault.Load(); f != nil {
		err = errors.Join(err, *f)
	}
	return begin, max(time.Since(begin), time.Duration(steps)*every), err
}

func (s *Stream) prepare() error {
	requests := s.Loads[0].Requests
	for _, l := range s.Loads {
		if l.Requests != requests || l.Items != s.Loads[0].Items {
			return errors.New("load: the loads of a stream must be alike in number and size of requests")
		}
	}
	if s.senders()%requests != 0 || s.senders()%s.Tenants != 0 {
		return fmt.Errorf("load: %d tenants cannot take turns with %d requests", s.Tenants, requests)
	}
	if s.busy == nil {
		s.busy = make([]atomic.Bool, len(s.Loads)*requests)
	}
	if s.known == nil {
		s.known = make([]bool, len(s.Loads)*s.senders())
	}
	if s.client == nil {
		s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 30 * time.Second}
	}
	return nil
}

// senders is after how many requests of a load the same one comes for the same tenant.
func (s *Stream) senders() int { return max(s.Tenants, s.Loads[0].Requests) }

// send sends the request of a step. The error is one of the stream itself.
func (s *Stream) send(ctx context.Context, step int, due time.Time) error {
	which := step % len(s.Loads)
	n := step / len(s.Loads)
	l, tenant, sender := s.Loads[which], s.First+n%s.Tenants, n%s.senders()
	i, round := n%l.Requests, n/l.Requests
	group := 0
	if s.Ledger.Of != nil {
		group = s.Ledger.Of(tenant)
	}
	busy := &s.busy[which*l.Requests+i]
	if !busy.CompareAndSwap(false, true) {
		s.count(group, func(c *StreamCounts) { c.Skipped++ })
		return nil
	}
	defer busy.Store(false)
	now := time.Now()
	body := l.requests[i].render(now, uint64(round)) //nolint:gosec // not negative
	known := &s.known[which*s.senders()+sender]
	expected := l.Items
	if !*known {
		expected -= l.First
	}
	m := l.mark(i, uint64(round), now) //nolint:gosec // not negative
	if err := s.Ledger.add(m, tenant, due, expected); err != nil {
		return err
	}
	for {
		status, err := s.post(ctx, l, body, tenant)
		switch {
		case err == nil && status == http.StatusOK:
			*known = true
			s.Ledger.taken(m, l.Items)
			s.count(group, func(c *StreamCounts) { c.Taken++ })
			return nil
		case err == nil && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable):
			s.count(group, func(c *StreamCounts) { c.Refused++ })
		default:
			s.count(group, func(c *StreamCounts) { c.Failed++ })
		}
		if ctx.Err() != nil || s.Patience > 0 && time.Since(due) > s.Patience {
			s.count(group, func(c *StreamCounts) { c.Given++ })
			return nil
		}
		_ = pause(ctx, 50*time.Millisecond) // looked at above
	}
}

func (s *Stream) post(ctx context.Context, l *Load, body []byte, tenant int) (int, error) {
	req, err := l.post(ctx, s.URL, s.Header, s.Name(tenant), body)
	if err != nil {
		return 0, err
	}
	status, answer, err := do(s.client, req)
	if err == nil && status == http.StatusOK && len(answer) > 0 && string(answer) != emptyPartialSuccess {
		return 0, fmt.Errorf("load: %s was taken in part: %q", l.Signal, answer)
	}
	return status, err
}

func (s *Stream) count(group int, change func(*StreamCounts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.counts[group])
}

// Counts are those of a group of tenants since the stream began.
func (s *Stream) Counts(group int) StreamCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[group]
}
