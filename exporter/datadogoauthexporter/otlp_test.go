package datadogoauthexporter

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// overOTLP sends every signal to the OTLP intake.
func overOTLP(cfg *Config) *Config {
	cfg.Metrics.Intake, cfg.Logs.Intake, cfg.Traces.Intake = IntakeOTLP, IntakeOTLP, IntakeOTLP
	return cfg
}

func TestEachTenantsOTLPGoesToItsOwnSite(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, _ := settings(t)
	ctx := context.Background()
	m, err := createMetrics(ctx, set, overOTLP(d.config()))
	m = run(t, m, err, h)
	l, err := createLogs(ctx, set, overOTLP(d.config()))
	l = run(t, l, err, h)
	tr, err := createTraces(ctx, set, overOTLP(d.config()))
	tr = run(t, tr, err, h)
	if err := errors.Join(
		m.ConsumeMetrics(ctx, metricsOf("acme", "globex")),
		l.ConsumeLogs(ctx, logsOf("acme", "globex")),
		tr.ConsumeTraces(ctx, tracesOf("acme", "globex")),
	); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range d.await(t, 6) {
		tenant, other := "acme", "globex"
		if r.site == us5 {
			tenant, other = other, tenant
		}
		if !strings.Contains(r.body, "service-of-"+tenant) || strings.Contains(r.body, "service-of-"+other) || strings.Contains(r.body, "datadog.tenant") {
			t.Errorf("%s%s got %q", r.site, r.path, r.body)
		}
		var err error
		items := 0
		switch r.path {
		case "/v1/metrics":
			req := pmetricotlp.NewExportRequest()
			err = req.UnmarshalProto([]byte(r.body))
			items = req.Metrics().DataPointCount() - 1
		case "/v1/logs":
			req := plogotlp.NewExportRequest()
			err = req.UnmarshalProto([]byte(r.body))
			items = req.Logs().LogRecordCount()
		case "/v1/traces":
			req := ptraceotlp.NewExportRequest()
			err = req.UnmarshalProto([]byte(r.body))
			items = req.Traces().SpanCount()
		}
		if err != nil || items != 1 {
			t.Errorf("%s%s: %d items, %v", r.site, r.path, items, err)
		}
		seen[r.site+r.path]++
	}
	if len(seen) != 6 {
		t.Errorf("requests: %v", seen)
	}
}

// TestAnOrganisationWithoutOTLPKeepsItsKeyAndItsData: the data waits, and nobody thinks that the key is refused.
func TestAnOrganisationWithoutOTLPKeepsItsKeyAndItsData(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	refused := make(chan struct{}, 100)
	d.answers(func(r received, _ http.Header) int {
		if r.site == eu {
			refused <- struct{}{}
			return http.StatusForbidden
		}
		return http.StatusAccepted
	})
	d.says("organization is not allowed")
	set, tel := settings(t)
	cfg := overOTLP(d.config())
	cfg.Retry.MaxElapsedTime = 2 * time.Second // half of it is the longest wait
	l, err := createLogs(context.Background(), set, cfg)
	l = run(t, l, err, h)
	if err := l.ConsumeLogs(context.Background(), logsOf("acme", "globex")); err != nil {
		t.Fatal(err)
	}
	if got := d.await(t, 1); got[0].site != us5 {
		t.Errorf("%s was not to be reached", got[0].site)
	}
	<-refused
	d.answers(nil) // Datadog enabled it
	if got := d.await(t, 1); got[0].site != eu {
		t.Errorf("%s came again", got[0].site)
	}
	if n := h.grants.RefusedGeneration("acme"); n != 0 {
		t.Errorf("the key was reported as refused")
	}
	if err := l.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, "accepted 2 delivered 2")
}

func TestIntakeHeaders(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	h := cfg.intakeHeaders("1.2.3")
	for _, c := range []struct {
		family     intake.Family
		name, want string
	}{
		{intake.OTLPMetrics, "dd-otel-metric-config", `{"histograms":{"mode":"distributions","send_aggregation_metrics":false},"instrumentation_scope_metadata_as_tags":true,` +
			`"resource_attributes_as_tags":false,"summaries":{"mode":"gauges"}}`},
		{intake.OTLPTraces, "dd-otel-span-mapping", `{"span_name_as_resource_name":false}`},
		{intake.OTLPTraces, "compute_stats", "true"},
		{intake.OTLPTracesOnly, "dd-otel-span-mapping", `{"span_name_as_resource_name":false}`},
		{intake.OTLPTracesOnly, "compute_stats", ""},
		{intake.OTLPLogs, "dd-otlp-source", ""},
		{intake.PublicSpans, "DD-EVP-ORIGIN-VERSION", "1.2.3"},
		{intake.PublicSpans, "compute_stats", ""},
	} {
		if got := h[c.family].Get(c.name); got != c.want {
			t.Errorf("%s of %s: %s", c.name, c.family, got)
		}
	}
	cfg.OTLP.Source = "value"
	cfg.Traces.ComputeStats = false
	cfg.Traces.IgnoreResources = []string{"(?i)GET /häuser/\U0001F3E0\n"}
	cfg.Traces.SpanNameRemappings = map[string]string{"a": "b"}
	cfg.Traces.SpanNameAsResourceName = true
	h = cfg.intakeHeaders("1.2.3")
	const want = `{"ignore_resources":["(?i)GET /h\u00e4user/\ud83c\udfe0\n"],"span_name_as_resource_name":true,"span_name_remappings":{"a":"b"}}`
	if got := h[intake.OTLPTraces].Get("dd-otel-span-mapping"); got != want {
		t.Errorf("mapping %s", got)
	}
	if h[intake.OTLPTraces].Get("compute_stats") != "" || h[intake.OTLPMetrics].Get("dd-otlp-source") != "value" {
		t.Errorf("%v", h)
	}
}

// TestStatsAreNotAskedForTwice sends resources whose stats were computed in requests of their own.
func TestStatsAreNotAskedForTwice(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	tr, err := createTraces(context.Background(), set, overOTLP(d.config()))
	tr = run(t, tr, err, h)
	td := tracesOf("acme", "acme", "acme", "acme")
	for i, computed := range []any{true, false, "yes", nil} {
		attrs := td.ResourceSpans().At(i).Resource().Attributes()
		attrs.PutStr("service.name", []string{"by-sender", "by-datadog", "by-sender-too", "by-datadog-too"}[i]+"!")
		switch v := computed.(type) {
		case bool:
			attrs.PutBool("_dd.stats_computed", v)
		case string:
			attrs.PutStr("_dd.stats_computed", v)
		}
	}
	if err := tr.ConsumeTraces(context.Background(), td); err != nil {
		t.Fatal(err)
	}
	asked := map[string]string{} // service to header
	for _, r := range d.await(t, 2) {
		for _, service := range []string{"by-sender", "by-sender-too", "by-datadog", "by-datadog-too"} {
			if strings.Contains(r.body, service+"!") {
				asked[service] = r.stats
			}
		}
	}
	stop(t, tr)
	if want := map[string]string{"by-sender": "", "by-sender-too": "", "by-datadog": "true", "by-datadog-too": "true"}; !maps.Equal(asked, want) {
		t.Errorf("asked for stats: %v", asked)
	}
	figures(t, tel, "accepted 4 delivered 4")
}

// TestTheOTLPIntakeComputesItsOwnStats: none are computed here, but with the public span intake they are.
func TestTheOTLPIntakeComputesItsOwnStats(t *testing.T) {
	t.Parallel()
	for form, here := range map[IntakeForm]bool{IntakeOTLP: false, IntakePublic: true, IntakeAgent: true} {
		d, h := twoSites(t)
		set, _ := settings(t)
		cfg := d.config()
		cfg.Traces.Intake = form
		tr, err := createTraces(context.Background(), set, cfg)
		tr = run(t, tr, err, h)
		if got := tr.(*tracesExporter).stats != nil; got != here {
			t.Errorf("%s: stats computed here: %t", form, got)
		}
	}
}
