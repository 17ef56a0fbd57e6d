// Command bench measures the distribution under a fixed OTLP/HTTP load: CPU time of the collector process, bytes on the wire, size of requests
// and time under way, with our exporter, with the collector's otlp_http and with none.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/program"
)

const usage = `bench measures the collector under a fixed OTLP/HTTP load.

usage: bench [flags] -collector FILE -ctl FILE

It is what "make bench-e2e" runs; it builds the two files first.

  -collector FILE  the collector, dist/otelcol-datadogoauth
  -ctl FILE        dist/datadogoauthctl, to make throw-away keysets
  -runs N          measured runs of each exporter, interleaved (default 7)
  -signal NAMES    metrics, logs, traces, separated by commas; all without it
  -items N         items of a run that compares exporters (default 240000)
  -rate N          items a second (default 50000)
  -tenants N       compare one tenant with so many; 0 leaves that out (default 1000)
  -mix FILE        what metrics and traces are made of, in the form of testbed/load/mix.json
  -json FILE       write every figure there as well
  -short           few runs of few items: shows that it works, measures nothing
`

type options struct {
	program.Binaries
	jsonFile                   string
	runs, items, rate, tenants int
	tenantItems, requestItems  int
	signals                    []load.Signal
	mix                        load.Mix
	env                        []string // of the collectors
}

func main() { program.Main("bench", run) }

func run(ctx context.Context, args []string, stdout io.Writer) error {
	return program.Run(ctx, args, stdout, usage, parse, measure)
}

func parse(args []string) (o options, err error) {
	var signals, mixFile string
	var short bool
	flags := program.NewFlags("bench-e2e", &o.Binaries)
	flags.StringVar(&o.jsonFile, "json", "", "")
	flags.StringVar(&signals, "signal", "", "")
	flags.StringVar(&mixFile, "mix", "", "")
	flags.IntVar(&o.runs, "runs", 7, "")
	flags.IntVar(&o.items, "items", 240_000, "")
	flags.IntVar(&o.rate, "rate", 50_000, "")
	flags.IntVar(&o.tenants, "tenants", 1000, "")
	flags.BoolVar(&short, "short", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if short {
		o.runs, o.items, o.tenants = min(o.runs, 2), min(o.items, 10_000), min(o.tenants, 10)
		o.env = []string{"BENCH_BUCKET_INTERVAL=1s"}
	}
	o.requestItems, o.tenantItems = 1000, 200
	if o.items%o.requestItems != 0 {
		return o, fmt.Errorf("-items must be a multiple of %d", o.requestItems)
	}
	if o.runs < 1 || o.rate < 1 || o.tenants < 0 || o.tenants == 1 || o.items < o.requestItems {
		return o, fmt.Errorf("-runs and -rate must be positive, -tenants 0 or more than 1, -items at least %d", o.requestItems)
	}
	o.signals = load.Signals
	if signals != "" {
		o.signals = nil
		for name := range strings.SplitSeq(signals, ",") {
			s := load.Signal(name)
			if !slices.Contains(load.Signals, s) {
				return o, fmt.Errorf("-signal: there is no signal %q", name)
			}
			o.signals = append(o.signals, s)
		}
	}
	o.mix = load.DefaultMix()
	if mixFile != "" {
		text, err := os.ReadFile(mixFile)
		if err != nil {
			return o, err
		}
		if o.mix, err = load.ParseMix(text); err != nil {
			return o, fmt.Errorf("%s: %w", mixFile, err)
		}
	}
	// A cumulative series that is forgotten would begin again, and what it sends then is not what was sent to it. The comparison of tenants has a new process.
	if share := o.mix.Metrics.CumulativeSum + o.mix.Metrics.Histogram; max(o.items, o.tenants*o.tenantItems)*share/100 > maxSeries {
		return o, fmt.Errorf("-items and -tenants make more series of a tenant than the exporter remembers, %d", maxSeries)
	}
	return o, nil
}

// maxSeries is the default of metrics::max_series_per_tenant.
const maxSeries = 200_000
