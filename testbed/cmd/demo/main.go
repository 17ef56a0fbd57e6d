// Command demo shows the whole path once: three customers on three Datadog sites connect, the OpenTelemetry SDK sends for each of
// them through the real collector binary, and what arrived is read back from the stand-in for Datadog.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
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
	collector, ctl, config, fault string
	up                            bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	var o options
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.collector, "collector", "", "")
	flags.StringVar(&o.ctl, "ctl", "", "")
	flags.StringVar(&o.config, "config", "", "")
	flags.StringVar(&o.fault, "fault", "", "")
	flags.BoolVar(&o.up, "up", false, "")
	if err := flags.Parse(args); err != nil {
		fmt.Fprint(stdout, usage)
		return err
	}
	if o.collector == "" || o.ctl == "" || o.config == "" || flags.NArg() > 0 {
		fmt.Fprint(stdout, usage)
		return errors.New("-collector, -ctl and -config are needed; `make demo` sets them")
	}
	if o.up {
		return up(ctx, o, stdout)
	}
	return demo(ctx, o, stdout)
}
