package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/template"

	_ "embed"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/proc"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/sink"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

//go:embed collector.yaml.tmpl
var collectorTemplate string

// Options say what to run.
type Options struct {
	Collector, Ctl string // binaries that `make build` wrote
	// Exporter is added to the exporter's configuration, indented by four.
	Exporter string
	// Storage puts the queue on the disk, below TMPDIR: file_storage with fsync. It goes without a sending_queue in Exporter.
	Storage bool
	// Metrics has the collector serve its own metrics, for Books.
	Metrics bool
	// TraceMS has it list its goroutines so many milliseconds one after another, for Goroutines. 0 does not.
	TraceMS int
	// Site is where tenant i lives; nil is US1 for all.
	Site func(i int) string
}

// Fleet is a running collector and its tenants. Close ends it.
type Fleet struct {
	World *world.World
	Sink  *sink.Sink
	Orgs  []oauth.Org // of the tenants that are connected, by number

	opts        Options
	dir         string
	metricsPort string
}

// Start brings up everything but the tenants.
func Start(ctx context.Context, o Options) (_ *Fleet, err error) {
	f := &Fleet{opts: o, Sink: sink.New()}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if f.dir, err = os.MkdirTemp("", "datadogoauth-fleet-"); err != nil {
		return nil, err
	}
	if o.Metrics {
		addrs, err := freeport.Addrs(1)
		if err != nil {
			return nil, err
		}
		if _, f.metricsPort, err = net.SplitHostPort(addrs[0]); err != nil {
			return nil, err
		}
	}
	config := filepath.Join(f.dir, "collector.yaml")
	if err := f.writeConfig(config); err != nil {
		return nil, err
	}
	var env []string
	if o.TraceMS > 0 {
		env = append(env, fmt.Sprintf("%s%d", proc.Trace, o.TraceMS))
	}
	const remember = 20_000 // requests; what happened is counted elsewhere
	if f.World, err = world.Prepare(ctx, world.Options{Collector: o.Collector, Ctl: o.Ctl, Dir: f.dir, Sink: f.Sink, Env: env, HistoryMax: remember,
		Setup: &world.Setup{Config: config}}); err != nil {
		return nil, err
	}
	return f, f.World.StartCollector(ctx)
}

func (f *Fleet) writeConfig(file string) error {
	t, err := template.New("collector.yaml").Parse(collectorTemplate)
	if err != nil {
		return err
	}
	var out strings.Builder
	if err := t.Execute(&out, struct {
		Exporter, MetricsPort string
		Storage               bool
	}{strings.TrimRight(f.opts.Exporter, "\n"), f.metricsPort, f.opts.Storage}); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(out.String()), 0o600)
}

// Close ends everything and forgets the tenants.
func (f *Fleet) Close() error {
	var errs []error
	if f.World != nil {
		errs = append(errs, f.World.Close())
	}
	errs = append(errs, f.Sink.Close())
	if f.dir != "" {
		errs = append(errs, os.RemoveAll(f.dir))
	}
	return errors.Join(errs...)
}

// Name is that of tenant i.
func Name(i int) string { return fmt.Sprintf("tenant-%05d", i) }

// Connect lets tenants consent until there are n, some at a time. Those that did are taken off the consent pages, as nobody is a member of thousands
// of organisations.
func (f *Fleet) Connect(ctx context.Context, n int) error {
	const atOnce = 8
	first := len(f.Orgs)
	if n <= first {
		return nil
	}
	f.Orgs = append(f.Orgs, make([]oauth.Org, n-first)...)
	errs := make([]error, atOnce)
	var work sync.WaitGroup
	for w := range atOnce {
		work.Go(func() {
			for i := first + w; i < n && errs[w] == nil; i += atOnce {
				f.Orgs[i], errs[w] = f.connectOne(ctx, i)
			}
		})
	}
	work.Wait()
	return errors.Join(errs...)
}

func (f *Fleet) connectOne(ctx context.Context, i int) (oauth.Org, error) {
	site := "datadoghq.com"
	if f.opts.Site != nil {
		site = f.opts.Site(i)
	}
	org, err := f.World.Standin.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: site}, Name: Name(i) + " Inc."})
	if err != nil {
		return org, err
	}
	err = f.World.Connect(ctx, world.Customer{Tenant: Name(i), Org: org})
	f.World.Standin.OAuth().Unlist(org.OrgRef)
	return org, err
}

// Reconnect has tenant i consent once more, in its own organisation.
func (f *Fleet) Reconnect(ctx context.Context, i int) error {
	provider := f.World.Standin.OAuth()
	provider.Relist(f.Orgs[i].OrgRef)
	defer provider.Unlist(f.Orgs[i].OrgRef)
	return f.World.Connect(ctx, world.Customer{Tenant: Name(i), Org: f.Orgs[i]})
}

// Nudge has all that waits for tenant i tried at once, as an operator does who knows that a trouble is over: the tenant is paused and resumed.
func (f *Fleet) Nudge(ctx context.Context, i int) error {
	for _, order := range []string{"pause", "resume"} {
		status, body, err := f.World.Admin(ctx, http.MethodPost, "/v1/tenants/"+Name(i)+"/"+order, nil)
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("%s %s: %d: %.200s", order, Name(i), status, body)
		}
	}
	return nil
}

// Restart kills the collector and starts it again: its memory, its park and its queue are those of a new process. What it had is lost.
func (f *Fleet) Restart(ctx context.Context) error {
	f.World.Collector.Kill()
	if err := errors.Join(f.World.Standin.AwaitQuiet(ctx), os.RemoveAll(f.Queue())); err != nil {
		return err
	}
	return f.World.StartCollector(ctx)
}

// Queue is where the queue's files are, with Options.Storage.
func (f *Fleet) Queue() string { return f.World.Path("queue") }

// Stream sends loads for the first n tenants, in turn. What arrives is noted in the ledger.
func (f *Fleet) Stream(loads []*load.Load, n int, ledger *load.Ledger) *load.Stream {
	f.Sink.Watch(ledger.Arrived)
	return &load.Stream{URL: f.World.OTLPHTTP, Header: world.TenantHeader, Tenants: n, Name: Name, Loads: loads, Ledger: ledger}
}

// Use is what the collector holds now.
func (f *Fleet) Use() (proc.Use, error) {
	return proc.Read(f.World.Collector.PID(), f.World.Standin.ProxyURL().Host)
}
