package delivery

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/tunnel"
)

// NoteBody is the note in the stand-in's history that holds the number of a Body.
const NoteBody = "body"

// Body is one body with ids that the intakes took. Whether their answer reached the collector is in the history.
type Body struct {
	Number int // from 1, in the order of their arrival
	Run    int // of the collector, see Arrivals.NextRun
	At     time.Time
	Path   string
	Key    string // DD-API-KEY
	IDs    []ID   // each once
}

// Arrivals stands in front of the stand-in's intakes, as its Sink, and keeps which ids they took. Make one with NewArrivals.
type Arrivals struct {
	mu      sync.Mutex // guards what follows
	intakes *intake.Intake
	run     int
	bodies  []Body
	byID    map[ID][]int  // numbers of bodies
	changed chan struct{} // closed at the next body
	fault   error         // the first body that could not be looked at
}

// NewArrivals returns one that answers 503 until it knows where to pass bodies on.
func NewArrivals() *Arrivals { return &Arrivals{byID: map[ID][]int{}, changed: make(chan struct{})} }

// PassTo names the intakes that judge and keep what comes.
func (a *Arrivals) PassTo(in *intake.Intake) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.intakes = in
}

// NextRun says that what arrives from now on comes from another process than what arrived before. Nothing may be under way.
func (a *Arrivals) NextRun() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.run++
}

// maxBody is more than any exporter sends, in bytes.
const maxBody = 64 << 20

// ServeHTTP passes a request on, notes its ids if it was taken, and then answers.
func (a *Arrivals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	intakes := a.intakes
	a.mu.Unlock()
	conn, ok := tunnel.From(r.Context())
	if !ok || intakes == nil {
		http.Error(w, "arrivals: nowhere to pass this on", http.StatusServiceUnavailable)
		return
	}
	sent, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil { // the collector went away in the middle
		http.Error(w, "arrivals: the body ended early", http.StatusBadRequest)
		return
	}
	target, _ := hosts.Lookup(conn.Host)
	passed := r.Clone(intake.WithTarget(r.Context(), intake.Target{Site: target.Site.Domain, Purpose: string(target.Purpose), Host: target.Host}))
	passed.Body = io.NopCloser(bytes.NewReader(sent))
	answer := &answer{header: w.Header(), status: http.StatusOK}
	intakes.ServeHTTP(answer, passed)
	if answer.status < 300 {
		if n := a.note(r, sent); n > 0 {
			history.Annotate(r.Context(), NoteBody, strconv.Itoa(n))
		}
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body.Bytes()) // a client that went away is not a fault
}

// note keeps the ids of a body and returns its number, 0 if it holds none.
func (a *Arrivals) note(r *http.Request, sent []byte) int {
	plain, err := decompress(r.Header.Get("Content-Encoding"), sent)
	ids := idsIn(plain)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && a.fault == nil {
		a.fault = fmt.Errorf("%s: %w", r.URL.Path, err)
	}
	if len(ids) == 0 {
		return 0
	}
	b := Body{Number: len(a.bodies) + 1, Run: a.run, At: time.Now(), Path: r.URL.Path, Key: r.Header.Get("DD-API-KEY"), IDs: ids}
	a.bodies = append(a.bodies, b)
	for _, id := range ids {
		a.byID[id] = append(a.byID[id], b.Number)
	}
	close(a.changed)
	a.changed = make(chan struct{})
	return b.Number
}

// Body is one by its number.
func (a *Arrivals) Body(number int) Body {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bodies[number-1]
}

// Bodies are those after a number, in order.
func (a *Arrivals) Bodies(after int) []Body {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Body(nil), a.bodies[after:]...)
}

// Of are the numbers of the bodies in which an item came.
func (a *Arrivals) Of(id ID) []int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]int(nil), a.byID[id]...)
}

// Missing are those of ids that did not come yet.
func (a *Arrivals) Missing(ids []ID) []ID {
	a.mu.Lock()
	defer a.mu.Unlock()
	var missing []ID
	for _, id := range ids {
		if len(a.byID[id]) == 0 {
			missing = append(missing, id)
		}
	}
	return missing
}

// Await waits until all of ids have come. An error says how many have not.
func (a *Arrivals) Await(ctx context.Context, ids []ID) error {
	for {
		changed := a.next()
		if ids = a.Missing(ids); len(ids) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d items did not arrive, the first is %s: %w", len(ids), ids[0], ctx.Err())
		}
	}
}

// AwaitBody waits for a body after a number that is one of those wanted, and returns it.
func (a *Arrivals) AwaitBody(ctx context.Context, after int, wanted func(Body) bool) (Body, error) {
	for {
		changed := a.next()
		for _, b := range a.Bodies(after) {
			if after = b.Number; wanted(b) {
				return b, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Body{}, fmt.Errorf("no body of those awaited arrived: %w", ctx.Err())
		}
	}
}

func (a *Arrivals) next() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

// Err says that a body could not be looked at.
func (a *Arrivals) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fault
}

// answer holds what the intakes answer until the ids are noted.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func decompress(encoding string, sent []byte) ([]byte, error) {
	switch encoding {
	case "":
		return sent, nil
	case "gzip":
		in, err := gzip.NewReader(bytes.NewReader(sent))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.LimitReader(in, maxBody))
	case "zstd":
		in, err := zstd.NewReader(bytes.NewReader(sent), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBody))
		if err != nil {
			return nil, err
		}
		defer in.Close()
		return io.ReadAll(in)
	default:
		return nil, fmt.Errorf("content encoding %q", encoding)
	}
}
