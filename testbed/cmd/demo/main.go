// Command demo shows the whole path once: three customers on three Datadog sites connect, the OpenTelemetry SDK sends for each of
// them through the real collector binary, and what arrived is read back from the stand-in for Datadog.
package main

import (
	"context"
	"errors"
	"io"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/program"
)

const usage = `demo runs the collector against a stand-in for Datadog.

usage: demo [-up] [-fault drop|swap_key|wrong_site] -collector FILE -ctl FILE -config FILE

It is what "make demo" and "make up" run; they build the three files first.

  -collector FILE  the collector, dist/otelcol-datadogoauth
  -ctl FILE        dist/datadogoauthctl, to make throw-away keysets
  -config FILE     the collector's configuration, examples/demo/collector.yaml
  -fault NAME      break the world in one way; the demo must then fail and say so
  -up              leave everything running until Ctrl-C, for a person to click through
`

type options struct {
	program.Binaries
	config, fault string
	up            bool
}

func main() { program.Main("demo", run) }

func run(ctx context.Context, args []string, stdout io.Writer) error {
	return program.Run(ctx, args, stdout, usage, parse, func(ctx context.Context, o options, stdout io.Writer) error {
		if o.up {
			return up(ctx, o, stdout)
		}
		return demo(ctx, o, stdout)
	})
}

func parse(args []string) (o options, err error) {
	flags := program.NewFlags("demo", &o.Binaries)
	flags.StringVar(&o.config, "config", "", "")
	flags.StringVar(&o.fault, "fault", "", "")
	flags.BoolVar(&o.up, "up", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.config == "" {
		return o, errors.New("-config is needed; `make demo` sets it")
	}
	return o, nil
}
