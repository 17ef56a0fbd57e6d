package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/proc"
)

// callers are how many senders of a flood there are, each of which waits for its answer.
const callers = 64

// Flood is what a collector takes of senders that do not wait but for its answers.
type Flood struct {
	Callers    int     `json:"callers"`
	Calls      int     `json:"calls"` // that were taken
	Rate       float64 `json:"calls_per_second"`
	Refused    int     `json:"refused"`         // times that it did not take one at first
	Drained    float64 `json:"drained_seconds"` // from the last answer until all had arrived
	CPUSeconds float64 `json:"cpu_seconds"`     // until then
}

// measureFlood measures it in a fresh process. Nothing may be lost or arrive twice.
func (l *lab) measureFlood(ctx context.Context, active int) (*Flood, error) {
	if err := l.fresh(ctx); err != nil {
		return nil, err
	}
	stream, _, err := l.warm(ctx, max(l.flood/active, 1)*min(active, maxLoad), active)
	if err != nil {
		return nil, err
	}
	pid, counted := l.fleet.World.Collector.PID(), stream.Counts(0)
	used, err := proc.CPUTime(pid)
	if err != nil {
		return nil, err
	}
	_, took, err := stream.Flood(ctx, callers, l.time)
	if err != nil {
		return nil, err
	}
	answered := time.Now()
	wait, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := stream.Ledger.Await(wait, 0); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, l.fleet.World.Log.Tail(10))
	}
	drained := time.Since(answered)
	end, err := proc.CPUTime(pid)
	if err != nil {
		return nil, err
	}
	counts := stream.Counts(0)
	if counts.Failed > 0 || counts.Given > 0 {
		return nil, fmt.Errorf("%d requests failed, %d were given up", counts.Failed, counts.Given)
	}
	f := &Flood{Callers: callers, Calls: counts.Taken - counted.Taken, Refused: counts.Refused - counted.Refused, Drained: drained.Seconds(), CPUSeconds: (end - used).Seconds()}
	f.Rate = float64(f.Calls) / took.Seconds()
	return f, intact(stream)
}

func (f *Flood) line() string {
	return fmt.Sprintf("%d callers: %.0f calls/s, %.0f items/s; %d refusals; all had arrived %.1f s after the last answer; %.2f ms of CPU a call", f.Callers, f.Rate, f.Rate*requestItems, f.Refused, f.Drained,
		1000*f.CPUSeconds/float64(max(f.Calls, 1)))
}

// floods prints the table, in Markdown.
func (r *Report) floods(out io.Writer) {
	fmt.Fprint(out, "\n| Tenants | Active | Callers | Calls/s | Items/s | CPU a call | Refused | Drained after |\n|---|---|---|---|---|---|---|---|\n")
	sizes := r.Sizes
	if r.Active != nil {
		sizes = append(slices.Clip(sizes), r.Active)
	}
	for _, s := range sizes {
		if f := s.Flood; f != nil {
			fmt.Fprintf(out, "| %d | %d | %d | %.0f | %.0f | %.2f ms | %d | %.1f s |\n", s.Connected, s.Active, f.Callers, f.Rate, f.Rate*requestItems, 1000*f.CPUSeconds/float64(max(f.Calls, 1)), f.Refused, f.Drained)
		}
	}
	fmt.Fprintln(out)
}

// queue is what a line says about it.
func (r *Report) queue() string {
	if !r.Storage {
		return ""
	}
	return fmt.Sprintf(", a durable queue with fsync where a synced write takes %.2f ms", 1000*r.Synced)
}

// synced is the median time that a write of 4 kB takes in a directory, with fsync, in seconds.
func synced(dir string) (seconds float64, err error) {
	f, err := os.CreateTemp(dir, "synced-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	const writes = 101
	page, took := make([]byte, 4096), make([]time.Duration, writes)
	for i := range took {
		begin := time.Now()
		if _, err := f.Write(page); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[writes/2].Seconds(), nil
}
