package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/fleet"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/proc"
)

type lab struct {
	options
	out    io.Writer
	fleet  *fleet.Fleet
	stream *load.Stream
	report *Report
	young  bool // the key that was revoked last is too young to be judged
	ends   time.Time
}

// traceMS is how often the collector lists its goroutines, in milliseconds.
const traceMS = 5000

// soak does everything, in a world of its own.
func soak(ctx context.Context, o options, out io.Writer) (err error) {
	f, err := fleet.Start(ctx, fleet.Options{Collector: o.Collector, Ctl: o.Ctl, Site: site, Metrics: true, TraceMS: traceMS})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	l := &lab{options: o, out: out, fleet: f, report: newReport(o)}
	if err := f.Connect(ctx, o.tenants); err != nil {
		return err
	}
	loads, err := fleet.Loads(1, o.tenants, requestItems)
	if err != nil {
		return err
	}
	l.stream = f.Stream(loads, o.tenants, &load.Ledger{Of: l.groups()})
	l.stream.Patience = 5 * time.Second
	l.printf("%d tenants; %s, %d items/s, %d cycles of %d troubles", o.tenants, o.time, o.rate, o.cycles, len(troubles))
	err = l.busy(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, l.tail())
	}
	return errors.Join(err, l.balance(ctx), l.report.judge(), f.Sink.Err(), l.report.finish(out))
}

// busy sends, has troubles come and go, and samples the process, all for the time that was asked for.
func (l *lab) busy(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sent := make(chan error, 1)
	begin := time.Now()
	l.ends = begin.Add(l.time)
	go func() {
		_, _, err := l.stream.Run(ctx, float64(l.rate), l.time)
		sent <- err
	}()
	watched := make(chan error, 1)
	watching, stopWatching := context.WithCancel(ctx)
	go func() { watched <- l.watch(watching, begin) }()
	err := l.troubles(ctx, begin)
	if err != nil && ctx.Err() != nil {
		cancel()
	}
	l.fleet.World.Standin.Faults().Clear()
	err = errors.Join(err, <-sent)
	stopWatching()
	err = errors.Join(err, <-watched)
	q := l.stream.Ledger.Quantiles(healthy, begin.Add(l.calm()), .5, .99)
	l.report.P50, l.report.P99 = q[0].Seconds(), q[1].Seconds()
	return err
}

// troubles follows the timetable, cycle after cycle. A trouble that befell nobody ends nothing; it is in the error.
func (l *lab) troubles(ctx context.Context, begin time.Time) error {
	var errs []error
	cycle := l.cycle()
	for c := range l.cycles {
		start := begin.Add(l.calm() + time.Duration(c)*cycle)
		l.report.Cycles = append(l.report.Cycles, Cycle{From: start.Sub(begin).Seconds(), To: (start.Add(cycle)).Sub(begin).Seconds()})
		for _, e := range l.timetable() {
			if err := pause(ctx, time.Until(start.Add(e.at))); err != nil {
				return errors.Join(append(errs, err)...)
			}
			var err error
			if e.begin {
				err = l.begin(e.k, c)
			} else {
				err = l.end(ctx, e.k, c)
			}
			if err != nil {
				errs = append(errs, err)
			}
		}
		if err := pause(ctx, time.Until(start.Add(cycle))); err != nil {
			return errors.Join(append(errs, err)...)
		}
		l.progress(begin, c)
	}
	return errors.Join(errs...)
}

// sampleEvery is how often the process is looked at.
const sampleEvery = time.Second

// watch samples what the process holds until ctx ends.
func (l *lab) watch(ctx context.Context, begin time.Time) error {
	pid := l.fleet.World.Collector.PID()
	used, err := proc.CPUTime(pid)
	if err != nil {
		return err
	}
	for pause(ctx, sampleEvery) == nil {
		u, err := l.fleet.Use()
		if err != nil {
			return fmt.Errorf("after %s: %w", time.Since(begin).Round(time.Second), err)
		}
		l.report.add(Sample{At: time.Since(begin).Seconds(), Resident: u.Resident, TCP: u.TCP, Out: u.Out, Files: u.Files})
	}
	end, err := proc.CPUTime(pid)
	l.report.CPUSeconds = (end - used).Seconds()
	return err
}

// progress prints a line at the end of a cycle, and counts goroutines.
func (l *lab) progress(begin time.Time, c int) {
	all := l.fleet.Goroutines()
	from := 0
	if c > 0 {
		from = l.report.Cycles[c-1].lists
	}
	l.report.Cycles[c].lists = len(all)
	l.report.cycle(c, all[min(from, len(all)):])
	cy := l.report.Cycles[c]
	counts, group := l.stream.Counts(healthy), l.stream.Ledger.Group(healthy)
	l.printf("%s, cycle %d of %d: %.1f MB, %d goroutines, %d connections; healthy tenants: %d of %d items arrived, %d requests refused", time.Since(begin).Round(time.Second), c+1,
		l.cycles, float64(cy.Resident)/1e6, cy.Goroutines, cy.TCP, group.Arrived, group.Due, counts.Refused)
}

func (l *lab) printf(format string, args ...any) { fmt.Fprintf(l.out, "soak: "+format+"\n", args...) }

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
