package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const (
	startAtRest = 10_000
	startWithin = 2 * time.Second
	startMemory = 60 << 20 // bytes above the collector without a grant
)

// startAgain starts the collector with many grants at rest, and compares it with the same one before there was a grant.
func startAgain(ctx context.Context, l *lab) error {
	n := startAtRest
	if l.short {
		n = 500
	}
	if l.grants > 0 {
		n = l.grants
	}
	return l.inWorld(ctx, world.Options{Setup: &world.Setup{}}, func(w *world.World) error {
		cs, err := customers(w, n, n/10) // the stand-in offers all of them on each consent page
		if err != nil {
			return err
		}
		emptyReady, emptyBytes, err := startOnce(ctx, w)
		if err != nil {
			return err
		}
		if err := l.connectMany(ctx, cs, w.Node); err != nil {
			return err
		}
		if err := w.Collector.Stop(); err != nil {
			return err
		}
		ready, bytes, err := startOnce(ctx, w)
		if err != nil {
			return err
		}
		loaded, err := tenantsByName(ctx, w.Node)
		if err != nil {
			return err
		}
		l.printf("%d grants at rest: start to ready %s (without a grant %s), resident memory %.1f MB (without a grant %.1f MB)",
			len(loaded), ready.Round(10*time.Millisecond), emptyReady.Round(10*time.Millisecond), float64(bytes)/1e6, float64(emptyBytes)/1e6)
		if len(loaded) != n {
			err = fmt.Errorf("%d grants were loaded, %d were stored", len(loaded), n)
		}
		if ready > startWithin || bytes-emptyBytes > startMemory {
			err = errors.Join(err, fmt.Errorf("ready after %s (%s at most are right), %d bytes more than without a grant (%d at most are right)",
				ready, startWithin, bytes-emptyBytes, startMemory))
		}
		return err
	})
}

// startOnce runs the collector until its grants are loaded, and measures the process.
func startOnce(ctx context.Context, w *world.World) (ready time.Duration, resident int64, err error) {
	begin := time.Now()
	if err := w.StartCollector(ctx); err != nil {
		return 0, 0, err
	}
	ready = time.Since(begin)
	resident, err = residentBytes(w.Collector.PID())
	return ready, resident, err
}

// residentBytes reads VmRSS of a process: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
func residentBytes(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.New("the kernel does not tell the resident memory of a process")
}
