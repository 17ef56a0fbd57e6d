package e2e

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

func setIntakes(o *world.Options, forms ...string) {
	for _, form := range forms {
		o.Args = append(o.Args, "--set=exporters.datadogoauth."+form)
	}
}

// awaited waits until an organisation has exactly what is wanted, whatever stats come by the clock.
func awaited(t *testing.T, w *world.World, c world.Customer, want intake.Counts) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := w.Standin.Intake().AwaitCounts(ctx, c.Org.ID, want); err != nil {
		t.Fatalf("%s: %v", c.Tenant, err)
	}
	got := w.Standin.Intake().Counts(c.Org.ID)
	if got.Stats = want.Stats; got != want {
		t.Errorf("%s: Datadog has %+v, want %+v", c.Tenant, got, want)
	}
}

// TestOTLPIntake: every signal of each customer arrives at the OTLP host of its own site, whole, with delta temporality, and nowhere else.
func TestOTLPIntake(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) {
		o.Tenants, o.Setup = threeCustomers[:2], &world.Setup{}
		setIntakes(o, "metrics.intake=otlp", "logs.intake=otlp", "traces.intake=otlp", "traces.bucket_interval=1s")
	})
	connectAll(t, w)
	for i, c := range w.Customers {
		sent := work(t, w, c.Tenant, 20+10*i)
		awaited(t, w, c, intake.Counts{OTLPPoints: int(sent.Points), OTLPLogs: int(sent.Logs), OTLPSpans: int(sent.Spans)})
		got := w.Standin.Intake().Received(c.Org.ID)
		var resources []*commonpb.KeyValue
		requests := 0.0
		for _, d := range got.OTLPMetrics {
			for _, rm := range d.ResourceMetrics {
				resources = append(resources, rm.Resource.Attributes...)
				requests += sumOf(rm, "demo.requests")
			}
		}
		for _, d := range got.OTLPLogs {
			for _, rl := range d.ResourceLogs {
				resources = append(resources, rl.Resource.Attributes...)
			}
		}
		for _, d := range got.OTLPTraces {
			if strings.Contains(d.String(), "= 42") {
				t.Errorf("%s: the literal of a statement was sent", c.Tenant)
			}
			for _, rs := range d.ResourceSpans {
				resources = append(resources, rs.Resource.Attributes...)
			}
		}
		if requests != float64(sent.Requests) {
			t.Errorf("%s: %v requests, the client counted %d", c.Tenant, requests, sent.Requests)
		}
		services := 0
		for _, a := range resources {
			switch {
			case a.Key == "datadog.tenant":
				t.Errorf("%s: the attribute that names the tenant was sent", c.Tenant)
			case a.Key == "service.name" && a.Value.GetStringValue() != "shop-"+c.Tenant:
				t.Errorf("%s: service %s", c.Tenant, a.Value.GetStringValue())
			case a.Key == "service.name":
				services++
			}
		}
		if services < 3 {
			t.Errorf("%s: %d resources", c.Tenant, services)
		}
		// Datadog would drop the second and the fourth without a word, and they are not to take the others along.
		hand(t, w, c, "/v1/metrics", gaugesOfAges(0, 2*time.Hour, 0, -time.Hour, 0))
		awaited(t, w, c, intake.Counts{OTLPPoints: int(sent.Points) + 3, OTLPLogs: int(sent.Logs), OTLPSpans: int(sent.Spans)})
		if drops := w.Standin.Intake().Dropped(c.Org.ID); len(drops) != 0 {
			t.Errorf("%s: dropped after a 202: %+v", c.Tenant, drops)
		}
	}
	for _, e := range w.Standin.History().List(history.Filter{}) {
		if strings.HasPrefix(e.Path, "/v1/") && e.Method == http.MethodPost {
			if e.Host != "otlp."+e.Site || e.Auth != "key" || e.Status != http.StatusAccepted {
				t.Errorf("%s%s: auth %s, answered %d", e.Host, e.Path, e.Auth, e.Status)
			}
		} else if slices.Contains([]string{"/api/v2/series", "/api/beta/sketches", "/api/v2/logs", "/api/v0.2/traces", "/api/v0.2/stats"}, e.Path) {
			t.Errorf("something was sent to %s%s", e.Host, e.Path)
		}
	}
}

// gaugesOfAges are points of one gauge.
func gaugesOfAges(ages ...time.Duration) *metricspb.MetricsData {
	var points []*metricspb.NumberDataPoint
	for i, age := range ages {
		points = append(points, &metricspb.NumberDataPoint{TimeUnixNano: uint64(time.Now().Add(-age).UnixNano()), Value: &metricspb.NumberDataPoint_AsInt{AsInt: int64(i)}})
	}
	return &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{ScopeMetrics: []*metricspb.ScopeMetrics{{Metrics: []*metricspb.Metric{
		{Name: "of.ages", Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: points}}},
	}}}}}}
}

func sumOf(rm *metricspb.ResourceMetrics, name string) (total float64) {
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			for _, p := range m.GetSum().GetDataPoints() {
				if m.Name == name {
					total += float64(p.GetAsInt()) + p.GetAsDouble()
				}
			}
		}
	}
	return total
}

// TestPlatformOTLPIntake: the named platform's host, and an organisation that Datadog has not enabled yet: its data waits, its key stays, and
// its neighbour's data goes on.
func TestPlatformOTLPIntake(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) {
		o.Tenants = threeCustomers[:2]
		setIntakes(o, "logs.intake=otlp", "otlp.platform=vercel", "retry_on_failure.initial_interval=200ms", "retry_on_failure.max_interval=1s", "retry_on_failure.max_elapsed_time=2s")
	})
	connectAll(t, w)
	waiting, other := w.Customers[0], w.Customers[1]
	w.Standin.Intake().RefuseOTLP(waiting.Org.ID, true)
	early := work(t, w, waiting.Tenant, 5)
	sent := work(t, w, other.Tenant, 5)
	awaited(t, w, other, intake.Counts{OTLPLogs: int(sent.Logs), Points: int(sent.Points) - 1, Sketches: 1, Spans: int(sent.Spans)})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := w.Standin.History().Await(ctx, 2, history.Filter{Path: "/v1/logs", Status: http.StatusForbidden}); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "the refused intake is shown", func() bool { return slices.Equal(refusedIntakes(t, w, waiting.Tenant), []string{"otlp_logs"}) })
	if names := refusedIntakes(t, w, other.Tenant); len(names) != 0 {
		t.Errorf("of %s %v are shown", other.Tenant, names)
	}
	w.Standin.Intake().RefuseOTLP(waiting.Org.ID, false)
	awaited(t, w, waiting, intake.Counts{OTLPLogs: int(early.Logs), Points: int(early.Points) - 1, Sketches: 1, Spans: int(early.Spans)})
	within(t, 10*time.Second, "nothing is shown", func() bool { return len(refusedIntakes(t, w, waiting.Tenant)) == 0 })
	for _, e := range w.Standin.History().List(history.Filter{Path: "/v1/logs"}) {
		if e.Host != "vercel.integrations.otlp."+e.Site {
			t.Errorf("logs went to %s", e.Host)
		}
	}
	if n := len(w.Standin.History().List(history.Filter{Path: "/api/v2/api_keys/marketplace"})); n != 2 {
		t.Errorf("%d keys were asked for, 2 is right", n)
	}
}

// TestPublicSpanIntake: spans go to the host that the guide names for each site, mapped and obfuscated as for the Agent's, and their stats with them.
func TestPublicSpanIntake(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) { setIntakes(o, "traces.intake=public", "traces.bucket_interval=1s") })
	connectAll(t, w)
	for i, c := range w.Customers {
		sent := work(t, w, c.Tenant, 10+5*i)
		awaited(t, w, c, intake.Counts{Points: int(sent.Points) - 1, Sketches: 1, Logs: int(sent.Logs), PublicSpans: int(sent.Spans)})
		roots := 0
		for _, s := range w.Standin.Intake().Received(c.Org.ID).PublicSpans {
			if s.Service != "shop-"+c.Tenant || s.Env != "demo" || s.Meta["_dd.hostname"] != "host-"+c.Tenant || s.Meta["customer"] != c.Tenant {
				t.Errorf("%s: span %+v", c.Tenant, s)
			}
			if s.ParentID == "0" {
				roots++
				if s.Name != "http.server.request" || s.Resource != "GET /orders/{id}" || s.Type != "web" || s.Metrics["_top_level"] != 1 {
					t.Errorf("%s: root %+v", c.Tenant, s)
				}
			}
			for key, value := range s.Meta {
				if text, _ := value.(string); strings.Contains(text, "= 42") {
					t.Errorf("%s: meta %s holds the literal of a statement: %s", c.Tenant, key, text)
				}
			}
		}
		if roots != int(sent.Spans)/2 {
			t.Errorf("%s: %d roots of %d spans", c.Tenant, roots, sent.Spans)
		}
		if hits := statsOf(t, w, c, uint64(sent.Spans)); len(hits) != 2 {
			t.Errorf("%s: stats %v", c.Tenant, hits)
		}
	}
	hosts := map[string]string{
		"datadoghq.com": "trace.browser-intake-datadoghq.com", "datadoghq.eu": "public-trace-http-intake.logs.datadoghq.eu",
		"us5.datadoghq.com": "trace.browser-intake-us5-datadoghq.com",
	}
	for _, e := range w.Standin.History().List(history.Filter{Path: "/api/v2/spans"}) {
		if e.Host != hosts[e.Site] || e.Status != http.StatusAccepted {
			t.Errorf("%s of %s answered %d", e.Host, e.Site, e.Status)
		}
	}
}
