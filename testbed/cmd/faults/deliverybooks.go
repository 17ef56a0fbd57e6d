package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
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

// settled waits until nothing waits in the process that runs, and compares its books with the senders': what it acknowledged is what it accepted, and with what it
// found of the processes before it, all of that was delivered, but for what is expected, by reason: a baseline for each cumulative series that began, unless it says another
// number.
func (d *deliveries) settled(ctx context.Context, expected map[string]int) error {
	return eventually(ctx, arriveWithin, func() error {
		books, err := balance.Scrape(ctx, d.figures)
		if err != nil {
			return err
		}
		errs := []error{books.Check()}
		lost := map[string]int{}
		for name, a := range books {
			if a.Queued != 0 || a.Parking != 0 || a.Expired != 0 {
				errs = append(errs, fmt.Errorf("%s: something waits, or expired: %s", name.Signal, a))
			}
			for reason, n := range a.Dropped {
				lost[reason] += n
			}
		}
		accepted, baselines := map[load.Signal]int{}, 0
		for _, c := range d.counters {
			accepted[load.Metrics] += c.PointsOfRun()
			if c.Begun() {
				baselines++
			}
		}
		for _, id := range d.owed() {
			if it := d.client.Item(id); it.Run == d.client.Run() {
				accepted[it.Signal]++
			}
		}
		for _, s := range load.Signals {
			own := books.Of(string(s)).Accepted
			if s == load.Logs {
				own += books.Of("events").Accepted
			}
			if own != accepted[s] {
				errs = append(errs, fmt.Errorf("%s: %d items acknowledged, %d accepted", s, accepted[s], own))
			}
		}
		wanted := map[string]int{"baseline": baselines}
		maps.Copy(wanted, expected)
		for reason, n := range wanted {
			if lost[reason] != n {
				errs = append(errs, fmt.Errorf("%d items are dropped as %s, %d are right", lost[reason], reason, n))
			}
			delete(lost, reason)
		}
		for reason, n := range lost {
			if n != 0 {
				errs = append(errs, fmt.Errorf("%d items are dropped as %s without a cause", n, reason))
			}
		}
		return errors.Join(errs...)
	})
}

// kept says that Datadog keeps whatever the intakes took: nothing that it drops without a word was sent, such as what is too old.
func (d *deliveries) kept() error {
	var errs []error
	for _, c := range d.w.Customers {
		for _, drop := range d.w.Standin.Intake().Dropped(c.Org.ID) {
			if drop.Reason != intake.DropEvicted { // the stand-in's own limit
				errs = append(errs, fmt.Errorf("of what %s sent Datadog drops without a word: %+v", c.Tenant, drop))
			}
		}
	}
	return errors.Join(errs[:min(len(errs), 5)]...)
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
