package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Plan is how a load is sent.
type Plan struct {
	URL    string // of an OTLP/HTTP receiver, without a path
	Header string // names the tenant
	Rate   int    // items a second
	// Tenant is whose request i is.
	Tenant func(i int) string
	// Round tells one use of the load from another: values of counters and ids follow from it.
	Round uint64
	// Ledger notes what is sent; nil notes nothing. Expected is how many items of a request are to arrive.
	Ledger   *Ledger
	Expected int
}

// Sent is what a receiver took in one round.
type Sent struct {
	Items int
	// Refused is how often a request was answered with 429 or 503. It is sent again.
	Refused int
	// Sum is the sum over all items of the Unix time, in seconds, at which they were due. With the same sum of arrivals it gives the mean time
	// under way of all items without a look at any. What a slow receiver delays was due all the same, so the wait before it counts.
	Sum float64
	// Took is the time from the first request to the last answer.
	Took time.Duration
	// Rate is what the receiver took, in items a second: that of the plan if it kept up, less if not.
	Rate float64
}

// senders are how many requests are under way at most. Enough that a slow answer or a refusal delays no other request; when all of them wait,
// the receiver does not keep up with the rate.
const senders = 16

// Send sends each request once, at even intervals, and returns when all are answered. A receiver that cannot keep up delays the rest, which
// Sent.Sum and Sent.Rate show.
func (l *Load) Send(ctx context.Context, p Plan) (Sent, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}, Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	begin := time.Now()
	every := time.Duration(float64(l.Items) / float64(p.Rate) * float64(time.Second))
	all := make([]Sent, senders)
	errs := make([]error, senders)
	var next atomic.Int64
	var work sync.WaitGroup
	for s := range senders {
		work.Go(func() {
			for i := int(next.Add(1)) - 1; i < l.Requests && errs[s] == nil; i = int(next.Add(1)) - 1 {
				due := begin.Add(time.Duration(i) * every)
				if errs[s] = pause(ctx, time.Until(due)); errs[s] == nil {
					errs[s] = l.send(ctx, client, p, i, due, &all[s])
				}
			}
		})
	}
	work.Wait()
	total := Sent{Took: time.Since(begin)}
	for _, s := range all {
		total.Items += s.Items
		total.Refused += s.Refused
		total.Sum += s.Sum
	}
	// The interval after the last request belongs to it, so that few requests are no faster than many.
	total.Rate = float64(total.Items) / max(total.Took, time.Duration(l.Requests)*every).Seconds()
	return total, errors.Join(errs...)
}

// emptyPartialSuccess is an Export…ServiceResponse that says so: everything was taken.
const emptyPartialSuccess = "\n\x00"

// send sends request i, which is due by now, until it is taken.
func (l *Load) send(ctx context.Context, client *http.Client, p Plan, i int, due time.Time, sent *Sent) error {
	now := time.Now()
	body := l.requests[i].render(now, p.Round)
	mark := l.mark(i, p.Round, now)
	if p.Ledger != nil {
		if err := p.Ledger.add(mark, i, due, p.Expected); err != nil {
			return err
		}
	}
	for {
		req, err := l.post(ctx, p.URL, p.Header, p.Tenant(i), body)
		if err != nil {
			return err
		}
		status, answer, err := do(client, req)
		switch {
		case err != nil:
			return fmt.Errorf("load: request %d of %s: %w", i, l.Signal, err)
		case status == http.StatusOK && (len(answer) == 0 || string(answer) == emptyPartialSuccess):
			sent.Items += l.Items
			sent.Sum += float64(l.Items) * float64(due.UnixNano()) / 1e9
			if p.Ledger != nil {
				p.Ledger.taken(mark, l.Items)
			}
			return nil
		case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
			sent.Refused++
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		default:
			return fmt.Errorf("load: request %d of %s: answered %d: %q", i, l.Signal, status, answer)
		}
	}
}

// post is a request to an OTLP/HTTP receiver.
func (l *Load) post(ctx context.Context, url, header, tenant string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/"+string(l.Signal), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set(header, tenant)
	return req, nil
}

func do(client *http.Client, req *http.Request) (status int, answer []byte, err error) {
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	const maxQuoted = 500
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxQuoted))
	return resp.StatusCode, answer, err
}

// pause waits; a negative time does not.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
