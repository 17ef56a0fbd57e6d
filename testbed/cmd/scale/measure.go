package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/figures"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/fleet"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/proc"
)

// lab is the fleet that grows.
type lab struct {
	options
	out   io.Writer
	fleet *fleet.Fleet
}

// measure does everything, in a world of its own.
func measure(ctx context.Context, o options, out io.Writer) (err error) {
	f, err := fleet.Start(ctx, fleet.Options{Collector: o.Collector, Ctl: o.Ctl, Storage: o.storage, Metrics: o.metrics})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	l := &lab{o, out, f}
	r := newReport(o)
	if o.storage {
		if r.Synced, err = synced(f.World.Path(".")); err != nil {
			return err
		}
	}
	for _, n := range o.sizes {
		begin, before := time.Now(), len(f.Orgs)
		if err := f.Connect(ctx, n); err != nil {
			return err
		}
		took := time.Since(begin)
		l.printf("%d tenants connected, %.0f a second", n, float64(n-before)/took.Seconds())
		s, err := l.size(ctx, n, n)
		if err != nil {
			return fmt.Errorf("%d tenants: %w", n, err)
		}
		r.Sizes = append(r.Sizes, s)
	}
	if largest := o.sizes[len(o.sizes)-1]; o.active > 0 {
		if r.Active, err = l.size(ctx, largest, o.active); err != nil {
			return fmt.Errorf("%d tenants, %d active: %w", largest, o.active, err)
		}
	}
	if err := f.Sink.Err(); err != nil {
		return err
	}
	return r.finish(out)
}

// Size is one number of tenants in a process of its own.
type Size struct {
	Connected  int      `json:"connected"`
	Active     int      `json:"active"`                 // those that send
	Idle       proc.Use `json:"idle"`                   // before anything was sent
	Busy       proc.Use `json:"busy"`                   // the most of each while it was sent
	Typical    int64    `json:"typical_resident_bytes"` // the median while it was sent
	Goroutines int      `json:"goroutines"`
	Runs       []Run    `json:"runs"`
	Flood      *Flood   `json:"flood,omitempty"` // with a durable queue
}

// Run is one measured run.
type Run struct {
	Items      int     `json:"items"`
	Rate       float64 `json:"reached_rate"` // items a second
	CPUSeconds float64 `json:"cpu_seconds"`
	P50        float64 `json:"p50_seconds"` // from when an item was due to the answer of its intake
	P99        float64 `json:"p99_seconds"`
	Refused    int     `json:"refused"` // times that the receiver did not take a request at first
}

// within is how long what was sent may be under way.
const within = time.Minute

// size measures a fresh process of which some tenants send. The first turn of each is not measured: it starts series.
func (l *lab) size(ctx context.Context, connected, active int) (s *Size, err error) {
	if err := l.fresh(ctx); err != nil {
		return nil, err
	}
	s = &Size{Connected: connected, Active: active}
	if s.Idle, err = l.fleet.Use(); err != nil {
		return nil, err
	}
	requests := min(maxLoad, active)
	if active < 100 { // few tenants have many senders each
		requests = 100 / active * active
	}
	stream, turn, err := l.warm(ctx, requests, active)
	if err != nil {
		return nil, err
	}
	watch := l.watch(ctx, s)
	for range l.runs {
		r, err := l.run(ctx, stream, max(turn, l.time))
		if err != nil {
			return nil, errors.Join(err, watch())
		}
		s.Runs = append(s.Runs, r)
	}
	if err := watch(); err != nil {
		return nil, err
	}
	if s.Goroutines, err = l.fleet.Dump(ctx); err != nil {
		return nil, err
	}
	l.printf("%d tenants, %d of them active: %s", connected, active, s.line())
	if l.storage {
		if s.Flood, err = l.measureFlood(ctx, active); err != nil {
			return nil, fmt.Errorf("as fast as it can: %w", err)
		}
		l.printf("%d tenants, %d of them active: %s", connected, active, s.Flood.line())
	}
	return s, l.fleet.Restart(ctx) // the dump ended it, and more tenants may be to connect
}

// fresh starts the collector anew and leaves it alone for a while.
func (l *lab) fresh(ctx context.Context) error {
	if err := l.fleet.Restart(ctx); err != nil {
		return err
	}
	return pause(ctx, l.settle)
}

// warm makes a stream of so many requests of each signal and sends the first turn of it, which is not measured.
func (l *lab) warm(ctx context.Context, requests, active int) (stream *load.Stream, turn time.Duration, err error) {
	loads, err := fleet.Loads(1, requests, requestItems)
	if err != nil {
		return nil, 0, err
	}
	stream = l.fleet.Stream(loads, active, &load.Ledger{})
	turn = time.Duration(float64(len(loads)*max(requests, active)*requestItems) / float64(l.rate) * float64(time.Second))
	if _, _, err := stream.Run(ctx, float64(l.rate), turn+time.Second); err != nil {
		return nil, 0, fmt.Errorf("warming up: %w", err)
	}
	return stream, turn, nil
}

// scrapeEvery is after how many looks its own metrics are read, which is ten seconds.
const scrapeEvery = 20

// watch keeps the most that the collector holds until the function that it returns is called.
func (l *lab) watch(ctx context.Context, s *Size) (stop func() error) {
	done, ended := make(chan struct{}), make(chan error, 1)
	var resident []float64
	go func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			u, err := l.fleet.Use()
			if err == nil && l.metrics && n%scrapeEvery == 0 {
				_, err = l.fleet.Books(ctx)
			}
			if err != nil {
				ended <- err
				return
			}
			s.Busy = most(s.Busy, u)
			resident = append(resident, float64(u.Resident))
			select {
			case <-done:
				ended <- nil
				return
			case <-tick.C:
			}
		}
	}()
	return func() error {
		close(done)
		err := <-ended
		s.Typical = int64(figures.Of(resident).Median)
		return err
	}
}

func most(a, b proc.Use) proc.Use {
	return proc.Use{Resident: max(a.Resident, b.Resident), Peak: max(a.Peak, b.Peak), Threads: max(a.Threads, b.Threads), Files: max(a.Files, b.Files),
		TCP: max(a.TCP, b.TCP), Out: max(a.Out, b.Out)}
}

func (l *lab) run(ctx context.Context, stream *load.Stream, d time.Duration) (r Run, err error) {
	pid := l.fleet.World.Collector.PID()
	before, counted := stream.Ledger.Group(0), stream.Counts(0)
	used, err := proc.CPUTime(pid)
	if err != nil {
		return r, err
	}
	begin, took, err := stream.Run(ctx, float64(l.rate), d)
	if err != nil {
		return r, err
	}
	wait, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := stream.Ledger.Await(wait, 0); err != nil {
		return r, fmt.Errorf("%w\n%s", err, l.fleet.World.Log.Tail(10))
	}
	end, err := proc.CPUTime(pid)
	if err != nil {
		return r, err
	}
	after, counts := stream.Ledger.Group(0), stream.Counts(0)
	if lost := counts.Given + counts.Failed + counts.Skipped - counted.Given - counted.Failed - counted.Skipped; lost > 0 {
		return r, fmt.Errorf("%d requests were not taken; can the collector keep up with the rate?", lost)
	}
	if err := intact(stream); err != nil {
		return r, err
	}
	q := stream.Ledger.Quantiles(0, begin, .5, .99)
	r = Run{Items: after.Accepted - before.Accepted, CPUSeconds: (end - used).Seconds(), P50: q[0].Seconds(), P99: q[1].Seconds(), Refused: counts.Refused - counted.Refused}
	r.Rate = float64(r.Items) / took.Seconds()
	return r, nil
}

// intact is an error if something came twice.
func intact(stream *load.Stream) error {
	if extra, strange := stream.Ledger.Group(0).Extra, stream.Ledger.Strange(); extra > 0 || strange > 0 {
		return fmt.Errorf("%d items arrived twice, %d of no request", extra, strange)
	}
	return nil
}

func (l *lab) printf(format string, args ...any) { fmt.Fprintf(l.out, "scale: "+format+"\n", args...) }

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
