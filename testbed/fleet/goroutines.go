package fleet

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/proc"
)

// Goroutines are how many the collector had, each time that it listed them (Options.TraceMS), since it was started for the first time.
func (f *Fleet) Goroutines() []int { return proc.GoroutinesOfTrace(f.World.Log.String()) }

// Dump ends the collector by SIGQUIT, and counts its goroutines in what it says then.
func (f *Fleet) Dump(ctx context.Context) (int, error) {
	before := len(f.World.Log.String())
	if err := syscall.Kill(f.World.Collector.PID(), syscall.SIGQUIT); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	select {
	case <-f.World.Collector.Done():
	case <-ctx.Done():
		return 0, fmt.Errorf("the collector did not end by SIGQUIT: %w", ctx.Err())
	}
	f.World.Collector.Kill() // so that its end is no fault
	return proc.GoroutinesOfDump(f.World.Log.String()[before:]), nil
}
