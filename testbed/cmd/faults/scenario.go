package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// scenario is one way to break things. play returns an error when something was lost, and prints its figures either way.
type scenario struct {
	name, text string
	play       func(ctx context.Context, l *lab) error
}

var scenarios = []scenario{
	{"refresh-kill", "kill -9 at each step of a refresh", killInRefresh},
	{"mint-kill", "kill -9 at each step of a mint", killInMint},
	{"mint-find", "the same where the client may find and delete keys", killInFindableMint},
	{"callers", "1,000 callers of one expired grant", manyCallers},
	{"two-processes", "two collectors on one PostgreSQL, 500 grants expired together", twoProcesses},
	{"freeze", "the holder of a lease stopped past its lease, between answer and write", freezeHolder},
	{"restore", "a backup restored that is older than 500 rotations", restoreOld},
	{"start", "10,000 grants at rest: how long a start takes, and how much memory", startAgain},
	{"wrong-secret", "a wrong client secret for ten minutes, every grant due", wrongSecret},
	{"delivery-kill", "kill -9 under load of three signals, at each phase of a delivery", killDelivery},
	{"disk-full", "no room for the queue's files", diskFull},
	{"damaged", "a request in the queue's file damaged, then the file", damaged},
	{"outage", "one site down for much longer than retries last", outage},
	{"churn", "customers connect, replace keys and leave while data flows", churn},
}

// lab is what a scenario works with.
type lab struct {
	options
	name string
	out  io.Writer
	rand *rand.Rand // not safe for concurrent use
}

// judge plays the scenarios one by one. The error names all that failed.
func judge(ctx context.Context, o options, out io.Writer) error {
	var failed []error
	for _, s := range o.scenarios {
		l := newLab(o, s, out)
		l.printf("%s", s.text)
		begin := time.Now()
		err := s.play(ctx, l)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.name, err))
			l.printf("FAILED after %s: %v", time.Since(begin).Round(time.Second), err)
			continue
		}
		l.printf("ok in %s", time.Since(begin).Round(time.Second))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("FAILED: %w", err)
	}
	fmt.Fprintf(out, "faults: OK: %d scenarios\n", len(o.scenarios))
	return nil
}

func newLab(o options, s scenario, out io.Writer) *lab {
	return &lab{options: o, name: s.name, out: out, rand: rand.New(rand.NewPCG(o.seed, 0))} //nolint:gosec // choices are no secret
}

func (l *lab) printf(format string, args ...any) {
	fmt.Fprintf(l.out, "faults: "+l.name+": "+format+"\n", args...)
}

// within is a random duration below d.
func (l *lab) within(d time.Duration) time.Duration {
	return time.Duration(l.rand.Int64N(int64(d)))
}

// inWorld runs fn in a fresh world whose collector is still to be started.
func (l *lab) inWorld(ctx context.Context, o world.Options, fn func(*world.World) error) (err error) {
	dir, err := os.MkdirTemp("", "datadogoauth-faults-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	o.Collector, o.Ctl, o.Dir = l.Collector, l.Ctl, dir
	w, err := world.Prepare(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	return fn(w)
}

// pause waits, and says why when ctx ended first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
