package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/tunnel"
)

// Sink is an http.Handler behind the stand-in's proxy. Make one with New.
type Sink struct {
	bodies  chan body
	stopped chan struct{} // closed when the counting has ended

	closing sync.RWMutex // held for reading while a body is handed over
	closed  bool         // guarded by closing

	mu      sync.Mutex // guards what follows
	counts  map[From]Counts
	watch   func(m load.Mark, items []load.Item, arrived time.Time)
	faults  []error
	changed chan struct{} // closed at the next change
}

// From is where bodies came from and went to.
type From struct {
	Sender string // user name at the proxy
	Key    string // DD-API-KEY, empty for OTLP with another credential or none
	Host   string
	Path   string
	// Encoding is the Content-Encoding, empty where a body went as it is.
	Encoding string
}

// Counts are of bodies that were looked at.
type Counts struct {
	Requests int
	Bytes    int64 // of bodies as sent, without headers and TLS
	Items    int
	Hits     int // spans that are counted in APM stats
	// Lost is how many of the items were answered in vain: the stand-in was told to lose the answer.
	Lost int
	// Lapsed is how many of them are points outside the window of Datadog, which answers 202 and drops them.
	Lapsed int
	// Sum is the sum over all items of the Unix time, in seconds, at which their body had arrived.
	Sum float64
}

// Add adds other to c.
func (c *Counts) Add(other Counts) {
	c.Requests += other.Requests
	c.Bytes += other.Bytes
	c.Items += other.Items
	c.Hits += other.Hits
	c.Lost += other.Lost
	c.Lapsed += other.Lapsed
	c.Sum += other.Sum
}

// Sub is what c has more than an earlier count.
func (c Counts) Sub(earlier Counts) Counts {
	return Counts{c.Requests - earlier.Requests, c.Bytes - earlier.Bytes, c.Items - earlier.Items, c.Hits - earlier.Hits, c.Lost - earlier.Lost, c.Lapsed - earlier.Lapsed, c.Sum - earlier.Sum}
}

type body struct {
	from    From
	sent    []byte
	lost    bool
	arrived time.Time
}

// maxWaiting is how many bodies wait to be counted. When there are more, answers wait.
const maxWaiting = 1024

// New returns a sink that counts until it is closed.
func New() *Sink {
	s := &Sink{bodies: make(chan body, maxWaiting), stopped: make(chan struct{}), counts: map[From]Counts{}}
	go s.count()
	return s
}

// Close ends the counting. Bodies that come later are refused with 503.
func (s *Sink) Close() error {
	s.closing.Lock()
	if !s.closed {
		s.closed = true
		close(s.bodies)
	}
	s.closing.Unlock()
	<-s.stopped
	return s.Err()
}

// maxBody is more than any exporter sends in one body, in bytes.
const maxBody = 64 << 20

// ServeHTTP takes a body. One that did not arrive whole is answered with 400.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var sent bytes.Buffer
	if r.ContentLength > 0 {
		sent.Grow(int(min(r.ContentLength, maxBody)) + bytes.MinRead)
	}
	if _, err := sent.ReadFrom(io.LimitReader(r.Body, maxBody)); err != nil {
		http.Error(w, "sink: the body ended early", http.StatusBadRequest)
		return
	}
	b := body{sent: sent.Bytes(), arrived: time.Now()}
	b.from = From{Key: r.Header.Get("DD-API-KEY"), Host: r.Host, Path: r.URL.Path, Encoding: r.Header.Get("Content-Encoding")}
	if answer, ok := w.(interface{ AnswerIsLost() bool }); ok {
		b.lost = answer.AnswerIsLost()
	}
	if conn, ok := tunnel.From(r.Context()); ok {
		b.from.Sender = conn.User
	}
	if !s.hand(b) {
		http.Error(w, "sink: closed", http.StatusServiceUnavailable)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/v1/") { // OTLP: an empty Export…ServiceResponse
		w.Header().Set("Content-Type", "application/x-protobuf")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, "{}") // a client that went away is not a fault
}

func (s *Sink) hand(b body) bool {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return false
	}
	s.bodies <- b
	return true
}

// Watch calls a function for the items of each request of package load that a body holds, with the time at which the body had arrived. It runs on
// the goroutine that counts, before Await sees the body, and does not keep items. Nil watches nothing.
func (s *Sink) Watch(fn func(m load.Mark, items []load.Item, arrived time.Time)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = fn
}

func (s *Sink) count() {
	defer close(s.stopped)
	d := decoder{seed: maphash.MakeSeed()}
	for b := range s.bodies {
		s.mu.Lock()
		watch := s.watch
		s.mu.Unlock()
		d.found = nil
		if watch != nil {
			d.found = func(m load.Mark, items []load.Item) { watch(m, items, b.arrived) }
		}
		d.now, d.lapse = b.arrived, 0
		items, hits, err := d.items(b.from.Path, b.from.Encoding, b.sent)
		s.mu.Lock()
		c := s.counts[b.from]
		c.Add(Counts{Requests: 1, Bytes: int64(len(b.sent)), Items: items, Hits: hits, Lapsed: d.lapse, Sum: float64(items) * float64(b.arrived.UnixNano()) / 1e9})
		if b.lost {
			c.Lost += items
		}
		s.counts[b.from] = c
		if err != nil && len(s.faults) < 5 {
			s.faults = append(s.faults, fmt.Errorf("sink: %s to %s%s: %w", b.from.Sender, b.from.Host, b.from.Path, err))
		}
		if s.changed != nil {
			close(s.changed)
			s.changed = nil
		}
		s.mu.Unlock()
	}
}

// Counts are those of one sender, by where its bodies went.
func (s *Sink) Counts(sender string) map[From]Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[From]Counts{}
	for from, c := range s.counts {
		if from.Sender == sender {
			all[from] = c
		}
	}
	return all
}

// Total is all that one sender sent.
func (s *Sink) Total(sender string) (total Counts) {
	for _, c := range s.Counts(sender) {
		total.Add(c)
	}
	return total
}

// Err says which bodies could not be decoded, a few of them.
func (s *Sink) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.faults...)
}

// Await waits until a sender has sent so many items, and so many spans are in its APM stats.
func (s *Sink) Await(ctx context.Context, sender string, items, hits int) error {
	for {
		s.mu.Lock()
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		total := s.Total(sender)
		if total.Items >= items && total.Hits >= hits {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("sink: %s: %d items of %d arrived, %d hits of %d: %w", sender, total.Items, items, total.Hits, hits,
				errors.Join(ctx.Err(), s.Err()))
		}
	}
}
