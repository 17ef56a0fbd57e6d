package world

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"text/template"

	_ "embed"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/partner"
)

// Setup is how a collector is configured where the example's configuration does not do. The zero Setup is one collector that does
// everything, on a store of its own.
type Setup struct {
	// Config is a file that takes the place of the template; what else is said here but Env, DSN and SendOnly does nothing then. It finds its addresses and
	// files in the environment: what the demo's has, and DEMO_OTLP_HTTP.
	Config string
	// Env goes to this collector alone.
	Env []string
	// DSN is the PostgreSQL that it shares with others; empty is a bbolt file in its own directory.
	DSN string
	// SendOnly leaves out everything that a customer or an OAuth client needs: it reads what Tenants need for sending. Copy lets it
	// keep a copy beside it.
	SendOnly, Copy bool
	// Tenants limits those that it sends for.
	Tenants []string
	// BearerLogs sends logs with a stock exporter to BearerEndpoint, with the tenant's access token: each is a need for a token.
	BearerLogs bool
	// FreshConnections makes a connection for every call to Datadog.
	FreshConnections bool
	// Shared says that other collectors take turns with the tenants' series, WriterTag tells its series from theirs.
	Shared    bool
	WriterTag string
}

// tickets is what a collector is told of the partner's login.
type tickets struct {
	LoginURL, Issuer, Audience, Algorithm, KeyID string
}

// BearerEndpoint is where BearerLogs goes: the one host of US1 that takes an access token. It has no such path, so a run calls
// AcceptBearerLogs.
const BearerEndpoint = "https://api.datadoghq.com"

//go:embed collector.yaml.tmpl
var collectorTemplate string

// AddNode makes one more collector and starts it. What it must share with the others it gets as copies of its own.
func (w *World) AddNode(ctx context.Context, name string, s Setup) (*Node, error) {
	n, err := w.NewNode(name, s)
	if err != nil {
		return nil, err
	}
	return n, n.StartCollector(ctx)
}

// NewNode makes one more collector, which is still to be launched. Close ends it with the others.
func (w *World) NewNode(name string, s Setup) (*Node, error) {
	dir := w.path(name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	n, err := w.newNode(name, dir)
	if err != nil {
		return nil, err
	}
	if err := w.shareFiles(n, s); err != nil {
		return nil, err
	}
	if err := n.configure(s); err != nil {
		return nil, err
	}
	w.nodes = append(w.nodes, n)
	return n, w.addClient()
}

// shareFiles copies what the role of a collector needs and no more.
func (w *World) shareFiles(n *Node, s Setup) error {
	names := []string{"ca.pem", "admin-token", "keys.keyset.json"}
	if !s.SendOnly {
		names = append(names, "client-secret", "tokens.keyset.json", "public.crt", "public.key")
	}
	if w.Partner != nil && !s.SendOnly {
		names = append(names, "tickets.pem")
	}
	var errs []error
	for _, name := range names {
		content, err := os.ReadFile(w.path(name))
		if err == nil {
			err = n.write(name, content)
		}
		errs = append(errs, err)
	}
	if s.DSN != "" {
		errs = append(errs, n.write("dsn", []byte(s.DSN+"\n")))
	}
	return errors.Join(errs...)
}

// configure writes the collector's file. Its proxy is the stand-in's, with the node's name as user, so that the history tells nodes apart.
func (n *Node) configure(s Setup) error {
	addrs, err := freeport.Addrs(1)
	if err != nil {
		return err
	}
	n.OTLPHTTP = "http://" + addrs[0]
	proxy := *n.world.Standin.ProxyURL()
	proxy.User = url.UserPassword(n.Name, "none")
	n.env = append(n.env, s.Env...)
	if s.Config != "" {
		n.config = s.Config
		n.env = append(n.env, "DEMO_PROXY="+proxy.String(), "DEMO_OTLP_HTTP="+addrs[0])
		return nil
	}
	public, err := url.Parse(n.PublicURL)
	if err != nil {
		return err
	}
	var login *tickets
	if p := n.world.Partner; p != nil {
		login = &tickets{p.URL, partner.Issuer, partner.Audience, p.Algorithm(), partner.KeyID}
	}
	t, err := template.New("collector.yaml").Funcs(template.FuncMap{"quote": strconv.Quote, "path": n.Path}).Parse(collectorTemplate)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	err = t.Execute(&out, struct {
		Setup
		Tickets                                                                           *tickets
		ClientID, Proxy, PublicURL, Public, Admin, OTLP, OTLPHTTP, Health, BearerEndpoint string
	}{
		s, login, ClientID, proxy.String(), n.PublicURL, net.JoinHostPort("127.0.0.1", public.Port()), n.AdminURL[len("http://"):], n.OTLP, addrs[0],
		n.Health[len("http://"):], BearerEndpoint,
	})
	if err != nil {
		return fmt.Errorf("configuration of %s: %w", n.Name, err)
	}
	n.config = n.Path("collector.yaml")
	return n.write("collector.yaml", out.Bytes())
}
