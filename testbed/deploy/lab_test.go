package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// Customers of the run. The first four are well all the time.
var (
	healthy  = []string{"acme", "globex", "initech", "umbrella"}
	siteOf   = map[string]string{"acme": "datadoghq.com", "globex": "datadoghq.eu", "initech": "us5.datadoghq.com", "umbrella": "us3.datadoghq.com"}
	hooli    = "hooli"    // its intakes answer 503 for a while
	vandelay = "vandelay" // revokes its API key
	stark    = "stark"    // its intakes reject logs, and complain of metrics
	wayne    = "wayne"    // is disconnected
	tyrell   = "tyrell"   // revokes its authorisation
	soylent  = "soylent"  // sends more than its share
	troubled = []string{hooli, vandelay, stark, wayne, tyrell}
)

// lab is a real collector under load, and a real Prometheus that scrapes it.
type lab struct {
	t          *testing.T
	w          *world.World
	prometheus *Prometheus
	metrics    string // address
	length     time.Duration
	begin      time.Time
}

func binary(t *testing.T, name string) string {
	t.Helper()
	dist := os.Getenv("DATADOGOAUTH_DIST")
	if dist == "" {
		dist = filepath.Join(root, "dist")
	}
	path, err := filepath.Abs(filepath.Join(dist, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; run `make build` first", err)
	}
	return path
}

func startLab(t *testing.T, length time.Duration) *lab {
	t.Helper()
	prometheus := tool(t, "prometheus")
	l := &lab{t: t, length: length}
	addr, err := freeport.Addr()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	l.metrics = addr
	var tenants [][2]string
	for _, name := range slices.Concat(healthy, troubled, []string{soylent}) {
		site := siteOf[name]
		if site == "" {
			site = "datadoghq.com"
		}
		tenants = append(tenants, [2]string{name, site})
	}
	l.w, err = world.Start(t.Context(), world.Options{
		Collector: binary(t, "otelcol-datadogoauth"), Ctl: binary(t, "datadogoauthctl"), Dir: t.TempDir(), Setup: &world.Setup{}, Tenants: tenants,
		Scopes: []string{"api_keys_write", "incident_write", "incident_read"},
		Args:   []string{"--config", "testdata/live.yaml"}, Env: []string{"LIVE_METRICS_PORT=" + port},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.w.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the collector's last lines:\n%s", l.w.Log.Tail(20))
		}
	})
	rules, err := filepath.Abs(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	l.prometheus, err = StartPrometheus(t.Context(), PrometheusOptions{
		Binary: prometheus, Dir: t.TempDir(), Job: "otelcol-datadogoauth", Target: addr, Rules: rules, Interval: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.prometheus.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *lab) customer(tenant string) world.Customer {
	for _, c := range l.w.Customers {
		if c.Tenant == tenant {
			return c
		}
	}
	l.t.Fatalf("no customer %s", tenant)
	return world.Customer{}
}

// run sends for all customers until the time is over, with one trouble after another.
func (l *lab) run() {
	l.t.Helper()
	for _, c := range l.w.Customers {
		if err := l.w.Connect(l.t.Context(), c); err != nil {
			l.t.Fatal(err)
		}
	}
	l.begin = time.Now()
	ctx, stop := context.WithDeadline(l.t.Context(), l.begin.Add(l.length))
	defer stop()
	var work sync.WaitGroup
	for i, signal := range load.Signals {
		work.Go(func() { l.send(ctx, signal, uint64(i)+1, 50, 200, healthy) }) //nolint:gosec // small
		if signal == load.Logs {
			work.Go(func() { l.send(ctx, signal, 99, 100, 1500, []string{soylent}) })
		}
		for n, tenant := range troubled {
			work.Go(func() { l.send(ctx, signal, uint64(10*n+i)+10, 5, 40, []string{tenant}) }) //nolint:gosec // small
		}
	}
	for _, step := range l.steps() {
		select {
		case <-ctx.Done():
			l.t.Fatal("the machine is too slow for this run")
		case <-time.After(time.Until(l.begin.Add(time.Duration(step.at * float64(l.length))))): // the run has its own time
		}
		step.do()
	}
	work.Wait()
}

// send sends rounds of a load. What troubles a customer may end a round; the next one tries again.
func (l *lab) send(ctx context.Context, signal load.Signal, seed uint64, requests, rate int, tenants []string) {
	const items = 40
	ld, err := load.Build(load.DefaultMix(), signal, requests, max(items, load.DefaultMix().ItemsStep(signal)), seed)
	if err != nil {
		l.t.Error(err)
		return
	}
	for round := uint64(0); ctx.Err() == nil; round++ {
		_, err := ld.Send(ctx, load.Plan{
			URL: l.w.OTLPHTTP, Header: world.TenantHeader, Rate: rate, Round: round, Tenant: func(i int) string { return tenants[i%len(tenants)] },
		})
		if err != nil && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second): // the pace of a sender that was refused
			}
		}
	}
}

type step struct {
	at float64 // part of the run
	do func()
}

func (l *lab) steps() []step {
	oauth := l.w.Standin.OAuth()
	return []step{
		{0.02, func() {
			l.w.Standin.Intake().SetSearchDelay(time.Hour)
			l.fault(faults.Fault{Org: l.customer("globex").Org.ID, Method: "POST", Path: "/api/v2/incidents", Lose: true, Count: 1})
			l.incident("globex", "payment-1", "datadog.incident.severity", "SEV-2")
			l.incident("acme", "checkout-1", "datadog.incident.services", strings.Repeat("a,b,c,", 30))
		}},
		{0.2, func() {
			l.fault(faults.Fault{ID: "down", Org: l.customer(hooli).Org.ID, Status: 503, Body: "unavailable"})
			l.fault(faults.Fault{Org: l.customer(stark).Org.ID, Path: "/api/v2/logs", Status: 400, Body: `{"errors":[{"detail":"bad request"}]}`})
			l.fault(faults.Fault{Org: l.customer(stark).Org.ID, Path: "/api/v2/series", Status: 202, Body: `{"errors":["one series has no points"]}`})
		}},
		{0.25, l.faultyData},
		{0.45, func() {
			if oauth.RevokeKeys(l.customer(vandelay).Org.OrgRef, "") != 1 {
				l.t.Error("no key was revoked")
			}
			l.fault(faults.Fault{Org: l.customer(stark).Org.ID, Path: "/api/beta/sketches", Status: 403, Body: `{"errors":["Forbidden"]}`})
		}},
		{0.5, func() {
			status, body, err := l.w.Admin(l.t.Context(), http.MethodPost, "/v1/tenants/"+wayne+"/disconnect", map[string]string{"reason": "the contract ended"})
			if err != nil || status/100 != 2 {
				l.t.Errorf("disconnect: %d %s %v", status, body, err)
			}
			if oauth.RevokeGrants("", l.customer(tyrell).Org.OrgRef) == 0 {
				l.t.Error("no grant was revoked")
			}
			if oauth.ExpireAccessTokens(l.customer(tyrell).Org.OrgRef) != 0 {
				l.t.Error("a revoked grant has access tokens")
			}
			l.incident(tyrell, "login-1", "datadog.incident.severity", "SEV-3")
		}},
		{0.55, l.faultyData},
		{0.65, func() { l.w.Standin.Faults().Remove("down") }},
	}
}

func (l *lab) fault(f faults.Fault) {
	if _, err := l.w.Standin.Faults().Add(f); err != nil {
		l.t.Error(err)
	}
}

// faultyData is what cannot be sent on: no tenant, an unknown one, points that are too old or no numbers, and a span that comes late.
func (l *lab) faultyData() {
	now := time.Now()
	nano := func(ago time.Duration) string { return fmt.Sprint(now.Add(-ago).UnixNano()) }
	gauge := func(at string, value any) any {
		return otlp("resourceMetrics", "scopeMetrics", "metrics", map[string]any{
			"name": "shop.orders", "gauge": map[string]any{"dataPoints": []any{map[string]any{"timeUnixNano": at, "asDouble": value}}},
		})
	}
	l.post("metrics", "", gauge(nano(0), 1))
	l.post("metrics", "nobody", gauge(nano(0), 1))
	l.post("metrics", "acme", gauge(nano(2*time.Hour), 1))
	l.post("metrics", "acme", gauge(nano(0), "NaN"))
	l.post("traces", "acme", otlp("resourceSpans", "scopeSpans", "spans", map[string]any{
		"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "slow job", "kind": 2,
		"startTimeUnixNano": nano(10 * time.Minute), "endTimeUnixNano": nano(5 * time.Minute),
	}))
}

func (l *lab) incident(tenant, key, attribute, value string) {
	text := func(key, value string) any {
		return map[string]any{"key": key, "value": map[string]any{"stringValue": value}}
	}
	l.post("logs", tenant, otlp("resourceLogs", "scopeLogs", "logRecords", map[string]any{
		"timeUnixNano": fmt.Sprint(time.Now().UnixNano()), "eventName": "datadog.incident", "body": map[string]any{"stringValue": key + " is down"},
		"attributes": []any{text("datadog.incident.key", key), text(attribute, value)},
	}))
}

// otlp is an Export…ServiceRequest in JSON, with one item.
func otlp(resources, scopes, items string, item any) any {
	return map[string]any{resources: []any{map[string]any{scopes: []any{map[string]any{items: []any{item}}}}}}
}

// post sends until it is not asked to send again: the collector is full at times, of what soylent sends.
func (l *lab) post(signal, tenant string, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		l.t.Error(err)
		return
	}
	for range 20 {
		req, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.w.OTLPHTTP+"/v1/"+signal, bytes.NewReader(raw))
		if err != nil {
			l.t.Error(err)
			return
		}
		req.Header.Set("Content-Type", "application/json")
		if tenant != "" {
			req.Header.Set(world.TenantHeader, tenant)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			l.t.Error(err)
			return
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable && resp.StatusCode != http.StatusTooManyRequests {
			return // some of it is refused for good, and counted
		}
		time.Sleep(100 * time.Millisecond)
	}
}
