package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/haproxy"
	signals "github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// gateways are two collectors of examples/gateway-postgres with its balancer before them, on one PostgreSQL. All customers are connected.
type gateways struct {
	*world.World
	nodes    [2]*world.Node
	flows    [2]string // where they serve customers
	books    [2]string // where they show their own metrics
	balancer *haproxy.Proxy

	grpc, http string      // where the balancer takes OTLP
	service    *tls.Config // of one of the partner's services, for the balancer
	intruder   *tls.Config // of the same service, for a gateway
}

// Names in certificates.
const (
	balancerName = "otlp.partner.example"
	gatewayName  = "gateway.internal" // in haproxy.cfg
)

// serverOf is what the balancer calls a gateway.
func serverOf(gateway int) string { return fmt.Sprintf("gw-%d", gateway) }

func startGateways(t *testing.T, change func(*world.Options)) *gateways {
	t.Helper()
	services, inside := newIssuer(t, "services"), newIssuer(t, "inside")
	addrs, err := freeport.Addrs(3)
	if err != nil {
		t.Fatal(err)
	}
	_, publicPort, _ := net.SplitHostPort(addrs[2])
	public := "https://localhost:" + publicPort
	g := &gateways{
		grpc: addrs[0], http: "https://" + addrs[1],
		service: services.client(t, "shop", inside, balancerName), intruder: services.client(t, "shop", inside, gatewayName),
	}

	db, dir := database(t), t.TempDir()
	setup := func(name string) world.Setup {
		return world.Setup{DSN: db.DSN(db.Addr(), grantsDB), Config: filepath.Join(dir, name, "collector.yaml")}
	}
	g.World = prepare(t, func(o *world.Options) {
		first := setup("first")
		o.Dir, o.Setup, o.Args = dir, &first, []string{"--config", "testdata/standin.yaml"}
		if change != nil {
			change(o)
		}
	})
	flow := func(n *world.Node) string {
		return strings.Replace(hostPort(t, n.PublicURL), "localhost", "127.0.0.1", 1)
	}
	g.flows[0], g.PublicURL = flow(g.Node), public // the OAuth client's redirect URL leads to the balancer
	second, err := g.NewNode("second", setup("second"))
	if err != nil {
		t.Fatal(err)
	}
	g.flows[1], g.nodes = flow(second), [2]*world.Node{g.Node, second}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the second gateway's last lines:\n%s", second.Log.Tail(20))
		}
	})
	for i, n := range g.nodes {
		g.writeGateway(t, i, n, public, inside)
		if err := n.StartCollector(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	g.startBalancer(t, addrs, services, inside)
	connectAll(t, g.World)
	for _, n := range g.nodes {
		within(t, 20*time.Second, n.Name+" knows every customer", func() bool {
			tenants, err := n.Tenants(t.Context())
			return err == nil && len(tenants) == len(g.Customers) && !slices.ContainsFunc(tenants, func(c world.Tenant) bool { return c.Key.State != "ok" && c.Key.State != "fresh" })
		})
	}
	return g
}

// writeGateway leaves a gateway what an operator would.
func (g *gateways) writeGateway(t *testing.T, i int, n *world.Node, public string, inside *issuer) {
	t.Helper()
	login, err := x509.MarshalPKIXPublicKey(&newKey(t).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := inside.issue(t, gatewayName)
	port := freePorts(t, 1)[0]
	g.books[i] = "http://127.0.0.1:" + port + "/metrics"
	config := example(t, "gateway-postgres/collector.yaml",
		"/etc/otelcol-datadogoauth", n.Path(""), "/var/lib/otelcol-datadogoauth", n.Path(""),
		"00000000-0000-0000-0000-000000000000", world.ClientID, "https://telemetry.partner.example", public,
		"0.0.0.0:13133", hostPort(t, n.Health), "0.0.0.0:8444", g.flows[i], "localhost:8445", hostPort(t, n.AdminURL),
		"0.0.0.0:4317", n.OTLP, "0.0.0.0:4318", hostPort(t, n.OTLPHTTP))
	config += fmt.Sprintf(`  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %s}}}}]
`, port)
	writeFiles(t, n.Path(""), map[string][]byte{
		"collector.yaml": []byte(config),
		"sandbox-secret": []byte("a secret of the sandbox's client\n"),
		"login.pem":      pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: login}),
		"operator-token": fileOf(t, n, "admin-token"),
		"backend-token":  []byte(strings.Repeat("backend ", 8) + "\n"),
		"writer-dsn":     fileOf(t, n, "dsn"),
		"otlp.crt":       cert, "otlp.key": key,
		"balancer-ca.crt": inside.PEM,
	})
}

// startBalancer runs the balancer of the example.
func (g *gateways) startBalancer(t *testing.T, addrs []string, services, inside *issuer) {
	t.Helper()
	dir, err := os.MkdirTemp("", "haproxy-") // t.TempDir is longer than the name of a socket may be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	joined := func(cert, key []byte) []byte { return append(cert, key...) }
	writeFiles(t, dir, map[string][]byte{
		"otlp.pem": joined(inside.issue(t, balancerName)), "balancer.pem": joined(inside.issue(t, "balancer")),
		"services-ca.crt": services.PEM, "gateways-ca.crt": inside.PEM,
		"public.pem": joined(fileOf(t, g.nodes[0], "public.crt"), fileOf(t, g.nodes[0], "public.key")),
	})
	socket := filepath.Join(dir, "admin.sock")
	pairs := []string{
		"/run/haproxy/admin.sock", socket, "/etc/haproxy", dir,
		"bind :4317", "bind " + addrs[0], "bind :4318", "bind " + addrs[1], "bind :443", "bind " + addrs[2],
	}
	for i, n := range g.nodes {
		health := strings.TrimPrefix(n.Health, "http://127.0.0.1:")
		for port, address := range map[string]string{"4317": n.OTLP, "4318": hostPort(t, n.OTLPHTTP), "8444": g.flows[i]} {
			pairs = append(pairs, fmt.Sprintf("%s.internal:%s port 13133", serverOf(i), port), address+" port "+health)
		}
	}
	config := filepath.Join(dir, "haproxy.cfg")
	writeFiles(t, dir, map[string][]byte{"haproxy.cfg": []byte(example(t, "gateway-postgres/haproxy.cfg", pairs...))})
	if g.balancer, err = haproxy.Start(t.Context(), config, socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.balancer.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the balancer's last lines:\n%s", g.balancer.Log())
		}
	})
	for i := range g.nodes {
		g.await(t, i, "is up", haproxy.Up)
	}
}

func (g *gateways) await(t *testing.T, gateway int, what string, so func(haproxy.Server) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := g.balancer.Await(ctx, serverOf(gateway), so); err != nil {
		t.Fatalf("the gateway %d %s: %v", gateway, what, err)
	}
}

func (g *gateways) set(t *testing.T, gateway int, what string) {
	t.Helper()
	if err := g.balancer.Set(t.Context(), serverOf(gateway), what); err != nil {
		t.Fatal(err)
	}
}

// gatewayOf says which gateways brought logs of each customer since a moment.
func (g *gateways) gatewayOf(since time.Time) map[string][]int {
	by := map[string][]int{}
	for i, n := range g.nodes {
		for _, c := range g.Customers {
			if slices.ContainsFunc(g.Standin.History().List(history.Filter{Path: "/api/v2/logs", Org: c.Org.ID, Via: n.Name}), func(e history.Entry) bool {
				return e.Time.After(since)
			}) {
				by[c.Tenant] = append(by[c.Tenant], i)
			}
		}
	}
	return by
}

// client sends by OTLP/HTTP to the balancer.
func (g *gateways) client(t *testing.T) *delivery.Client {
	t.Helper()
	c := delivery.NewClient(g.http, world.TenantHeader)
	c.UseTLS(g.service)
	t.Cleanup(c.Close)
	return c
}

var sixCustomers = append([][2]string{{"umbrella", "us3.datadoghq.com"}, {"stark", "datadoghq.com"}, {"wayne", "ap1.datadoghq.com"}}, threeCustomers...)

// TestGatewaysBehindABalancer is examples/gateway-postgres: customers come through the balancer, and so do both forms of OTLP. Each customer's
// data arrives with the key of that customer, and by one gateway.
func TestGatewaysBehindABalancer(t *testing.T) {
	t.Parallel()
	g := startGateways(t, func(o *world.Options) { o.Tenants = sixCustomers })
	const units, records = 10, 20
	client, sent := g.client(t), map[string]world.Sent{}
	for _, c := range g.Customers {
		sdk, err := world.NewTLSClient(t.Context(), g.grpc, c.Tenant, g.service)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(sdk.Work(t.Context(), units), sdk.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		for range records {
			if o, err := client.Send(t.Context(), c.Tenant, signals.Logs, 1); o != delivery.Acknowledged || err != nil {
				t.Fatalf("a log of %s: outcome %d, %v", c.Tenant, o, err)
			}
		}
		sent[c.Tenant] = sdk.Sent()
	}
	for _, c := range g.Customers {
		want := sent[c.Tenant]
		awaitCounts(t, g.World, c, intake.Counts{Logs: int(want.Logs) + records, Spans: int(want.Spans)})
		reader, err := g.NewReader(c)
		if err != nil {
			t.Fatal(err)
		}
		within(t, 20*time.Second, "the counter of "+c.Tenant, func() bool {
			got, err := reader.Counter(t.Context(), "demo.requests")
			return err == nil && int64(got) == want.Requests
		})
		for _, l := range g.Standin.Intake().Received(c.Org.ID).Logs {
			if strings.HasPrefix(l.Message, "order ") && !strings.Contains(l.Message, " of "+c.Tenant+",") {
				t.Errorf("%s has %q", c.Tenant, l.Message)
			}
		}
	}
	served := map[int]int{}
	for tenant, by := range g.gatewayOf(time.Time{}) {
		if len(by) != 1 {
			t.Errorf("%s was on %d gateways", tenant, len(by))
		}
		served[by[0]]++
	}
	if len(served) != len(g.nodes) {
		t.Errorf("tenants by gateway: %v", served)
	}
	if strays := g.Strays(); len(strays) > 0 {
		t.Errorf("%d requests went astray, the first is %+v", len(strays), strays[0])
	}

	// Nobody else gets in: not to the balancer, and no service past it.
	anybody := g.service.Clone()
	anybody.Certificates = nil
	for name, c := range map[string]struct {
		url    string
		config *tls.Config
	}{"a stranger at the balancer": {g.http, anybody}, "a service at a gateway": {"https://" + hostPort(t, g.OTLPHTTP), g.intruder}} {
		intruder := &http.Client{Transport: &http.Transport{TLSClientConfig: c.config}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/v1/logs", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := intruder.Do(req)
		if err == nil {
			resp.Body.Close()
			t.Errorf("%s got an answer, %s", name, resp.Status)
		} else if !strings.Contains(err.Error(), "tls:") {
			t.Errorf("%s: %v", name, err)
		}
		intruder.CloseIdleConnections()
	}
}
