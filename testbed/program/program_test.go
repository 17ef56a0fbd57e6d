package program_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/program"
)

type options struct {
	program.Binaries
	short bool
}

func parse(args []string) (o options, err error) {
	flags := program.NewFlags("verb", &o.Binaries)
	flags.BoolVar(&o.short, "short", false, "")
	return o, flags.Parse(args)
}

func TestArgumentsAreUnderstoodOrAnsweredWithTheUsage(t *testing.T) {
	t.Parallel()
	ran := errors.New("it ran")
	var got options
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := program.Run(t.Context(), args, &out, "usage", parse, func(_ context.Context, o options, _ io.Writer) error {
			got = o
			return ran
		})
		return out.String(), err
	}
	if out, err := run("-collector", "a", "-short", "-ctl", "b"); out != "" || !errors.Is(err, ran) || got != (options{program.Binaries{Collector: "a", Ctl: "b"}, true}) {
		t.Errorf("%q, %v, %+v", out, err, got)
	}
	for _, args := range [][]string{nil, {"-ctl", "b"}, {"-collector", "a"}, {"-collector", "a", "-ctl", "b", "c"}, {"-collector", "a", "-ctl", "b", "-long"}} {
		if out, err := run(args...); out != "usage" || err == nil || errors.Is(err, ran) {
			t.Errorf("%q: %q, %v", args, out, err)
		}
	}
	if _, err := run(); err.Error() != "-collector and -ctl are needed; `make verb` sets them" {
		t.Error(err)
	}
	if out, err := run("-h"); out != "usage" || !errors.Is(err, flag.ErrHelp) {
		t.Errorf("%q, %v", out, err)
	}
}
