package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/fleet"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/proc"
)

// The arms, in the order of the report. Who begins changes from round to round.
const (
	armHealthy  = "all healthy"
	armPoisoned = "a tenth poisoned"
	armGreedy   = "one greedy"
)

var arms = []string{armHealthy, armPoisoned, armGreedy}

// Run is one run of an arm. But for Poisoned and Greedy it is about the healthy tenants alone.
type Run struct {
	Items      int            `json:"items"`       // that were to arrive
	Throughput float64        `json:"throughput"`  // items a second that arrived while it was sent
	P50        float64        `json:"p50_seconds"` // from when an item was due to the answer of its intake
	P99        float64        `json:"p99_seconds"`
	Missing    int            `json:"missing"` // items that had not arrived a minute later
	Refused    int            `json:"refused"` // times that the receiver did not take a request at first
	Unsent     int            `json:"unsent"`  // requests that it never took
	CPUSeconds float64        `json:"cpu_seconds"`
	Poisoned   map[string]int `json:"poisoned_requests,omitempty"` // by kind
	Greedy     int            `json:"greedy_items"`
}

type lab struct {
	options
	out   io.Writer
	fleet *fleet.Fleet
}

// queue is what the options add to the exporter's configuration.
func (o *options) queue() string {
	if !o.direct && o.consumers == 0 {
		return ""
	}
	text := "    sending_queue:\n"
	if o.consumers > 0 {
		text += fmt.Sprintf("      num_consumers: %d\n", o.consumers)
	}
	if o.direct {
		text += "      batch:\n        min_size: 1\n"
	}
	return text
}

// measure does everything, in a world of its own.
func measure(ctx context.Context, o options, out io.Writer) (err error) {
	f, err := fleet.Start(ctx, fleet.Options{Collector: o.Collector, Ctl: o.Ctl, Site: o.site, Exporter: o.queue()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	l := &lab{o, out, f}
	begin := time.Now()
	if err := f.Connect(ctx, o.tenants); err != nil {
		return err
	}
	l.printf("%d tenants connected in %s", o.tenants, time.Since(begin).Round(time.Second))
	if err := f.Save(); err != nil {
		return err
	}
	runs := map[string][]Run{}
	for n := range o.runs {
		for i := range arms {
			arm := arms[(i+n)%len(arms)]
			r, err := l.run(ctx, arm)
			if err != nil {
				return fmt.Errorf("run %d, %s: %w\n%s", n+1, arm, err, f.World.Log.Tail(10))
			}
			l.printf("run %d, %s: %.0f items/s, p50 %.3f s, p99 %.3f s, %d missing, %d refused", n+1, arm, r.Throughput, r.P50, r.P99, r.Missing, r.Refused)
			runs[arm] = append(runs[arm], r)
		}
	}
	return errors.Join(f.Sink.Err(), newReport(o, runs).finish(out))
}

// maxLoad is how many different requests a load has at most.
const maxLoad = 1000

// within is how long after a run what was sent in it may arrive.
const within = time.Minute

// run measures an arm in a fresh process: one turn of every tenant without trouble, then the trouble, from its first moment on.
func (l *lab) run(ctx context.Context, arm string) (r Run, err error) {
	set := l.fleet.World.Standin.Faults()
	set.Clear()
	if err := l.fleet.Restore(ctx); err != nil {
		return r, err
	}
	requests := min(maxLoad, l.tenants)
	loads, err := fleet.Loads(1, requests, requestItems)
	if err != nil {
		return r, err
	}
	ledger := &load.Ledger{Of: l.group}
	stream := l.fleet.Stream(loads, l.tenants, ledger)
	stream.Patience = 10 * time.Second
	turn := time.Duration(float64(len(loads)*l.tenants*requestItems) / float64(l.rate) * float64(time.Second))
	if _, _, err := stream.Run(ctx, float64(l.rate), turn+time.Second); err != nil {
		return r, fmt.Errorf("warming up: %w", err)
	}
	if err := l.poison(set, l.fleet.Orgs, arm == armPoisoned); err != nil {
		return r, err
	}
	pid, before := l.fleet.World.Collector.PID(), stream.Counts(healthy)
	used, err := proc.CPUTime(pid)
	if err != nil {
		return r, err
	}
	greed, err := l.sendGreedily(ctx, arm, ledger)
	if err != nil {
		return r, err
	}
	begin, _, err := stream.Run(ctx, float64(l.rate), l.time)
	if err = errors.Join(err, greed()); err != nil {
		return r, err
	}
	end, err := proc.CPUTime(pid)
	if err != nil {
		return r, err
	}
	wait, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_ = ledger.Await(wait, healthy) // what is missing then is a figure
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	counts, totals := stream.Counts(healthy), ledger.Group(healthy)
	q := ledger.Quantiles(healthy, begin, .5, .99)
	r = Run{Items: totals.Due, P50: q[0].Seconds(), P99: q[1].Seconds(), Missing: totals.Due - totals.Arrived, Refused: counts.Refused - before.Refused,
		Unsent: counts.Given + counts.Failed + counts.Skipped - before.Given - before.Failed - before.Skipped, CPUSeconds: (end - used).Seconds(), Greedy: ledger.Group(greedy).Accepted}
	r.Throughput = float64(ledger.ArrivedBy(healthy, begin, begin.Add(l.time))) / l.time.Seconds()
	if totals.Extra > 0 || ledger.Strange() > 0 {
		return r, fmt.Errorf("%d items of healthy tenants arrived twice, %d of no request", totals.Extra, ledger.Strange())
	}
	if arm == armPoisoned {
		r.Poisoned, err = l.applied(set)
	}
	return r, err
}

// sendGreedily has the greedy tenant send more than its share in the arm that is about it, until the function that it returns is called.
func (l *lab) sendGreedily(ctx context.Context, arm string, ledger *load.Ledger) (end func() error, err error) {
	if arm != armGreedy {
		return func() error { return nil }, nil
	}
	const senders = 50 // pods
	loads, err := fleet.Loads(101, senders, requestItems)
	if err != nil {
		return nil, err
	}
	stream := l.fleet.Stream(loads, 1, ledger)
	stream.First, stream.Patience = greedyTenant, 10*time.Second
	rate := float64(l.rate) / float64(l.tenants) * float64(l.greed-1) // its own share comes with the others'
	done := make(chan error, 1)
	go func() {
		_, _, err := stream.Run(ctx, rate, l.time)
		done <- err
	}()
	return func() error { return <-done }, nil
}

func (l *lab) printf(format string, args ...any) { fmt.Fprintf(l.out, "poison: "+format+"\n", args...) }

// listed is what a map of counts says, in order.
func listed(counts map[string]int) (text string) {
	for i, name := range slices.Sorted(maps.Keys(counts)) {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %d", name, counts[name])
	}
	return text
}
