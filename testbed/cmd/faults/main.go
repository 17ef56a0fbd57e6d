// Command faults breaks a running collector in the ways in which machines and networks break it, and counts what that cost: no grant,
// no API key, no refresh token and no datum that was acknowledged may be lost but where it is said by name.
package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/program"
)

type options struct {
	program.Binaries
	scenarios      []scenario
	short          bool
	grants, rounds int
	seed           uint64
}

func main() { program.Main("faults", run) }

func run(ctx context.Context, args []string, stdout io.Writer) error {
	return program.Run(ctx, args, stdout, usage(), parse, func(ctx context.Context, o options, stdout io.Writer) error {
		fmt.Fprintf(stdout, "faults: seed %d\n", o.seed)
		return judge(ctx, o, stdout)
	})
}

func parse(args []string) (o options, err error) {
	var names string
	flags := program.NewFlags("faults", &o.Binaries)
	flags.StringVar(&names, "run", "", "")
	flags.BoolVar(&o.short, "short", false, "")
	flags.IntVar(&o.grants, "grants", 0, "")
	flags.IntVar(&o.rounds, "rounds", 0, "")
	flags.Uint64Var(&o.seed, "seed", 0, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1e9) + 1
	}
	o.scenarios, err = choose(names)
	return o, err
}

func usage() string {
	var list strings.Builder
	for _, s := range scenarios {
		fmt.Fprintf(&list, "                     %-14s %s\n", s.name, s.text)
	}
	return `faults breaks the collector and counts what that costs.

usage: faults [-run NAMES] [-short] [-grants N] [-rounds N] [-seed N] -collector FILE -ctl FILE

It is what "make faults" runs; it builds the two files first.

  -collector FILE  the collector, dist/otelcol-datadogoauth
  -ctl FILE        dist/datadogoauthctl
  -run NAMES       the scenarios to run, separated by commas; all without it:
` + list.String() + `  -short           minutes become seconds where a scenario waits
  -grants N        how many grants a scenario with many has, instead of its own number
  -rounds N        how often a scenario of deliveries kills, instead of its own number
  -seed N          for the random choices and delays, printed at the start; a random one without it. The same number twice gives the same
                   choices, and still not two runs alike: when a kill lands is the machine's affair
`
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
