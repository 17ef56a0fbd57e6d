package datadogoauthexporter

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metadata"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metadatatest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// asker is a holder of grants that has marked data sent.
type asker struct {
	grants
	mu      sync.Mutex // guards probers
	probers []credential.Prober
}

// AddProber implements credential.Probes.
func (a *asker) AddProber(p credential.Prober) (remove func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.probers = append(a.probers, p)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.probers = slices.DeleteFunc(a.probers, func(other credential.Prober) bool { return other == p })
	}
}

const probeID = "0123456789abcdef"

var allKinds = []credential.ProbeKind{
	credential.ProbeMetric, credential.ProbeDistribution, credential.ProbeLog, credential.ProbeSpan, credential.ProbeStats, credential.ProbeEvent,
	credential.ProbeServiceCheck,
}

// probeAll asks all exporters for all kinds, by kind. A service check comes from metrics and from logs; the latter is under "logs".
func (a *asker) probeAll(ctx context.Context, tenant string) map[credential.ProbeKind]credential.ProbeWrite {
	all := map[credential.ProbeKind]credential.ProbeWrite{}
	a.mu.Lock()
	probers := slices.Clone(a.probers)
	a.mu.Unlock()
	for _, p := range probers {
		for _, w := range p.Probe(ctx, credential.Probe{Tenant: tenant, ID: probeID, Kinds: allKinds}) {
			if _, twice := all[w.Kind]; twice {
				w.Kind += " of logs"
			}
			all[w.Kind] = w
		}
	}
	return all
}

// asked are two sites with an exporter of each signal, and their books.
func asked(t *testing.T, change func(*Config)) (*datadog, *asker, *componenttest.Telemetry, func()) {
	t.Helper()
	d := newDatadog(t, map[string]string{eu: euKey, us5: us5Key})
	a := &asker{}
	a.Grant("acme", eu, euKey, 1, false)
	a.Grant("globex", us5, us5Key, 1, false)
	h := &host{extensions: map[component.ID]component.Component{component.NewID(metadata.Type): a}}
	set, tel := settings(t)
	cfg := d.config()
	cfg.Traces.BucketInterval = time.Second
	change(cfg)
	ctx := context.Background()
	m, err := createMetrics(ctx, set, cfg)
	m = run(t, m, err, h)
	l, err := createLogs(ctx, set, cfg)
	l = run(t, l, err, h)
	tr, err := createTraces(ctx, set, cfg)
	tr = run(t, tr, err, h)
	return d, a, tel, func() {
		t.Helper()
		for _, e := range []component.Component{m, l, tr} {
			if err := e.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		}
		if len(a.probers) != 0 {
			t.Error("an exporter that stopped is still asked")
		}
	}
}

func TestMarkedDataTakesTheWayOfAllData(t *testing.T) {
	t.Parallel()
	usual := map[string]string{"metrics": "accepted 2 delivered 2", "logs": "accepted 1 delivered 1", "traces": "accepted 1 delivered 1", "events": "accepted 1 delivered 1", "service_checks": "accepted 2 delivered 2", "stats": "accepted 1 delivered 1"}
	otlp := maps.Clone(usual) // Datadog makes the stats of a span of their own
	otlp["traces"] = "accepted 2 delivered 2"
	delete(otlp, "stats")
	besides := maps.Clone(usual)
	besides["metrics"], besides["logs"] = "accepted 3 delivered 1 probe 2", "accepted 3 delivered 1 probe 2" // of the distribution the aggregations are counted
	for name, c := range map[string]struct {
		change  func(*Config)
		intakes map[credential.ProbeKind]string // those of the form
		paths   []string
		books   map[string]string
	}{
		"agent": {func(*Config) {}, map[credential.ProbeKind]string{"metric": "series", "distribution": "sketches", "log": "logs", "span": "traces", "APM stats": "stats"},
			[]string{"/api/v2/series", "/api/beta/sketches", "/api/v2/logs", "/api/v0.2/traces", statsPath}, usual},
		"otlp": {func(c *Config) { overOTLP(c) }, map[credential.ProbeKind]string{"metric": "otlp_metrics", "distribution": "otlp_metrics", "log": "otlp_logs", "span": "otlp_traces", "APM stats": "otlp_traces"},
			[]string{"/v1/metrics", "/v1/metrics", "/v1/logs", "/v1/traces", "/v1/traces"}, otlp},
		"public": {func(c *Config) { c.Traces.Intake = IntakePublic }, map[credential.ProbeKind]string{"metric": "series", "distribution": "sketches", "log": "logs", "span": "public_spans", "APM stats": "stats"},
			[]string{"/api/v2/series", "/api/beta/sketches", "/api/v2/logs", "/api/v2/spans", statsPath}, usual},
		"with all that could leave something out": {func(c *Config) {
			c.Events.KeepLog, c.ServiceChecks.KeepLog, c.ServiceChecks.KeepMetric = true, true, true
			c.Metrics.Histograms.Mode, c.Metrics.Histograms.SendAggregationMetrics = "nobuckets", true
			c.ResourceHost, c.Metrics.Shared, c.Traces.SpanNameAsResourceName = DropResourceHost, true, true
			c.Traces.BucketInterval, c.Traces.ComputeTopLevelBySpanKind = time.Hour, true
		}, map[credential.ProbeKind]string{"metric": "series", "distribution": "sketches", "log": "logs", "span": "traces", "APM stats": "stats"},
			[]string{"/api/v2/series", "/api/beta/sketches", "/api/v2/logs", "/api/v0.2/traces", statsPath}, besides},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, a, tel, stop := asked(t, c.change)
			got := a.probeAll(t.Context(), "acme")
			c.intakes["event"], c.intakes["service check"], c.intakes["service check of logs"] = "events", "checks", "checks"
			for kind, in := range c.intakes {
				w, ok := got[kind]
				if !ok || w.Err != nil || w.Intake != in || !strings.HasSuffix(w.Host, "."+eu) || w.Name == "" || time.Since(w.At) > time.Minute {
					t.Errorf("%s: %+v", kind, w)
				}
			}
			if len(got) != len(c.intakes) || got["metric"].Value != 0x0123+0.5 || got["distribution"].Value != 0x0123+0.5 || len(got["span"].TraceID) != 32 {
				t.Errorf("got %+v", got)
			}
			var paths, untagged []string
			for _, r := range d.await(t, len(c.intakes)) {
				paths = append(paths, r.path)
				if r.site != eu || !strings.Contains(r.body, probeID) {
					t.Errorf("%s%s got %q", r.site, r.path, r.body)
				}
				if !strings.Contains(r.body, credential.ProbeTag) {
					untagged = append(untagged, r.path)
				}
				if err := wellFormed(r); err != nil {
					t.Errorf("%s: %v: %q", r.path, err, r.body)
				}
			}
			slices.Sort(paths)
			want := append(slices.Clone(c.paths), "/api/v1/events", "/api/v1/check_run", "/api/v1/check_run")
			if slices.Sort(want); !slices.Equal(paths, want) {
				t.Errorf("sent to %q, want %q", paths, want)
			}
			if last := c.paths[len(c.paths)-1]; !slices.Equal(untagged, []string{last}) { // what is there for stats, which a search for the tag must not find
				t.Errorf("without a tag came %q, want %q", untagged, last)
			}
			metadatatest.AssertEqualExporterDatadogoauthDeltaSeries(t, tel, []metricdata.DataPoint[int64]{{Value: 0, Attributes: attribute.NewSet(attribute.String("exporter", "datadogoauth"))}},
				metricdatatest.IgnoreTimestamp())
			stop()
			if len(d.got) != 0 {
				t.Errorf("besides: %+v", <-d.got) // stats of the span, for instance
			}
			probeBooks(t, tel, c.books)
		})
	}
}

// wellFormed reads a body as far as the libraries here go.
func wellFormed(r received) error {
	switch r.path {
	case "/v1/metrics":
		return pmetricotlp.NewExportRequest().UnmarshalProto([]byte(r.body))
	case "/v1/logs":
		return plogotlp.NewExportRequest().UnmarshalProto([]byte(r.body))
	case "/v1/traces":
		return ptraceotlp.NewExportRequest().UnmarshalProto([]byte(r.body))
	case "/api/v2/series", "/api/beta/sketches", "/api/v0.2/traces":
		for rest := []byte(r.body); len(rest) > 0; {
			_, _, n := protowire.ConsumeField(rest)
			if n < 0 {
				return protowire.ParseError(n)
			}
			rest = rest[n:]
		}
		return nil
	case statsPath:
		return nil // its form is the business of apmstats
	default:
		var v any
		return json.Unmarshal([]byte(r.body), &v)
	}
}

// probeBooks compares the books of every signal, and says whether they balance.
func probeBooks(t *testing.T, tel *componenttest.Telemetry, want map[string]string) {
	t.Helper()
	for _, signal := range []string{"metrics", "logs", "traces", "events", "service_checks", "stats"} {
		if got := booksOf(t, tel, signal); got != want[signal] {
			t.Errorf("the books of %s say %q, want %q", signal, got, want[signal])
		}
	}
	if err := accounts(t, tel).Check(); err != nil {
		t.Error(err)
	}
}

func TestMarkedDataThatIsNotTakenSaysWhyAndIsCounted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status   int
		text     string
		says     string
		reason   string
		unjudged bool
	}{
		"not known yet":  {http.StatusForbidden, "{}", "the key is new and may not be known everywhere yet", "probe", true},
		"no longer good": {http.StatusForbidden, "{}", "403: Forbidden; the customer may have revoked the API key", "probe", false},
		"down":           {http.StatusServiceUnavailable, "{}", "503: Service Unavailable", "probe", true},
		"busy":           {http.StatusTooManyRequests, "{}", "429: Too Many Requests", "probe", true},
		"refused":        {http.StatusBadRequest, `{"errors":["invalid json from <script>"]}`, `400: an error text of 26 bytes with "invalid json"`, "rejected", false},
		"redirected":     {http.StatusTemporaryRedirect, "{}", "307: Temporary Redirect; redirects are not followed", "probe", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, a, tel, stop := asked(t, func(*Config) {})
			d.answers(func(received, http.Header) int { return c.status })
			d.says(c.text)
			a.Grant("acme", eu, euKey, 2, name == "not known yet")
			for kind, w := range a.probeAll(t.Context(), "acme") {
				if w.Err == nil || w.Host == "" || w.Unjudged != c.unjudged {
					t.Errorf("%s: %+v", kind, w)
					continue
				}
				text := w.Err.Error()
				if kind == "event" && c.status == http.StatusServiceUnavailable {
					continue // its outcome is unknown
				}
				if !strings.Contains(text, c.says) || strings.Contains(text, "script") || strings.Contains(text, "ermanent") || strings.Contains(text, "\n") {
					t.Errorf("%s: %s", kind, text)
				}
			}
			if n := a.RefusedGeneration("acme"); n != 0 {
				t.Error("a probe ended the key")
			}
			stop()
			want := "accepted 1 " + c.reason + " 1"
			of := map[string]string{"metrics": "accepted 2 " + c.reason + " 2", "logs": want, "traces": want, "stats": want, "events": want, "service_checks": "accepted 2 " + c.reason + " 2"}
			if c.status == http.StatusServiceUnavailable {
				of["events"] = "accepted 1 outcome_unknown 1"
			}
			probeBooks(t, tel, of)
		})
	}
}

func TestMarkedDataOfATenantThatCannotBeSentFor(t *testing.T) {
	t.Parallel()
	d, a, tel, stop := asked(t, func(c *Config) {
		c.Tenant.Allowed = []string{"acme"}
		c.Traces.IgnoreResources = []string{"^datadogoauth"}
	})
	if got := a.probeAll(t.Context(), "globex"); len(got) != 0 {
		t.Errorf("sent for a tenant that is not allowed: %+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for kind, w := range a.probeAll(ctx, "acme") {
		if w.Err == nil || w.Unjudged != (kind != "span" && kind != "APM stats") { // which the configuration leaves out
			t.Errorf("%s, although nobody waits: %+v", kind, w)
		}
	}
	left := a.probeAll(t.Context(), "acme")
	for _, kind := range []credential.ProbeKind{credential.ProbeSpan, credential.ProbeStats} {
		if w := left[kind]; w.Err == nil || !strings.Contains(w.Err.Error(), "ignored") || w.Host != "" {
			t.Errorf("%s of a span that the configuration leaves out: %+v", kind, w)
		}
	}
	a.Fail("acme", credential.ErrPaused)
	for kind, w := range a.probeAll(t.Context(), "acme") {
		if w.Err != credential.ErrPaused || w.Host != "" || w.Unjudged {
			t.Errorf("%s of a paused tenant: %+v", kind, w)
		}
	}
	a.Fail("acme", credential.ErrNotReady)
	for kind, w := range a.probeAll(t.Context(), "acme") {
		if w.Err != credential.ErrNotReady || !w.Unjudged {
			t.Errorf("%s before the grants are loaded: %+v", kind, w)
		}
	}
	probers := slices.Clone(a.probers)
	d.await(t, 6)
	stop()
	for _, p := range probers {
		for _, w := range p.Probe(t.Context(), credential.Probe{Tenant: "acme", ID: probeID, Kinds: allKinds}) {
			if w.Err == nil || !w.Unjudged {
				t.Errorf("%s after the stop: %+v", w.Kind, w)
			}
		}
	}
	probeBooks(t, tel, map[string]string{
		"metrics": "accepted 4 delivered 2 probe 2", "logs": "accepted 2 delivered 1 probe 1", "traces": "accepted 4 ignored 4", "events": "accepted 2 delivered 1 probe 1",
		"service_checks": "accepted 4 delivered 2 probe 2",
	})
}

// TestAStopEndsMarkedDataUnderWay: its answer would come too late.
func TestAStopEndsMarkedDataUnderWay(t *testing.T) {
	t.Parallel()
	d, a, tel, stop := asked(t, func(*Config) {})
	arrived, hang := make(chan struct{}, 10), make(chan struct{})
	defer close(hang)
	d.answers(func(r received, _ http.Header) int {
		arrived <- struct{}{}
		<-hang
		return http.StatusAccepted
	})
	ended := make(chan map[credential.ProbeKind]credential.ProbeWrite)
	go func() { ended <- a.probeAll(context.Background(), "acme") }()
	<-arrived
	begin := time.Now()
	stop()
	for kind, w := range <-ended {
		if w.Err == nil || !w.Unjudged {
			t.Errorf("%s: %+v", kind, w)
		}
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the stop took %s", took)
	}
	if err := accounts(t, tel).Check(); err != nil {
		t.Error(err)
	}
}

func TestProbeHostsAreThoseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	fed, _ := site.ByDomain("us2.ddog-gov.com")
	europe, _ := site.ByDomain(eu)
	for name, c := range map[string]struct {
		change func(*Config)
		of     site.Site
		want   string
	}{
		"agent":     {func(*Config) {}, europe, "api.datadoghq.eu; api.datadoghq.eu http-intake.logs.datadoghq.eu; trace.agent.datadoghq.eu"},
		"otlp":      {func(c *Config) { overOTLP(c) }, europe, "api.datadoghq.eu otlp.datadoghq.eu; api.datadoghq.eu otlp.datadoghq.eu; otlp.datadoghq.eu"},
		"no checks": {func(c *Config) { overOTLP(c); c.ServiceChecks.Enabled, c.Events.Enabled = false, false }, europe, "otlp.datadoghq.eu; otlp.datadoghq.eu; otlp.datadoghq.eu"},
		"public":    {func(c *Config) { c.Traces.Intake = IntakePublic; c.Traces.ComputeStats = false }, europe, "api.datadoghq.eu; api.datadoghq.eu http-intake.logs.datadoghq.eu; public-trace-http-intake.logs.datadoghq.eu"},
		"no OTLP":   {func(c *Config) { overOTLP(c) }, fed, "api.us2.ddog-gov.com; api.us2.ddog-gov.com; "},
		"overridden": {func(c *Config) {
			c.Endpoints = map[string]map[string]string{eu: {"logs": "https://logs.example.com:8443"}}
		}, europe, "api.datadoghq.eu; api.datadoghq.eu logs.example.com:8443; trace.agent.datadoghq.eu"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, a, _, stop := asked(t, c.change)
			var got []string
			for _, p := range a.probers {
				got = append(got, strings.Join(p.ProbeHosts(c.of), " "))
			}
			stop()
			if got := strings.Join(got, "; "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestOnlyKindsOfTheConfigurationAreProbed(t *testing.T) {
	t.Parallel()
	_, a, _, stop := asked(t, func(c *Config) {
		c.Events.Enabled, c.ServiceChecks.Enabled, c.Traces.ComputeStats = false, false, false
	})
	var kinds []credential.ProbeKind
	for _, p := range a.probers {
		kinds = append(kinds, p.ProbeKinds()...)
	}
	if want := []credential.ProbeKind{credential.ProbeMetric, credential.ProbeDistribution, credential.ProbeLog, credential.ProbeSpan}; !slices.Equal(kinds, want) {
		t.Errorf("got %q", kinds)
	}
	got := a.probeAll(t.Context(), "globex")
	if len(got) != 4 {
		t.Errorf("got %v", got)
	}
	stop()
}
