package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

const (
	// Files may grow to roomBytes while the disk is full. A call with log records of paddedBytes needs more.
	roomBytes   = 1 << 20
	paddedBytes = 600_000
)

// diskFull takes the room away that the queue's files may grow into, while large calls come and small ones: the large ones are refused, for now and with
// a reason, the small ones go on, and once there is room again all that was acknowledged arrives, once.
//
// The kernel refuses the write as on a full disk (EFBIG in place of ENOSPC), for the files of this one process: prlimit(2), RLIMIT_FSIZE. Its signal is
// blocked by env(1); otherwise it would end a Go process.
func diskFull(ctx context.Context, l *lab) error {
	script, remove, err := l.blockingXFSZ()
	if err != nil {
		return err
	}
	defer remove()
	inner := *l
	inner.Collector = script
	const small, large = "small", "large"
	return inner.inDeliveries(ctx, []string{small, large}, nil, func(d *deliveries) error {
		stop := d.load(ctx, small)
		err := d.whileFull(ctx, small, large)
		if err := errors.Join(err, stop()); err != nil {
			return err
		}
		if err := errors.Join(d.arrive(ctx, arriveWithin), d.awaitTotals(ctx, arriveWithin)); err != nil {
			return err
		}
		d.printf("no room for 2 s: calls refused for now %d times; %d items acknowledged, all arrived once", d.client.Retried.Load(), len(d.owed()))
		return errors.Join(d.once(), d.crossed(), d.balanced(ctx, nil))
	})
}

// whileFull sends a large call while there is no room, and returns when it was taken because there was room again.
func (d *deliveries) whileFull(ctx context.Context, small, large string) error {
	if err := limitFiles(d.w.Collector.PID(), roomBytes); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, arriveWithin)
	defer cancel()
	var calls sync.WaitGroup
	defer calls.Wait()
	var sendErr error
	calls.Go(func() { _, sendErr = d.client.SendLarge(ctx, large, load.Logs, 3, paddedBytes) })
	for d.client.Retried.Load() == 0 {
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("a call that the disk has no room for was not refused for now: %w", err)
		}
	}
	before := len(d.owed(small))
	if err := errors.Join(pause(ctx, 2*time.Second), d.arrive(ctx, 10*time.Second, small)); err != nil {
		return fmt.Errorf("what was acknowledged does not arrive: %w", err)
	}
	taken := d.describe(d.owed(small)[before:])
	d.printf("taken meanwhile: %s", taken)
	for _, s := range []load.Signal{load.Metrics, load.Traces} { // the file of logs is the full one
		if !strings.Contains(taken, string(s)) {
			return fmt.Errorf("small calls of %s do not go on", s)
		}
	}
	if owed := d.owed(large); len(owed) > 0 {
		return fmt.Errorf("%d items were acknowledged without room for them", len(owed))
	}
	if err := limitFiles(d.w.Collector.PID(), noLimit); err != nil {
		return err
	}
	calls.Wait()
	switch {
	case sendErr != nil:
		return sendErr
	case len(d.owed(large)) == 0:
		return errors.New("the large call was not taken when there was room again")
	case !strings.Contains(d.w.Log.String(), "file too large"):
		return errors.New("the collector's log does not say why it refused")
	}
	return nil
}

// blockingXFSZ is a program that becomes the collector, with the signal blocked that comes with a refused write.
func (l *lab) blockingXFSZ() (script string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "datadogoauth-faults-")
	if err != nil {
		return "", nil, err
	}
	collector, err := filepath.Abs(l.Collector)
	if err != nil {
		return "", nil, err
	}
	script = filepath.Join(dir, "collector")
	text := fmt.Sprintf("#!/bin/sh\nexec env --block-signal=XFSZ '%s' \"$@\"\n", strings.ReplaceAll(collector, "'", `'\''`))
	return script, func() { os.RemoveAll(dir) }, os.WriteFile(script, []byte(text), 0o700) //nolint:gosec // it is to run
}
