package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/sink"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

//go:embed nop.yaml otlp_http.yaml datadogoauth.yaml direct.yaml
var configs embed.FS

// lab is three running collectors, one for each exporter, and the sink that they send to.
type lab struct {
	options
	out      io.Writer
	sink     *sink.Sink
	world    *world.World
	nodes    map[string]*world.Node // by exporter
	besides  string                 // a second file of our collector's configuration
	expected map[*world.Node]int    // items that must have arrived until now
	spans    map[*world.Node]int    // the same of spans in APM stats

	mu   sync.Mutex        // guards what follows
	orgs map[string]string // tenant by id of its organisation
}

// The exporters that are compared.
const (
	nop          = "nop"
	otlpHTTP     = "otlp_http"
	datadogOAuth = "datadogoauth"
)

// measure does everything, in a world of its own.
func measure(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "datadogoauth-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l := &lab{options: o, out: out, sink: sink.New(), nodes: map[string]*world.Node{}, orgs: map[string]string{}, expected: map[*world.Node]int{}, spans: map[*world.Node]int{}}
	defer func() { err = errors.Join(err, l.sink.Close()) }()
	if err := l.start(ctx, dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.world.Close()) }()
	r := newReport(o)
	for _, s := range o.signals {
		c, err := l.compare(ctx, s)
		if err != nil {
			return err
		}
		r.Exporters = append(r.Exporters, c)
		c.print(out)
	}
	r.Protocols = l.protocols()
	if o.tenants > 0 {
		if r.Tenants, err = l.compareTenants(ctx); err != nil {
			return err
		}
	}
	if err := l.verify(); err != nil {
		return err
	}
	return r.finish(out, o.jsonFile)
}

// compareTenants measures one tenant, lets many consent, and measures one and all of them.
func (l *lab) compareTenants(ctx context.Context) (all []*TenantComparison, err error) {
	if err := l.goDirect(ctx); err != nil {
		return nil, err
	}
	for _, s := range l.signals {
		t, err := l.alone(ctx, s)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	if err := l.connect(ctx, l.tenants); err != nil {
		return nil, err
	}
	for _, t := range all {
		if err := l.amongMany(ctx, t); err != nil {
			return nil, err
		}
		t.print(l.out)
	}
	return all, nil
}

// start runs the collectors, and connects the one tenant of which every comparison has need.
func (l *lab) start(ctx context.Context, dir string) (err error) {
	paths := map[string]string{}
	for _, name := range []string{nop, otlpHTTP, datadogOAuth} {
		text, err := configs.ReadFile(name + ".yaml")
		if err != nil {
			return err
		}
		paths[name] = filepath.Join(dir, name+".yaml")
		if err := os.WriteFile(paths[name], text, 0o600); err != nil {
			return err
		}
	}
	l.besides = filepath.Join(dir, "besides.yaml")
	if err := os.WriteFile(l.besides, []byte("{}\n"), 0o600); err != nil {
		return err
	}
	l.world, err = world.Prepare(ctx, world.Options{
		Collector: l.Collector, Ctl: l.Ctl, Dir: dir, Sink: l.sink, Env: l.env, Setup: &world.Setup{Config: paths[datadogOAuth]}, Args: []string{"--config", l.besides},
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.world.Close())
		}
	}()
	l.nodes[datadogOAuth] = l.world.Node
	if err := l.world.Node.StartCollector(ctx); err != nil {
		return err
	}
	for _, name := range []string{nop, otlpHTTP} {
		n, err := l.world.NewNode(name, world.Setup{Config: paths[name], SendOnly: true})
		if err != nil {
			return err
		}
		if err := n.Launch(); err != nil {
			return err
		}
		if err := n.AwaitRunning(ctx); err != nil {
			return err
		}
		l.nodes[name] = n
	}
	return l.connectOne(ctx, single)
}

// goDirect starts our collector anew, with the exporter that sends each request at once beside the other.
func (l *lab) goDirect(ctx context.Context) error {
	text, err := configs.ReadFile("direct.yaml")
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.besides, text, 0o600); err != nil {
		return err
	}
	if err := l.world.Node.Collector.Stop(); err != nil {
		return err
	}
	return l.world.Node.StartCollector(ctx)
}

// single is the tenant of every load that has one.
const single = "single"

// many is tenant i of a load with many.
func many(i int) string { return fmt.Sprintf("tenant-%04d", i) }

// connectOne lets a tenant consent, in an organisation of its own.
func (l *lab) connectOne(ctx context.Context, tenant string) error {
	org, err := l.world.Standin.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "datadoghq.com"}, Name: tenant + " Inc."})
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.orgs[org.ID] = tenant
	l.mu.Unlock()
	return l.world.Connect(ctx, world.Customer{Tenant: tenant, Org: org})
}

// connect lets n tenants consent, some at a time.
func (l *lab) connect(ctx context.Context, n int) error {
	begin := time.Now()
	const atOnce = 8
	errs := make([]error, atOnce)
	var work sync.WaitGroup
	for w := range atOnce {
		work.Go(func() {
			for i := w; i < n && errs[w] == nil; i += atOnce {
				errs[w] = l.connectOne(ctx, many(i))
			}
		})
	}
	work.Wait()
	l.printf("%d tenants connected in %s", n, time.Since(begin).Round(time.Second))
	return errors.Join(errs...)
}

func (l *lab) printf(format string, args ...any) { fmt.Fprintf(l.out, "bench: "+format+"\n", args...) }
