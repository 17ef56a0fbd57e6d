// Package probes has the exporter send marked data to the stand-in for Datadog, which refuses what Datadog refuses, in every form of its intakes.
package probes

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// holder holds the grants of some tenants, and knows who sends marked data.
type holder struct {
	component.StartFunc
	component.ShutdownFunc
	credentials map[string]*credential.Credential
	probers     []credential.Prober
}

var (
	_ credential.Source = (*holder)(nil)
	_ credential.Probes = (*holder)(nil)
)

func (h *holder) Lookup(tenant string) (*credential.Credential, error) {
	if c := h.credentials[tenant]; c != nil {
		return c, nil
	}
	return nil, credential.ErrUnknownTenant
}

func (h *holder) Org(tenant string) (credential.Org, error) {
	c, err := h.Lookup(tenant)
	if err != nil {
		return credential.Org{}, err
	}
	return c.Org(), nil
}

func (h *holder) Refused(string, uint64) {}

func (h *holder) Bearer(_ string, base http.RoundTripper) http.RoundTripper { return base }

func (h *holder) Changes() <-chan struct{} { return nil }

func (h *holder) AddProber(p credential.Prober) (remove func()) {
	h.probers = append(h.probers, p)
	return func() {}
}

func (h *holder) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("datadogoauth"): h}
}

// datadog is a stand-in with an organisation for each tenant.
func datadog(t *testing.T, tenants map[string]string) (*standin.Server, *holder, map[string]oauth.Org) {
	t.Helper()
	server := standin.New(standin.Options{})
	t.Cleanup(func() { _ = server.Close() })
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	h := &holder{credentials: map[string]*credential.Credential{}}
	orgs := map[string]oauth.Org{}
	for tenant, domain := range tenants {
		org, err := server.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: domain}, Name: tenant})
		if err != nil {
			t.Fatal(err)
		}
		_, key, err := server.OAuth().AddKey(org.OrgRef)
		if err != nil {
			t.Fatal(err)
		}
		if h.credentials[tenant], err = credential.New(tenant, credential.Org{Client: "main", Site: domain, ID: org.ID}, key, 1, nil); err != nil {
			t.Fatal(err)
		}
		orgs[tenant] = org
	}
	return server, h, orgs
}

// start runs an exporter of each signal with a configuration.
func start(t *testing.T, server *standin.Server, h *holder, change func(*datadogoauthexporter.Config)) {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, server.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	factory := datadogoauthexporter.NewFactory()
	cfg := factory.CreateDefaultConfig().(*datadogoauthexporter.Config)
	cfg.Tenant.ResourceAttribute = true
	cfg.HTTP.ProxyURL, cfg.HTTP.TLS.CAFile = server.ProxyURL().String(), ca
	cfg.Traces.BucketInterval = time.Hour // a bucket of it would have begun long before the check
	change(cfg)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	set, ctx := exportertest.NewNopSettings(factory.Type()), context.Background()
	metrics, err1 := factory.CreateMetrics(ctx, set, cfg)
	logs, err2 := factory.CreateLogs(ctx, set, cfg)
	traces, err3 := factory.CreateTraces(ctx, set, cfg)
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []component.Component{metrics, logs, traces} {
		if err := e.Start(ctx, h); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := e.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

const id = "feedfacecafebeef"

func TestMarkedDataArrivesInTheRightOrganisation(t *testing.T) {
	t.Parallel()
	type config = datadogoauthexporter.Config
	for name, c := range map[string]struct {
		change func(*config)
		want   intake.Counts
	}{
		"agent": {func(*config) {}, intake.Counts{Points: 1, Sketches: 1, Logs: 1, Spans: 1, Stats: 1}},
		"otlp": {func(c *config) {
			c.Metrics.Intake, c.Logs.Intake, c.Traces.Intake = datadogoauthexporter.IntakeOTLP, datadogoauthexporter.IntakeOTLP, datadogoauthexporter.IntakeOTLP
		}, intake.Counts{OTLPPoints: 2, OTLPLogs: 1, OTLPSpans: 2}},
		"public": {func(c *config) { c.Traces.Intake = datadogoauthexporter.IntakePublic }, intake.Counts{Points: 1, Sketches: 1, Logs: 1, PublicSpans: 1, Stats: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, h, orgs := datadog(t, map[string]string{"acme": "datadoghq.eu", "globex": "us5.datadoghq.com"})
			start(t, server, h, c.change)
			eu, _ := site.ByDomain("datadoghq.eu")
			said := map[credential.ProbeKind]credential.ProbeWrite{}
			for _, p := range h.probers {
				for _, w := range p.Probe(t.Context(), credential.Probe{Tenant: "acme", ID: id, Kinds: p.ProbeKinds()}) {
					if w.Err != nil || !slices.Contains(p.ProbeHosts(eu), w.Host) {
						t.Errorf("%+v", w)
					}
					said[w.Kind] = w
				}
			}
			c.want.Events, c.want.Checks = 1, 2 // a check of a gauge and one of a log record
			if got := server.Intake().Counts(orgs["acme"].ID); got != c.want {
				t.Errorf("Datadog has %+v, want %+v", got, c.want)
			}
			if got := server.Intake().Counts(orgs["globex"].ID); got != (intake.Counts{}) {
				t.Errorf("another organisation has %+v", got)
			}
			marks(t, server.Intake().Received(orgs["acme"].ID), said)
		})
	}
}

// marks looks for the tag, or attribute, on everything that was received, and for what the prober said of it.
func marks(t *testing.T, got intake.Received, said map[credential.ProbeKind]credential.ProbeWrite) {
	t.Helper()
	const tag = credential.ProbeTag + ":" + id
	metric, distribution, span, stats := said[credential.ProbeMetric], said[credential.ProbeDistribution], said[credential.ProbeSpan], said[credential.ProbeStats]
	marked := func(what string, has bool, of any) {
		t.Helper()
		if !has {
			t.Errorf("%s has no mark: %+v", what, of)
		}
	}
	for _, p := range got.Series {
		marked("series", slices.Contains(p.Tags, tag) && p.Metric == metric.Name && p.Value == metric.Value && p.Timestamp == metric.At.Unix() && p.Host == "", p)
	}
	for _, s := range got.Sketches {
		v := distribution.Value
		marked("distribution", slices.Contains(s.Tags, tag) && s.Metric == distribution.Name && s.Cnt == 1 && s.Min == v && s.Max == v && s.Sum == v && s.Timestamp == distribution.At.Unix() && s.Host == "", s)
	}
	for _, l := range got.Logs {
		marked("log", fmt.Sprint(l.Attributes[credential.ProbeTag]) == id && strings.Contains(l.Message, id), l)
	}
	for _, s := range got.Spans {
		marked("span", s.Span.Meta[credential.ProbeTag] == id && s.Span.Name == span.Name && s.Chunk.Priority == 2 && fmt.Sprintf("%016x", s.Span.TraceID) == span.TraceID[16:], s.Span)
	}
	for _, s := range got.PublicSpans {
		marked("public span", s.Meta[credential.ProbeTag] == id && s.Name == span.Name && strings.TrimLeft(span.TraceID[16:], "0") == s.TraceID, s)
	}
	for _, s := range got.Stats {
		client := s.Stats[0]
		bucket := client.Stats[0]
		group := bucket.Stats[0]
		began := time.Unix(0, int64(bucket.Start))
		marked("stats", len(s.Stats) == 1 && len(client.Stats) == 1 && len(bucket.Stats) == 1 && client.Version == id && client.Hostname == "" && group.Hits == 1 &&
			group.TopLevelHits == 1 && group.Name == stats.Name && bucket.Duration == 10e9 && stats.At.Sub(began).Abs() <= 20*time.Second, s)
	}
	for _, e := range got.Events {
		marked("event", slices.Contains(e.Tags, tag) && strings.Contains(e.Title, id), e)
	}
	for _, c := range got.Checks {
		marked("service check", slices.Contains(c.Tags, tag) && c.Status == 0 && c.Host != "", c)
	}
	for _, d := range got.OTLPMetrics {
		marked("OTLP metric", strings.Contains(d.String(), id) && strings.Contains(d.String(), metric.Name), d)
	}
	for _, d := range got.OTLPLogs {
		marked("OTLP log", strings.Contains(d.String(), id), d)
	}
	tagged := 0
	for _, d := range got.OTLPTraces {
		marked("OTLP span", strings.Contains(d.String(), id) && strings.Contains(d.String(), span.Name), d)
		if strings.Contains(d.String(), credential.ProbeTag) {
			tagged++
		}
	}
	if len(got.OTLPTraces) > 0 && tagged != 1 { // the other one is there for its stats
		t.Errorf("%d OTLP spans have the attribute, want 1", tagged)
	}
}
