// Package faults decides which requests go wrong, and how.
package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is one way in which matching requests go wrong. Empty fields of the match mean everything.
type Fault struct {
	// ID names the fault in the history; Add makes one when it is empty.
	ID string `json:"id"`

	// Org is the id of the organisation that owns the key or token of the request.
	Org string `json:"org,omitempty"`
	// KeySHA256 is the hexadecimal SHA-256 of an API key or bearer token.
	KeySHA256 string `json:"key_sha256,omitempty"`
	Site      string `json:"site,omitempty"`
	Host      string `json:"host,omitempty"`
	Purpose   string `json:"purpose,omitempty"`
	// Method CONNECT matches the opening of a tunnel, which knows neither credential nor path; latency_ms, hang, abort and reset work there.
	Method string `json:"method,omitempty"`
	// Path is exact, or a prefix when it ends in "*".
	Path string `json:"path,omitempty"`

	// Skip lets that many matching requests pass first; Count ends the fault after that many (0: until it is removed).
	Skip  int `json:"skip,omitempty"`
	Count int `json:"count,omitempty"`

	// LatencyMS delays the request, in milliseconds; alone, the request is then answered as usual.
	LatencyMS int64 `json:"latency_ms,omitempty"`
	// Status answers without doing anything, with Headers and Body.
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	// Reset breaks the TCP connection before anything is done: every HTTP/2 stream on it dies.
	Reset bool `json:"reset,omitempty"`
	// Abort ends this request alone: RST_STREAM on HTTP/2, a closed connection on HTTP/1.1.
	Abort bool `json:"abort,omitempty"`
	// Lose does everything, then ends the request as Abort does: the effect has happened, the answer is lost.
	Lose bool `json:"lose,omitempty"`
	// Withhold does everything, then never answers until the client gives up: the effect has happened, and nobody knows.
	Withhold bool `json:"withhold,omitempty"`
	// Hang takes the request and never answers, until the client gives up.
	Hang bool `json:"hang,omitempty"`

	// Applied is how many requests it was applied to.
	Applied int `json:"applied"`
}

// RateLimited is a fault that answers 429 with the headers that Datadog sends: the limit, its period and the seconds until
// the next one. The match is up to the caller.
func RateLimited(resetSeconds int) Fault {
	return Fault{Status: http.StatusTooManyRequests, Body: `{"errors":["Rate limit of 1 requests in 60 seconds reached. Please try again later."]}`,
		Headers: map[string]string{
			"Content-Type": "application/json", "X-RateLimit-Limit": "1", "X-RateLimit-Period": "60", "X-RateLimit-Remaining": "0",
			"X-RateLimit-Reset": strconv.Itoa(resetSeconds), "X-RateLimit-Name": "stand_in",
		}}
}

// Latency is LatencyMS as a duration.
func (f Fault) Latency() time.Duration { return time.Duration(f.LatencyMS) * time.Millisecond }

func (f Fault) validate() error {
	effects := 0
	for _, on := range []bool{f.Status != 0, f.Reset, f.Abort, f.Lose, f.Withhold, f.Hang} {
		if on {
			effects++
		}
	}
	switch {
	case effects > 1:
		return errors.New("status, reset, abort, lose, withhold and hang exclude each other: name one")
	case effects == 0 && f.LatencyMS == 0:
		return errors.New("no effect: name one of latency_ms, status, reset, abort, lose, withhold, hang")
	case f.LatencyMS < 0 || f.Skip < 0 || f.Count < 0:
		return errors.New("latency_ms, skip, count: must not be negative")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status: must be 200 to 599, got %d", f.Status)
	}
	return nil
}

// Request is what faults are matched against.
type Request struct {
	Org, KeySHA256, Site, Host, Purpose, Method, Path string
}

func (f Fault) matches(r Request) bool {
	if r.Method == http.MethodConnect && f.Method != http.MethodConnect {
		return false // to break tunnels has to be asked for by name
	}
	for _, p := range [][2]string{{f.Org, r.Org}, {f.KeySHA256, r.KeySHA256}, {f.Site, r.Site}, {f.Host, r.Host}, {f.Purpose, r.Purpose}, {f.Method, r.Method}} {
		if p[0] != "" && p[0] != p[1] {
			return false
		}
	}
	if prefix, ok := strings.CutSuffix(f.Path, "*"); ok {
		return strings.HasPrefix(r.Path, prefix)
	}
	return f.Path == "" || f.Path == r.Path
}

// Set holds the faults in force. The zero Set is ready.
type Set struct {
	mu      sync.Mutex // guards what follows
	faults  []*Fault
	skipped map[string]int
	next    int
	changed chan struct{} // closed when a fault is applied
}

// Add puts a fault into force, after those that are there: the first that matches and is not used up is applied.
func (s *Set) Add(f Fault) (Fault, error) {
	if err := f.validate(); err != nil {
		return Fault{}, fmt.Errorf("add fault: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	if f.ID == "" {
		f.ID = "fault-" + strconv.Itoa(s.next)
	}
	if s.find(f.ID) >= 0 {
		return Fault{}, fmt.Errorf("add fault: there is a fault %q already; remove it first", f.ID)
	}
	f.Applied = 0
	s.faults = append(s.faults, &f)
	return f, nil
}

// Remove ends a fault and returns it with its count, or false if there is none of that id.
func (s *Set) Remove(id string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(id)
	if i < 0 {
		return Fault{}, false
	}
	f := *s.faults[i]
	s.faults = slices.Delete(s.faults, i, i+1)
	delete(s.skipped, id)
	return f, true
}

// Clear ends all faults.
func (s *Set) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.skipped = nil, nil
}

// List returns all faults with their counts, those that are used up included.
func (s *Set) List() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Fault, len(s.faults))
	for i, f := range s.faults {
		out[i] = *f
	}
	return out
}

// Take returns the fault to apply to a request, if any, and counts it.
func (s *Set) Take(r Request) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Count > 0 && f.Applied >= f.Count || !f.matches(r) {
			continue
		}
		if s.skipped[f.ID] < f.Skip {
			if s.skipped == nil {
				s.skipped = map[string]int{}
			}
			s.skipped[f.ID]++
			continue
		}
		f.Applied++
		if s.changed != nil {
			close(s.changed)
			s.changed = nil
		}
		return *f, true
	}
	return Fault{}, false
}

// Await returns once a fault was applied n times.
func (s *Set) Await(ctx context.Context, id string, n int) error {
	for {
		s.mu.Lock()
		i, applied := s.find(id), 0
		if i >= 0 {
			applied = s.faults[i].Applied
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		if i < 0 {
			return fmt.Errorf("await fault %q: there is no such fault", id)
		}
		if applied >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("await %d requests hit by fault %q: %d were: %w", n, id, applied, ctx.Err())
		}
	}
}

func (s *Set) find(id string) int {
	return slices.IndexFunc(s.faults, func(f *Fault) bool { return f.ID == id })
}
