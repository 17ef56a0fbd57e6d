package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// arrived waits until an organisation has what the client sent, then checks that it has no more.
func arrived(t *testing.T, w *world.World, c world.Customer, sent world.Sent) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	// Each unit of work counts in one series; the histogram is a sketch.
	want := intake.Counts{Points: int(sent.Points) - 1, Sketches: 1, Logs: int(sent.Logs), Spans: int(sent.Spans)}
	if err := w.Standin.Intake().AwaitCounts(ctx, c.Org.ID, want); err != nil {
		t.Fatalf("%s: %v", c.Tenant, err)
	}
	got := w.Standin.Intake().Counts(c.Org.ID)
	if want.Stats = got.Stats; got != want { // stats of spans come by the clock
		t.Errorf("%s: Datadog has %+v, the client sent %+v", c.Tenant, got, want)
	}
}

func TestEachCustomersDataArrivesAtItsOwnSiteAlone(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	connectAll(t, w)
	for i, c := range w.Customers {
		// Different amounts, so that data of one customer cannot stand in for another's.
		sent := work(t, w, c.Tenant, 40+20*i)
		arrived(t, w, c, sent)
	}
	if strays := w.Strays(); len(strays) > 0 {
		t.Errorf("%d requests went astray, the first: %+v", len(strays), strays[0])
	}
	sums := map[string]string{} // by site
	for _, e := range w.Standin.History().List(history.Filter{}) {
		if !slices.Contains([]string{"/api/v2/series", "/api/beta/sketches", "/api/v2/logs", "/api/v0.2/traces"}, e.Path) {
			continue
		}
		if e.Auth != "key" || e.Status/100 != 2 {
			t.Errorf("%s%s: auth %s, answered %d", e.Host, e.Path, e.Auth, e.Status)
		}
		if known, ok := sums[e.Site]; ok && known != e.CredentialSHA256 {
			t.Errorf("%s was sent to with two keys", e.Site)
		}
		sums[e.Site] = e.CredentialSHA256
	}
	if len(sums) != 3 || sums["datadoghq.com"] == sums["datadoghq.eu"] || sums["datadoghq.eu"] == sums["us5.datadoghq.com"] {
		t.Errorf("expected three sites with a key each, got %v", sums)
	}
}

func TestWhatAUserSeesAtOnceIsThere(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) { o.Tenants = threeCustomers[1:2] })
	connectAll(t, w)
	c := w.Customers[0]
	arrived(t, w, c, work(t, w, c.Tenant, 10))
	got := w.Standin.Intake().Received(c.Org.ID)

	span := got.Spans[slices.IndexFunc(got.Spans, func(s intake.Span) bool { return s.Span.ParentID == 0 })]
	if s := span.Span; s.Service != "shop-globex" || s.Name != "http.server.request" || s.Resource != "GET /orders/{id}" || s.Type != "web" || s.Meta["version"] != "1.2.3" {
		t.Errorf("root span: %v", s)
	}
	if span.Tracer.Env != "demo" || span.Tracer.Hostname != "host-globex" {
		t.Errorf("tracer payload: env %q, host %q", span.Tracer.Env, span.Tracer.Hostname)
	}
	failed := 0
	for _, s := range got.Spans {
		if s.Span.Error == 1 {
			failed++
			if s.Span.Meta["error.msg"] != "canceled by statement timeout" || s.Span.Type != "sql" {
				t.Errorf("failed span: %v", s.Span)
			}
		}
		for key, value := range s.Span.Meta {
			if strings.Contains(value, "= 42") {
				t.Errorf("meta %s holds the literal of a statement: %s", key, value)
			}
		}
	}
	if failed != 1 {
		t.Errorf("%d spans failed, the client failed 1", failed)
	}

	log := got.Logs[0]
	if log.Service != "shop-globex" || log.Host != "host-globex" || log.Status != "info" || !strings.HasPrefix(log.Message, "order ") || log.Attributes["customer"] != "globex" {
		t.Errorf("log: %+v", log)
	}
	if !slices.Contains(log.Tags, "env:demo") || !slices.Contains(log.Tags, "version:1.2.3") {
		t.Errorf("tags of a log: %q", log.Tags)
	}
	trace := fmt.Sprint(log.Attributes["dd.trace_id"])
	if !slices.ContainsFunc(got.Spans, func(s intake.Span) bool { return fmt.Sprint(s.Span.TraceID) == trace }) {
		t.Errorf("the log's dd.trace_id %s is no span's", trace)
	}

	point := got.Series[slices.IndexFunc(got.Series, func(p intake.SeriesPoint) bool { return p.Metric == "demo.requests" })]
	if point.Host != "host-globex" || point.Unit != "request" || !slices.Contains(point.Tags, "service:shop-globex") || !slices.Contains(point.Tags, "customer:globex") {
		t.Errorf("series: %+v", point)
	}
	for _, p := range got.Series {
		if slices.ContainsFunc(p.Tags, func(tag string) bool { return strings.HasPrefix(tag, "datadog.tenant") }) {
			t.Errorf("the attribute that names the tenant was sent: %q", p.Tags)
		}
	}
}

func TestGrantsOutliveARestart(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) { o.Tenants = threeCustomers[:1] })
	connectAll(t, w)
	w.Collector.Kill()
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := w.Customers[0]
	arrived(t, w, c, work(t, w, c.Tenant, 20))
	if mints := w.Standin.History().List(history.Filter{Path: "/api/v2/api_keys/marketplace"}); len(mints) != 1 {
		t.Errorf("%d keys were asked for, 1 is right", len(mints))
	}
}

func TestOneCustomersTroubleIsNotAnothers(t *testing.T) {
	t.Parallel()
	// The stop at the end waits for the request that hangs, so that is not to be long.
	w := start(t, func(o *world.Options) { o.Args = []string{"--set=exporters.datadogoauth.timeout=3s"} })
	connectAll(t, w)
	broken, healthy := w.Customers[0], w.Customers[1]
	if _, err := w.Standin.Faults().Add(faults.Fault{Org: broken.Org.ID, Hang: true}); err != nil {
		t.Fatal(err)
	}
	work(t, w, broken.Tenant, 20)
	arrived(t, w, healthy, work(t, w, healthy.Tenant, 20))

	// An unknown tenant is refused, and costs its neighbours nothing.
	stranger, err := world.NewClient(t.Context(), w.OTLP, "nobody")
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Work(t.Context(), 1); err == nil {
		t.Error("data of a tenant that never connected was accepted")
	}
	_ = stranger.Close(t.Context())
	w.Standin.Faults().Clear()
}

// A key that is seconds old may not be known everywhere, so its refusals are retried; no number of them leads to another key.
func TestARevokedKeyIsNeverMintedAgainByItself(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) {
		o.Tenants = threeCustomers[:1]
		o.Args = []string{"--set=exporters.datadogoauth.retry_on_failure.initial_interval=200ms"}
	})
	connectAll(t, w)
	c := w.Customers[0]
	if n := w.Standin.OAuth().RevokeKeys(c.Org.OrgRef, ""); n != 1 {
		t.Fatalf("%d keys were revoked, 1 is right", n)
	}
	work(t, w, c.Tenant, 5)
	refused := history.Filter{Path: "/api/v2/series", Status: http.StatusForbidden}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := w.Standin.History().Await(ctx, 3, refused); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Standin.History().List(history.Filter{Path: "/api/v2/api_keys/marketplace"})); n != 1 {
		t.Errorf("%d keys were asked for, 1 is right", n)
	}
}
