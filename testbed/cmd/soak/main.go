// Command soak keeps the collector busy for half an hour while faults come and go, and then compares everybody's books.
package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/program"
)

const usage = `soak keeps the collector busy while faults come and go, and compares everybody's books.

usage: soak [flags] -collector FILE -ctl FILE

It is what "make soak" runs; it builds the two files first.

  -collector FILE  the collector, dist/otelcol-datadogoauth
  -ctl FILE        dist/datadogoauthctl, to make throw-away keysets
  -time DURATION   how long (default 30m)
  -rate N          items a second, a third each of metrics, logs and spans (default 20000)
  -tenants N       on six sites (default 100)
  -cycles N        how often every fault comes and goes (default one in three minutes, at least 3)
  -json FILE       write every figure there as well
  -short           two minutes
`

// requestItems is how many metrics, logs or spans a tenant sends at a time.
const requestItems = 120

type options struct {
	program.Binaries
	jsonFile              string
	time                  time.Duration
	rate, cycles, tenants int
}

func main() { program.Main("soak", run) }

func run(ctx context.Context, args []string, stdout io.Writer) error {
	return program.Run(ctx, args, stdout, usage, parse, func(ctx context.Context, o options, stdout io.Writer) error {
		if err := soak(ctx, o, stdout); err != nil {
			return fmt.Errorf("FAILED: %w", err)
		}
		return nil
	})
}

func parse(args []string) (o options, err error) {
	var short bool
	flags := program.NewFlags("soak", &o.Binaries)
	flags.StringVar(&o.jsonFile, "json", "", "")
	flags.IntVar(&o.rate, "rate", 20_000, "")
	flags.IntVar(&o.tenants, "tenants", 100, "")
	flags.IntVar(&o.cycles, "cycles", 0, "")
	flags.DurationVar(&o.time, "time", 30*time.Minute, "")
	flags.BoolVar(&short, "short", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if short {
		o.time = 2 * time.Minute
	}
	if o.cycles == 0 {
		o.cycles = max(3, int(o.time/(3*time.Minute)))
	}
	if o.tenants < 2*len(sites) {
		return o, fmt.Errorf("-tenants must be %d at least", 2*len(sites))
	}
	// Everybody sends once in a turn, and again no sooner than a second later, or points of metrics could not be told apart.
	turn := time.Duration(float64(o.tenants*3*requestItems) / float64(max(o.rate, 1)) * float64(time.Second))
	if turn < 1200*time.Millisecond || turn > o.onFor()*4/5 {
		return o, fmt.Errorf("-rate, -tenants: each tenant sends every %s, which must be 1.2 s at least and %s at most, or troubles would befall nobody", turn, o.onFor()*4/5)
	}
	return o, nil
}
