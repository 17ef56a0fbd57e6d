// Command faults breaks a running collector in the ways in which machines and networks break it, and counts what that cost: no grant,
// no API key, no refresh token and no datum that was acknowledged may be lost but where it is said by name.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `faults breaks the collector and counts what that costs.

usage: faults [-run NAMES] [-short] [-grants N] [-rounds N] [-seed N] -collector FILE -ctl FILE

It is what "make faults" runs; it builds the two files first.

  -collector FILE  the collector, dist/otelcol-datadogoauth
  -ctl FILE        dist/datadogoauthctl
  -run NAMES       the scenarios to run, separated by commas; all without it:
`

type options struct {
	collector, ctlBinary string
	short                bool
	grants, rounds       int
	seed                 uint64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintf(os.Stderr, "faults: %v\n", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	var o options
	var names string
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.collector, "collector", "", "")
	flags.StringVar(&o.ctlBinary, "ctl", "", "")
	flags.StringVar(&names, "run", "", "")
	flags.BoolVar(&o.short, "short", false, "")
	flags.IntVar(&o.grants, "grants", 0, "")
	flags.IntVar(&o.rounds, "rounds", 0, "")
	flags.Uint64Var(&o.seed, "seed", 0, "")
	if err := flags.Parse(args); err != nil {
		printUsage(stdout)
		return err
	}
	if o.collector == "" || o.ctlBinary == "" || flags.NArg() > 0 {
		printUsage(stdout)
		return errors.New("-collector and -ctl are needed; `make faults` sets them")
	}
	chosen, err := choose(names)
	if err != nil {
		return err
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1e9) + 1
	}
	fmt.Fprintf(stdout, "faults: seed %d\n", o.seed)
	return judge(ctx, o, chosen, stdout)
}

func printUsage(out io.Writer) {
	fmt.Fprint(out, usage)
	for _, s := range scenarios {
		fmt.Fprintf(out, "                     %-14s %s\n", s.name, s.text)
	}
	fmt.Fprint(out, `  -short           minutes become seconds where a scenario waits
  -grants N        how many grants a scenario with many has, instead of its own number
  -rounds N        how often a scenario of deliveries kills, instead of its own number
  -seed N          for the random choices and delays, printed at the start; a random one without it. The same number twice gives the same
                   choices, and still not two runs alike: when a kill lands is the machine's affair
`)
}

func choose(names string) ([]scenario, error) {
	if names == "" {
		return scenarios, nil
	}
	var chosen []scenario
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, s := range scenarios {
			if s.name == name {
				chosen, found = append(chosen, s), true
			}
		}
		if !found {
			return nil, fmt.Errorf("-run: there is no scenario %q; -help lists them", name)
		}
	}
	return chosen, nil
}
