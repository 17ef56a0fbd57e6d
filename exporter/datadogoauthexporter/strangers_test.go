package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/incidents"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// TestDataOfATenantThatIsNotConnectedWaits sends every signal for a tenant before it connects, in memory and on a storage with a restart before. All of it
// arrives at the organisation that the tenant connects, and only there.
func TestDataOfATenantThatIsNotConnectedWaits(t *testing.T) {
	t.Parallel()
	for _, why := range []error{credential.ErrUnknownTenant, credential.ErrNotConnected} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, restart %t", why, restart), func(t *testing.T) {
				t.Parallel()
				ctx := context.Background()
				d, h := twoSites(t)
				h.grants.Fail("later", why)
				cfg := d.config()
				cfg.Tenant.WhenUnknown, cfg.Tenant.WhenNotConnected = ParkTenant, ParkTenant
				cfg.HostMetadata.Enabled = true
				if restart {
					id := component.MustNewID("file_storage")
					h.extensions[id] = newStorage()
					cfg.Queue.Get().StorageID = &id
				}
				set, tel := settings(t)
				open := func() (*logsExporter, *metricsExporter, *tracesExporter) {
					l, err := createLogs(ctx, set, cfg)
					l = run(t, l, err, h)
					m, err := createMetrics(ctx, set, cfg)
					m = run(t, m, err, h)
					s, err := createTraces(ctx, set, cfg)
					s = run(t, s, err, h)
					return l.(*logsExporter), m.(*metricsExporter), s.(*tracesExporter)
				}
				logs, metrics, traces := open()
				records := logsOf("acme", "later")
				records.ResourceLogs().At(1).Resource().Attributes().PutBool("datadog.host.use_as_metadata", true)
				records.ResourceLogs().At(1).Resource().Attributes().PutStr("host.name", "a-host")
				for _, err := range []error{
					logs.ConsumeLogs(ctx, records), metrics.ConsumeMetrics(ctx, metricsOf("later")), traces.ConsumeTraces(ctx, tracesOf("later")),
				} {
					if err != nil {
						t.Fatal(err)
					}
				}
				if r := d.await(t, 1)[0]; r.site != eu || strings.Contains(r.body, "later") {
					t.Fatalf("%s got %q", r.site, r.body)
				}
				for signal, items := range map[string]int64{"logs": 1, "metrics": 2, "traces": 1} {
					within(t, func() bool { return counted(t, tel, "parked_items", signal, "") == items })
				}
				if restart {
					for _, e := range []component.Component{logs, metrics, traces} {
						if err := e.Shutdown(ctx); err != nil {
							t.Fatal(err)
						}
					}
					open()
				}
				h.grants.Grant("later", us5, us5Key, 1, false)
				got := make(map[string]bool)
				within(t, func() bool {
					for len(d.got) > 0 {
						r := <-d.got
						if got[r.path] = true; r.site != us5 || r.key != us5Key {
							t.Errorf("%s got %s", r.site, r.path)
						}
					}
					return got["/api/v2/logs"] && got["/api/v2/series"] && got["/api/beta/sketches"] && got["/api/v0.2/traces"]
				})
				for signal, want := range map[string]string{"logs": "accepted 2 restored 1 delivered 2", "metrics": "accepted 2 restored 2 delivered 2", "traces": "accepted 1 restored 1 delivered 1"} {
					if !restart {
						want = strings.Replace(want, want[len("accepted 2"):strings.Index(want, " delivered")], "", 1)
					}
					within(t, func() bool { return booksOf(t, tel, signal) == want })
				}
				if got := booksOf(t, tel, "host_metadata"); got != "" {
					t.Errorf("a host of nobody is reported: %s", got)
				}
			})
		}
	}
}

// TestMoreNamesThanMayWaitAreRefused: one tenant may wait, a second one is dropped with its reason, and a call of nothing else is an error.
func TestMoreNamesThanMayWaitAreRefused(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	cfg := d.config()
	cfg.Tenant.WhenUnknown, cfg.Tenant.MaxWaiting = ParkTenant, 1
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	if err := e.ConsumeLogs(context.Background(), logsOf("first")); err != nil {
		t.Fatal(err)
	}
	if err := e.ConsumeLogs(context.Background(), logsOf("second")); !consumererror.IsPermanent(err) || !errors.Is(err, credential.ErrUnknownTenant) {
		t.Fatalf("got %v", err)
	}
	within(t, func() bool { return counted(t, tel, "parked_items", "logs", "") == 1 })
	figures(t, tel, "accepted 2 unknown_tenant 1")
}

// TestTheDefaultTenantGetsWhatNamesNone, and nothing else: neither what names one that is unknown, nor what two sources disagree about.
func TestTheDefaultTenantGetsWhatNamesNone(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	cfg := d.config()
	cfg.Tenant.MetadataKey, cfg.Tenant.Default = "x-tenant", "globex"
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	data := logsOf("acme", "stranger", "nobody")
	data.ResourceLogs().At(2).Resource().Attributes().Remove("datadog.tenant")
	if err := e.ConsumeLogs(context.Background(), data); err != nil {
		t.Fatal(err)
	}
	for _, r := range d.await(t, 2) {
		if want := map[string]string{eu: "hello from acme", us5: "hello from nobody"}[r.site]; strings.Count(r.body, "hello from") != 1 || !strings.Contains(r.body, want) {
			t.Errorf("%s got %q", r.site, r.body)
		}
	}
	named := client.NewContext(context.Background(), client.Info{Metadata: client.NewMetadata(map[string][]string{"x-tenant": {"acme"}})})
	if err := e.ConsumeLogs(named, logsOf("globex")); !consumererror.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
	within(t, func() bool { return booksOf(t, tel, "") == "accepted 4 delivered 2 tenant_conflict 1 unknown_tenant 1" })
}

// TestIncidentsOfNobody: the journal is of organisations.
func TestIncidentsOfNobody(t *testing.T) {
	t.Parallel()
	m := &logsMapping{about: incidentRecords{all: make([]incidents.Record, 2), count: 2}}
	if err := m.prepare("later", ""); err != nil || len(m.about.all) != 0 || m.about.drops[intake.ReasonNotConnected] != 2 {
		t.Errorf("%d are left, dropped %v: %v", len(m.about.all), m.about.drops, err)
	}
}

func TestTenantsThatExcludeEachOther(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{metadata_key: x, default: rest}":                        "",
		"{metadata_key: x, default: rest, allowed: [rest, acme]}": "",
		"{default: rest}":                                            "tenant: nothing names a tenant",
		"{fixed: acme, default: rest}":                               "tenant::default: must be empty beside fixed",
		"{metadata_key: x, default: rest, allowed: [acme]}":          `tenant::allowed: must contain the default tenant "rest"`,
		"{metadata_key: x, default: \"a\\nb\"}":                      "tenant::default: ",
		"{metadata_key: x, when_unknown: default}":                   "tenant::when_unknown: must be one of [reject park]",
		"{metadata_key: x, when_not_connected: \"\"}":                "tenant::when_not_connected: must be one of [reject park]",
		"{metadata_key: x, when_unknown: park, max_waiting: 0}":      "tenant::max_waiting: must be positive",
		"{fixed: acme, when_unknown: park}":                          "",
		"{metadata_key: x, when_not_connected: park, allowed: [me]}": "",
	} {
		_, err := load(t, "exporters: {datadogoauth: {tenant: "+text+"}}")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
