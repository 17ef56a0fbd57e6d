package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// tenants are the customers of the demo and where their organisations live.
var tenants = [][2]string{{"acme", "datadoghq.com"}, {"globex", "datadoghq.eu"}, {"initech", "us5.datadoghq.com"}}

const (
	workPerTenant = 100
	rounds        = 2
	demoTimeout   = 2 * time.Minute
	// readBackFor is how long data may take to arrive.
	readBackFor = 20 * time.Second
)

// result is one line of the table.
type result struct {
	customer world.Customer
	last4    string
	sent     world.Sent
	// What the read endpoints found.
	points, logs, spans int
	ownLogs             int // of logs, those that say they are this customer's
	requests, bytes     float64
}

// demo runs once and judges. Its last line is "demo: OK …", or the error becomes "demo: FAILED: …".
func demo(ctx context.Context, o options, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	begin := time.Now()
	results, err := play(ctx, o, stdout)
	if len(results) > 0 {
		printTable(stdout, results)
	}
	if err == nil && o.fault != "" {
		err = errors.New("nothing was noticed of it")
	}
	if err != nil {
		if o.fault != "" {
			return fmt.Errorf("FAILED: with FAULT=%s: %w", o.fault, err)
		}
		return fmt.Errorf("FAILED: %w", err)
	}
	fmt.Fprintf(stdout, "demo: OK: %d customers on %d sites, all data read back, none astray, in %.1f s\n", len(results), len(results), time.Since(begin).Seconds())
	return nil
}

func play(ctx context.Context, o options, stdout io.Writer) (results []result, err error) {
	dir, err := os.MkdirTemp("", "datadogoauth-demo-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintln(stdout, "demo: starting the stand-in for Datadog and the collector")
	w, err := world.Start(ctx, world.Options{Collector: o.Collector, Ctl: o.Ctl, Config: o.config, Dir: dir, Tenants: tenants})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if o.fault != "" {
		if err := w.Standin.SetScenario(standin.Scenario(o.fault)); err != nil {
			return nil, err
		}
	}
	for _, c := range w.Customers {
		fmt.Fprintf(stdout, "demo: %s clicks Connect and chooses its organisation on %s\n", c.Tenant, c.Org.Site)
		if err := w.Connect(ctx, c); err != nil {
			return nil, err
		}
	}
	fmt.Fprintln(stdout, "demo: sending metrics, logs and spans with the OpenTelemetry SDK")
	results, err = send(ctx, w)
	if err != nil {
		return results, err
	}
	fmt.Fprintln(stdout, "demo: reading back from Datadog's read endpoints")
	return results, readBack(ctx, w, results)
}

func send(ctx context.Context, w *world.World) ([]result, error) {
	known, err := w.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	last4 := map[string]string{}
	for _, t := range known {
		last4[t.Tenant] = t.Key.Last4
	}
	results := make([]result, len(w.Customers))
	clients := make([]*world.Client, len(w.Customers))
	for i, c := range w.Customers {
		if clients[i], err = world.NewClient(ctx, w.OTLP, c.Tenant); err != nil {
			return nil, err
		}
		results[i] = result{customer: c, last4: last4[c.Tenant]}
	}
	for round := range rounds {
		if round > 0 {
			time.Sleep(1100 * time.Millisecond) // Datadog keeps one point per series and second
		}
		for i, client := range clients {
			if err := client.Work(ctx, workPerTenant/rounds); err != nil {
				return results, fmt.Errorf("the SDK could not send for %s: %w", results[i].customer.Tenant, err)
			}
		}
	}
	for i, client := range clients {
		results[i].sent = client.Sent()
		if err := client.Close(ctx); err != nil {
			return results, err
		}
	}
	return results, nil
}

// readBack fills in what arrived, and reports everything that is not as it was sent.
func readBack(ctx context.Context, w *world.World, results []result) error {
	deadline := time.Now().Add(readBackFor)
	var errs []error
	for i := range results {
		r := &results[i]
		reader, err := w.NewReader(r.customer)
		if err != nil {
			return err
		}
		for {
			if err := r.read(ctx, reader); err != nil {
				return err
			}
			err := r.check()
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				errs = append(errs, err)
				break
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(200 * time.Millisecond): // the search endpoints are asked as a user would: again
			}
		}
	}
	if strays := w.Strays(); len(strays) > 0 {
		e := strays[0]
		errs = append(errs, fmt.Errorf("%d requests went astray, the first to %s%s with a credential of %s", len(strays), e.Host, e.Path, e.OrgSite))
	}
	return errors.Join(errs...)
}

func (r *result) read(ctx context.Context, reader *world.Reader) (err error) {
	r.points = reader.Points()
	if r.requests, err = reader.Counter(ctx, "demo.requests"); err != nil {
		return err
	}
	if r.bytes, err = reader.Counter(ctx, "demo.bytes"); err != nil {
		return err
	}
	if r.logs, err = reader.Logs(ctx, "*"); err != nil {
		return err
	}
	if r.ownLogs, err = reader.Logs(ctx, "@customer:"+r.customer.Tenant); err != nil {
		return err
	}
	r.spans, err = reader.Spans(ctx, "*")
	return err
}

func (r *result) check() error {
	tenant := r.customer.Tenant
	switch s := r.sent; {
	case int64(r.points) != s.Points:
		return fmt.Errorf("%s: %d data points of metrics sent, %d read back", tenant, s.Points, r.points)
	case r.requests != float64(s.Requests):
		return fmt.Errorf("%s: demo.requests was incremented by %d, %g read back", tenant, s.Requests, r.requests)
	case r.bytes != float64(s.Bytes):
		return fmt.Errorf("%s: demo.bytes counted to %d, %g read back", tenant, s.Bytes, r.bytes)
	case int64(r.logs) != s.Logs:
		return fmt.Errorf("%s: %d logs sent, %d read back", tenant, s.Logs, r.logs)
	case r.ownLogs != r.logs:
		return fmt.Errorf("%s: of %d logs in its organisation only %d are its own", tenant, r.logs, r.ownLogs)
	case int64(r.spans) != s.Spans:
		return fmt.Errorf("%s: %d spans sent, %d read back", tenant, s.Spans, r.spans)
	}
	return nil
}

func printTable(out io.Writer, results []result) {
	t := tabwriter.NewWriter(out, 2, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "tenant\tsite\tkey\tmetrics sent\tread\tlogs sent\tread\tspans sent\tread\t")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%s\t…%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", r.customer.Tenant, r.customer.Org.Site, r.last4,
			r.sent.Points, r.points, r.sent.Logs, r.logs, r.sent.Spans, r.spans)
	}
	_ = t.Flush()
}
