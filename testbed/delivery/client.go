package delivery

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// Outcome is what the receiver said of an item.
type Outcome uint8

// The outcomes.
const (
	Unsent       Outcome = iota // it was not handed over whole, so nobody has it
	Acknowledged                // answered with success: whoever said so owes it
	Refused                     // answered with an error for good
	Unknown                     // handed over whole, and nobody answered
)

// Item is one item that was sent.
type Item struct {
	Tenant  string
	Signal  load.Signal
	Outcome Outcome
	Run     int // of the collector when it was answered, see Client.NextRun
}

// Client sends items by OTLP, each call of one tenant and one signal, and remembers what was answered. It is safe for concurrent use.
type Client struct {
	URL    string // of the receiver, without a path
	Header string // names the tenant
	// Mixed has calls of several metrics hold a histogram, and those of several log records an event, as one of their items.
	Mixed bool

	http    http.Client
	grpc    *grpc.ClientConn // nil for OTLP/HTTP
	written atomic.Int64     // calls that were handed over whole
	Retried atomic.Int64     // answers 429 and 503: the call was sent again

	mu    sync.Mutex // guards what follows
	run   int
	items []Item        // by id, from 1
	wrote chan struct{} // closed at the next call that was handed over whole
}

// NewClient returns one for a receiver of OTLP/HTTP.
func NewClient(url, header string) *Client {
	return &Client{URL: url, Header: header, wrote: make(chan struct{}),
		http: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: time.Minute}}
}

// UseTLS is for a receiver that wants TLS. It comes before the first call.
func (c *Client) UseTLS(config *tls.Config) {
	c.http.Transport.(*http.Transport).TLSClientConfig = config
}

// Close lets go of connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	if c.grpc != nil {
		_ = c.grpc.Close()
	}
}

// NextRun says that a new process answers from now on.
func (c *Client) NextRun() {
	c.http.CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.run++
}

// Run is the number of the process that answers.
func (c *Client) Run() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.run
}

// Send hands n items over. A refusal for now (429, 503) is tried again until ctx is done, as an SDK does. An error tells of an answer that no sender
// expects; without an answer there is none.
func (c *Client) Send(ctx context.Context, tenant string, s load.Signal, n int) (Outcome, error) {
	return c.SendLarge(ctx, tenant, s, n, 0)
}

// SendLarge is Send with log records and spans of so many bytes more.
func (c *Client) SendLarge(ctx context.Context, tenant string, s load.Signal, n, padding int) (Outcome, error) {
	ids := c.begin(tenant, s, n)
	body, err := request(s, tenant, ids, padding, c.Mixed)
	if err != nil {
		return Unsent, err
	}
	o, err := c.post(ctx, s, tenant, body)
	c.end(ids, o)
	return o, err
}

func (c *Client) begin(tenant string, s load.Signal, n int) []ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]ID, n)
	for i := range ids {
		c.items = append(c.items, Item{Tenant: tenant, Signal: s, Outcome: Unsent})
		ids[i] = ID(len(c.items)) //nolint:gosec // far below
	}
	return ids
}

func (c *Client) end(ids []ID, o Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		c.items[id-1].Outcome, c.items[id-1].Run = o, c.run
	}
}

// post sends until there is an answer that is not for now only, or nobody to answer.
func (c *Client) post(ctx context.Context, s load.Signal, tenant string, body []byte) (Outcome, error) {
	once := c.once
	if c.grpc != nil {
		once = c.onceGRPC
	}
	for {
		status, answer, whole, err := once(s, tenant, body)
		switch {
		case err != nil && whole:
			return Unknown, nil
		case err != nil:
			return Unsent, nil
		case status == http.StatusOK && (len(answer) == 0 || string(answer) == emptyPartialSuccess):
			return Acknowledged, nil
		case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
			c.Retried.Add(1)
			select {
			case <-ctx.Done():
				return Unsent, nil
			case <-time.After(20 * time.Millisecond):
			}
		default:
			return Refused, fmt.Errorf("%s of %s: answered %d: %q", s, tenant, status, answer)
		}
	}
}

// emptyPartialSuccess is an Export…ServiceResponse that says so: everything was taken.
const emptyPartialSuccess = "\n\x00"

// once makes one call, on a context of its own: what was begun is ended, so that its outcome is known. whole says that all of it was handed over.
func (c *Client) once(s load.Signal, tenant string, body []byte) (status int, answer []byte, whole bool, err error) {
	var written atomic.Bool
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{WroteRequest: func(info httptrace.WroteRequestInfo) {
		if info.Err == nil {
			written.Store(true)
			c.handedOver()
		}
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/v1/"+string(s), bytes.NewReader(body))
	if err != nil {
		return 0, nil, false, err
	}
	req.GetBody = nil // so that the transport does not try twice by itself
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set(c.Header, tenant)
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, written.Load(), err
	}
	defer resp.Body.Close()
	const maxQuoted = 500
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxQuoted))
	return resp.StatusCode, answer, true, err
}

func (c *Client) handedOver() {
	c.written.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.wrote)
	c.wrote = make(chan struct{})
}

// Written is how many calls were handed over whole.
func (c *Client) Written() int64 { return c.written.Load() }

// AwaitWritten waits until that many calls were.
func (c *Client) AwaitWritten(ctx context.Context, n int64) error {
	for {
		c.mu.Lock()
		wrote := c.wrote
		c.mu.Unlock()
		if c.Written() >= n {
			return nil
		}
		select {
		case <-wrote:
		case <-ctx.Done():
			return fmt.Errorf("%d calls of %d were made: %w", c.Written(), n, ctx.Err())
		}
	}
}

// Item is what is known of one.
func (c *Client) Item(id ID) Item {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.items[id-1]
}

// IDs are those of items that are wanted.
func (c *Client) IDs(wanted func(Item) bool) []ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []ID
	for i, it := range c.items {
		if wanted(it) {
			ids = append(ids, ID(i+1)) //nolint:gosec // far below
		}
	}
	return ids
}
