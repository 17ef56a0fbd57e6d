// Command scale measures one collector with 1 to 10,000 tenants: items a second and core, memory, time under way, connections, goroutines, files.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/program"
)

const usage = `scale measures the collector with more and more tenants.

usage: scale [flags] -collector FILE -ctl FILE

It is what "make bench-scale" runs; it builds the two files first. It fails if anything is lost, or if 10,000 tenants of which 1,000 send take more than
250 MB at the peak.

  -collector FILE  the collector, dist/otelcol-datadogoauth
  -ctl FILE        dist/datadogoauthctl, to make throw-away keysets
  -sizes LIST      numbers of tenants, rising (default 1,100,1000,10000; with -storage without the last)
  -active N        at the largest size, once more with so many that send (default 1000, with -storage 0, which leaves that out)
  -rate N          items a second, a third each of metrics, logs and spans (default 10000; with -storage 4000)
  -runs N          measured runs of each size (default 3)
  -storage         with a durable queue: file_storage with fsync, below TMPDIR. Then each size also is measured as fast as 64 callers are answered
  -metrics         with own metrics of the level normal, read every ten seconds
  -time DURATION   of a run, at least; it is as long as it takes until every tenant has sent (default 30s)
  -json FILE       write every figure there as well
  -svg FILE        draw them
  -short           sizes 1 and 4, with -storage 2, for seconds: shows that it works, measures nothing
`

// requestItems is how many items a request has: of metrics, of logs, or of spans.
const requestItems = 40

// maxLoad is how many different requests a load has at most. Where there are more tenants they share them.
const maxLoad = 1000

type options struct {
	program.Binaries
	jsonFile, svgFile  string
	storage, metrics   bool
	sizes              []int
	active, rate, runs int
	time               time.Duration
	flood              int           // how many different requests of each signal a flood has
	settle             time.Duration // how long a collector that has started is left alone before its memory is read
}

func main() { program.Main("scale", run) }

func run(ctx context.Context, args []string, stdout io.Writer) error {
	return program.Run(ctx, args, stdout, usage, parse, measure)
}

func parse(args []string) (o options, err error) {
	var sizes string
	var short bool
	o.flood = maxLoad
	flags := program.NewFlags("bench-scale", &o.Binaries)
	flags.StringVar(&o.jsonFile, "json", "", "")
	flags.StringVar(&o.svgFile, "svg", "", "")
	flags.StringVar(&sizes, "sizes", "", "")
	flags.IntVar(&o.active, "active", -1, "")
	flags.IntVar(&o.rate, "rate", 0, "")
	flags.IntVar(&o.runs, "runs", 3, "")
	flags.DurationVar(&o.time, "time", 30*time.Second, "")
	flags.BoolVar(&o.storage, "storage", false, "")
	flags.BoolVar(&o.metrics, "metrics", false, "")
	flags.BoolVar(&short, "short", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.settle = 3 * time.Second
	usual := options{active: 1000, rate: 10_000}
	all := "1,100,1000,10000"
	if o.storage {
		usual, all = options{rate: 4000}, "1,100,1000"
	}
	if o.rate == 0 {
		o.rate = usual.rate
	}
	if sizes == "" {
		sizes = all
	}
	if short {
		sizes, o.active, o.runs, o.time, o.settle, o.flood = "1,4", 2, 1, time.Second, 100*time.Millisecond, 40
		if o.storage {
			sizes, o.active = "2", 0
		}
	}
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100_000 || n > maxLoad && n%maxLoad != 0 {
			return o, fmt.Errorf("-sizes: %q is no number of tenants; above %d a multiple of it", text, maxLoad)
		}
		o.sizes = append(o.sizes, n)
	}
	if !slices.IsSorted(o.sizes) {
		return o, errors.New("-sizes must rise: tenants are connected and never leave")
	}
	largest := o.sizes[len(o.sizes)-1]
	if o.active < 0 && usual.active <= largest {
		o.active = usual.active
	}
	if o.active = max(o.active, 0); o.active > largest {
		return o, fmt.Errorf("-active must be 0 to %d, the largest size", largest)
	}
	if o.rate < requestItems || o.runs < 1 || o.time < time.Second {
		return o, fmt.Errorf("-rate must be %d or more, -runs positive, -time a second or more", requestItems)
	}
	return o, nil
}
