// Command poison measures what tenants that cannot take their data, and one that sends a hundred times its share, change for the others.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/program"
)

const usage = `poison measures what some tenants' trouble changes for the others.

usage: poison [flags] -collector FILE -ctl FILE

It is what "make bench-poison" runs; it builds the two files first. It fails if the others lose anything, or if the median of at least seven pairs
of runs says that their throughput or p99 is worse by more than 5 %; it prints the spread, and in how many pairs it is so.

  -collector FILE  the collector, dist/otelcol-datadogoauth
  -ctl FILE        dist/datadogoauthctl, to make throw-away keysets
  -tenants N       on several sites; every tenth is poisoned (default 1000)
  -rate N          items a second of all of them, a third each of metrics, logs and spans (default 10000)
  -runs N          measured runs of each arm, interleaved (default 7)
  -time DURATION   of a run, from the moment at which the trouble begins (default 36s)
  -greed N         how many times its share the greedy tenant sends (default 100)
  -direct          send each request at once, not in the default batches: without it a second of p99 is the batch's, and 5 % of p99 are 50 ms
  -consumers N     sending_queue::num_consumers (default that of the exporter)
  -kinds NAMES     the ways of being poisoned, separated by semicolons; all without it:
                   hang; stream reset; 429; 403, key valid; key refused; 413; 500; site hangs; site resets
  -json FILE       write every figure there as well
  -short           few tenants, for seconds: shows that it works, measures nothing
`

// requestItems is how many items a request has: of metrics, of logs, or of spans.
const requestItems = 40

// poisonedEvery is how many tenants there are for a poisoned one.
const poisonedEvery = 10

type options struct {
	program.Binaries
	jsonFile                   string
	tenants, rate, runs, greed int
	time                       time.Duration
	direct                     bool
	consumers                  int
	kinds                      []kind
}

func main() { program.Main("poison", run) }

func run(ctx context.Context, args []string, stdout io.Writer) error {
	return program.Run(ctx, args, stdout, usage, parse, measure)
}

func parse(args []string) (o options, err error) {
	var short bool
	var names string
	flags := program.NewFlags("bench-poison", &o.Binaries)
	flags.StringVar(&o.jsonFile, "json", "", "")
	flags.IntVar(&o.tenants, "tenants", 1000, "")
	flags.IntVar(&o.rate, "rate", 10_000, "")
	flags.IntVar(&o.runs, "runs", 7, "")
	flags.IntVar(&o.greed, "greed", 100, "")
	flags.DurationVar(&o.time, "time", 36*time.Second, "")
	flags.BoolVar(&o.direct, "direct", false, "")
	flags.IntVar(&o.consumers, "consumers", 0, "")
	flags.StringVar(&names, "kinds", "", "")
	flags.BoolVar(&short, "short", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.kinds, err = choose(names); err != nil {
		return o, err
	}
	if short {
		o.tenants, o.rate, o.runs, o.time, o.greed = poisonedEvery*len(o.kinds), 60*poisonedEvery*len(o.kinds), 1, 4*time.Second, 10
	}
	if least := poisonedEvery * len(o.kinds); o.tenants < least || o.tenants > 10_000 {
		return o, fmt.Errorf("-tenants must be %d to 10000: every %dth is poisoned, in %d ways", least, poisonedEvery, len(o.kinds))
	}
	if o.rate < o.tenants || o.runs < 1 || o.greed < 1 || o.time < time.Second {
		return o, errors.New("-rate must be at least -tenants, -runs and -greed positive, -time a second or more")
	}
	return o, nil
}
