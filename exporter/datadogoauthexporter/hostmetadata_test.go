package datadogoauthexporter

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// offerHost makes a resource tell of its host.
func offerHost(attrs pcommon.Map, host string) {
	attrs.PutStr("host.name", host)
	attrs.PutStr("os.type", "linux")
	attrs.PutBool("datadog.host.use_as_metadata", true)
}

// hostReport is what a test reads of a report.
type hostReport struct {
	InternalHostname string
	Meta             struct{ Hostname string }
	Tags             struct{ Otel []string } `json:"host-tags"`
	Gohai            string
}

// hostReports are the reports among requests, by site and host. One that is there twice is an error.
func hostReports(t *testing.T, all []received) map[string]hostReport {
	t.Helper()
	reports := map[string]hostReport{}
	for _, r := range all {
		if r.path != "/intake" {
			continue
		}
		var report hostReport
		if err := json.Unmarshal([]byte(r.body), &report); err != nil {
			t.Fatalf("%v: %s", err, r.body)
		}
		name := r.site + " " + report.Meta.Hostname
		if _, twice := reports[name]; twice {
			t.Errorf("%s is reported twice", name)
		}
		reports[name] = report
	}
	return reports
}

// TestEachSignalReportsHosts sends, twice, resources of two tenants that name a host of their own and one of the same name.
func TestEachSignalReportsHosts(t *testing.T) {
	t.Parallel()
	tenants := []string{"acme", "globex", "acme", "globex"}
	hosts := []string{"of-acme", "of-globex", "shared", "shared"}
	signals := map[string]func(*testing.T, *Config, *host) error{
		"metrics": func(t *testing.T, cfg *Config, h *host) error {
			set, _ := settings(t)
			e, err := createMetrics(t.Context(), set, cfg)
			e = run(t, e, err, h)
			d, again := metricsOf(tenants...), pmetric.NewMetrics()
			for i, name := range hosts {
				offerHost(d.ResourceMetrics().At(i).Resource().Attributes(), name)
			}
			d.CopyTo(again)
			return errors.Join(e.ConsumeMetrics(t.Context(), d), e.ConsumeMetrics(t.Context(), again), e.Shutdown(t.Context()))
		},
		"logs": func(t *testing.T, cfg *Config, h *host) error {
			set, _ := settings(t)
			e, err := createLogs(t.Context(), set, cfg)
			e = run(t, e, err, h)
			d, again := logsOf(tenants...), plog.NewLogs()
			for i, name := range hosts {
				offerHost(d.ResourceLogs().At(i).Resource().Attributes(), name)
			}
			d.CopyTo(again)
			return errors.Join(e.ConsumeLogs(t.Context(), d), e.ConsumeLogs(t.Context(), again), e.Shutdown(t.Context()))
		},
		"traces": func(t *testing.T, cfg *Config, h *host) error {
			set, _ := settings(t)
			e, err := createTraces(t.Context(), set, cfg)
			e = run(t, e, err, h)
			d, again := tracesOf(tenants...), ptrace.NewTraces()
			for i, name := range hosts {
				offerHost(d.ResourceSpans().At(i).Resource().Attributes(), name)
			}
			d.CopyTo(again)
			return errors.Join(e.ConsumeTraces(t.Context(), d), e.ConsumeTraces(t.Context(), again), e.Shutdown(t.Context()))
		},
	}
	for name, send := range signals {
		for setting, enabled := range map[string]bool{"enabled": true, "as usual": false} {
			t.Run(name+" "+setting, func(t *testing.T) {
				t.Parallel()
				d, h := twoSites(t)
				cfg := d.config()
				cfg.HostMetadata.Enabled, cfg.HostMetadata.Tags = enabled, []string{"team:pay"}
				cfg.Hostname = "of-the-setting"
				if err := send(t, cfg, h); err != nil {
					t.Fatal(err)
				}
				close(d.got) // the exporter has stopped
				var all []received
				for r := range d.got {
					all = append(all, r)
				}
				reports := hostReports(t, all)
				if !enabled {
					if len(reports) != 0 || len(all) == 0 {
						t.Errorf("reported %v in %d requests", reports, len(all))
					}
					return
				}
				if len(reports) != 4 {
					t.Errorf("reported %v", reports)
				}
				for _, want := range []string{eu + " shared", eu + " of-acme", us5 + " shared", us5 + " of-globex"} {
					r := reports[want]
					if !strings.HasSuffix(want, " "+r.InternalHostname) || len(r.Tags.Otel) != 1 || r.Tags.Otel[0] != "team:pay" ||
						!strings.Contains(r.Gohai, `"GOOS":"linux"`) {
						t.Errorf("%s: %+v", want, r)
					}
				}
			})
		}
	}
}

func TestMetricsTellOfTheProcessor(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	cfg := d.config()
	cfg.HostMetadata.Enabled = true
	set, tel := settings(t)
	e, err := createMetrics(context.Background(), set, cfg)
	e = run(t, e, err, h)
	metrics := metricsOf("acme")
	offerHost(metrics.ResourceMetrics().At(0).Resource().Attributes(), "web-1")
	m := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	m.SetName("system.cpu.logical.count")
	m.Gauge().DataPoints().At(0).SetIntValue(16)
	if err := errors.Join(e.ConsumeMetrics(context.Background(), metrics), e.Shutdown(context.Background())); err != nil {
		t.Fatal(err)
	}
	if r := hostReports(t, d.await(t, 3))[eu+" web-1"]; !strings.Contains(r.Gohai, `"cpu_logical_processors":"16"`) {
		t.Errorf("%+v", r)
	}
	figuresOf(t, tel, "host_metadata", "accepted 1 delivered 1")
	figuresOf(t, tel, "metrics", "accepted 2 delivered 2") // the metric is one all the same
}

// TestSignalsKnowHostsTogether has one configuration for metrics, which tell of the processor, and for logs, which must not take that back.
func TestSignalsKnowHostsTogether(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	cfg := d.config()
	cfg.HostMetadata.Enabled = true
	set, tel := settings(t)
	m, err := createMetrics(t.Context(), set, cfg)
	m = run(t, m, err, h)
	l, err := createLogs(t.Context(), set, cfg)
	l = run(t, l, err, h)
	metrics, logs := metricsOf("acme"), logsOf("acme")
	offerHost(metrics.ResourceMetrics().At(0).Resource().Attributes(), "web-1")
	count := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	count.SetName("system.cpu.logical.count")
	count.Gauge().DataPoints().At(0).SetIntValue(16)
	offerHost(logs.ResourceLogs().At(0).Resource().Attributes(), "web-1")
	if err := errors.Join(m.ConsumeMetrics(t.Context(), metrics), l.ConsumeLogs(t.Context(), logs), m.Shutdown(t.Context()), l.Shutdown(t.Context())); err != nil {
		t.Fatal(err)
	}
	reports := hostReports(t, d.await(t, 4)) // two of metrics, one of logs
	if r := reports[eu+" web-1"]; len(reports) != 1 || !strings.Contains(r.Gohai, `"cpu_logical_processors":"16"`) {
		t.Errorf("%+v", reports)
	}
	figuresOf(t, tel, "host_metadata", "accepted 1 delivered 1")
}

// TestAReportHasItsOwnFate has an intake for hosts that refuses all, and hosts that are none.
func TestAReportHasItsOwnFate(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	cfg := d.config()
	cfg.HostMetadata.Enabled = true
	d.answers(func(r received, _ http.Header) int {
		if r.path == "/intake" {
			return http.StatusBadRequest
		}
		return http.StatusAccepted
	})
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	logs := logsOf("acme", "acme", "acme")
	offerHost(logs.ResourceLogs().At(0).Resource().Attributes(), "web-1")
	offerHost(logs.ResourceLogs().At(1).Resource().Attributes(), "localhost")
	logs.ResourceLogs().At(2).Resource().Attributes().PutStr("datadog.host.use_as_metadata", "yes")
	if err := errors.Join(e.ConsumeLogs(context.Background(), logs), e.Shutdown(context.Background())); err != nil {
		t.Fatal(err)
	}
	figuresOf(t, tel, "host_metadata", "accepted 3 malformed 1 rejected 1 no_host 1")
	figuresOf(t, tel, "logs", "accepted 3 delivered 3")
}

// TestAReportThatTheQueueRefusedIsMadeAgain has a host that is first named by data which the queue refuses.
func TestAReportThatTheQueueRefusedIsMadeAgain(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	cfg := d.config()
	cfg.HostMetadata.Enabled = true
	set, tel := settings(t)
	created, err := createLogs(context.Background(), set, cfg)
	e := run(t, created, err, h).(*logsExporter)
	next, refuse := e.next.consume, true
	e.next.consume = func(ctx context.Context, data plog.Logs) error {
		if refuse {
			return exporterhelper.ErrQueueIsFull
		}
		return next(ctx, data)
	}
	logs := func() plog.Logs {
		l := logsOf("acme")
		offerHost(l.ResourceLogs().At(0).Resource().Attributes(), "web-1")
		return l
	}
	if err := e.ConsumeLogs(context.Background(), logs()); !errors.Is(err, exporterhelper.ErrQueueIsFull) {
		t.Fatalf("got %v", err)
	}
	refuse = false
	if err := errors.Join(e.ConsumeLogs(context.Background(), logs()), e.Shutdown(context.Background())); err != nil {
		t.Fatal(err)
	}
	if r := hostReports(t, d.await(t, 2)); len(r) != 1 {
		t.Errorf("reported %v", r)
	}
	figuresOf(t, tel, "host_metadata", "accepted 1 delivered 1")
}

func TestHostMetadataInTheFile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"host_metadata: {enabled: true, tags: [\"team:pay\"], reporter_period: 5m}": "",
		"host_metadata: {enabled: true}, resource_host: drop":                       "host_metadata::enabled: cannot go with resource_host: drop",
		"host_metadata: {enabled: false}, resource_host: drop":                      "",
		"host_metadata: {reporter_period: 4m}":                                      "host_metadata::reporter_period: must be 5m at least",
		"host_metadata: {tags: [\"a\", \" \"]}":                                     "host_metadata::tags::1:",
		"host_metadata: {max_hosts_per_tenant: 0}":                                  "host_metadata::max_hosts_per_tenant:",
		"host_metadata: {max_hosts: 0}":                                             "host_metadata::max_hosts:",
		"host_metadata: {enabled: true, hostname_source: config_or_system}":         "host_metadata::hostname_source: remove it",
		"host_metadata: {enabled: true}, sending_queue: {num_consumers: 6}":         "sending_queue::num_consumers: must be above twice",
		"host_metadata: {enabled: true}, sending_queue: {num_consumers: 7}":         "",
		"send_metadata: true":                                                       "send_metadata: use host_metadata::enabled",
		"use_resource_metadata: true":                                               "use_resource_metadata: remove it",
	} {
		_, err := load(t, "exporters: {datadogoauth: {tenant: {fixed: acme}, "+text+"}}")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	cfg := createDefaultConfig().(*Config)
	cfg.Tenant.Fixed, cfg.HostMetadata.Tags = "acme", make([]string, maxHostTags+1)
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "host_metadata::tags: must not be more than 100") {
		t.Errorf("too many tags: %v", err)
	}
}
