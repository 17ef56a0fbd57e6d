package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// balanced waits until the collector's own books agree with the senders' and the stand-in's, for a collector that was neither stopped nor killed:
// what was acknowledged was accepted, arrived once, or is among the drops that are expected, by reason. Baselines of cumulative series are.
func (d *deliveries) balanced(ctx context.Context, expected map[string]int) error {
	return eventually(ctx, 20*time.Second, func() error { return d.balance(ctx, expected) })
}

func (d *deliveries) balance(ctx context.Context, expected map[string]int) error {
	books, err := balance.Scrape(ctx, d.figures)
	if err != nil {
		return err
	}
	var errs []error
	unexpected := 0
	for _, s := range load.Signals {
		// What is refused for good is accepted and dropped at once in the collector's books.
		answered := d.client.IDs(func(it delivery.Item) bool {
			return it.Signal == s && (it.Outcome == delivery.Acknowledged || it.Outcome == delivery.Refused)
		})
		sent, baselines := len(answered), 0
		if s == load.Metrics {
			for _, c := range d.counters {
				sent += c.Points()
				baselines += c.Baselines()
			}
		}
		own := books.Of(string(s))
		if own.Accepted != sent {
			errs = append(errs, fmt.Errorf("%s: %d items acknowledged or refused for good, %d accepted", s, sent, own.Accepted))
		}
		if err := own.Check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s, err))
		}
		if own.Queued != 0 || own.Restored != 0 {
			errs = append(errs, fmt.Errorf("%s: some are queued, or from an earlier process: %s", s, own))
		}
		if n := own.Dropped["baseline"]; n != baselines {
			errs = append(errs, fmt.Errorf("%s: %d baselines counted, %d cumulative series began", s, n, baselines))
		}
		unexpected += own.Lost() - baselines + own.Expired
	}
	for reason, want := range expected {
		n := 0
		for _, s := range load.Signals {
			n += books.Of(string(s)).Dropped[reason]
		}
		if unexpected -= n; n < want {
			errs = append(errs, fmt.Errorf("%d items did not arrive, and %d are counted as %s", want, n, reason))
		}
	}
	if unexpected != 0 {
		errs = append(errs, fmt.Errorf("%d items were dropped for no reason that is expected", unexpected))
	}
	return errors.Join(errs...)
}

// once says that every acknowledged item of some tenants arrived, and arrived once.
func (d *deliveries) once(tenants ...string) error {
	owed := d.owed(tenants...)
	if missing := d.arrivals.Missing(owed); len(missing) > 0 {
		return fmt.Errorf("%d of %d acknowledged items did not arrive", len(missing), len(owed))
	}
	twice := 0
	for _, id := range owed {
		if len(d.arrivals.Of(id)) > 1 {
			twice++
		}
	}
	if twice > 0 {
		return fmt.Errorf("%d of %d acknowledged items arrived twice", twice, len(owed))
	}
	return nil
}
