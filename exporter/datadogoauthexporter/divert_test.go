package datadogoauthexporter

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// kindsOf has a log, an event and a service check of each tenant.
func kindsOf(tenants ...string) plog.Logs {
	d := logsOf(tenants...)
	for i, tenant := range tenants {
		rl := d.ResourceLogs().At(i)
		rl.Resource().Attributes().PutStr("host.name", "host-of-"+tenant)
		for _, kind := range []string{"datadog.event", "datadog.service_check"} {
			lr := rl.ScopeLogs().At(0).LogRecords().AppendEmpty()
			lr.SetEventName(kind)
			lr.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
			lr.SetSeverityNumber(plog.SeverityNumberError)
			lr.Body().SetStr(kind + " of " + tenant)
			lr.Attributes().PutStr("datadog.check.name", "up")
		}
	}
	return d
}

// gaugesOf has a gauge with two data points, of which the second is a service check.
func gaugesOf(tenant string) pmetric.Metrics {
	d := pmetric.NewMetrics()
	rm := d.ResourceMetrics().AppendEmpty()
	mark(rm.Resource().Attributes(), tenant)
	rm.Resource().Attributes().PutStr("host.name", "host-of-"+tenant)
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("shop.up")
	points := m.SetEmptyGauge().DataPoints()
	for i := range 2 {
		p := points.AppendEmpty()
		p.SetIntValue(int64(i))
		p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		p.Attributes().PutInt("number", int64(i))
		if i == 1 {
			p.Attributes().PutStr("datadog.type", "service_check")
			p.Attributes().PutStr("datadog.check.message", "slow")
		}
	}
	return d
}

// arrivals are the bodies by path.
func arrivals(t *testing.T, d *datadog, n int) map[string]string {
	t.Helper()
	bodies := map[string]string{}
	for _, r := range d.await(t, n) {
		bodies[r.path] += r.body
	}
	return bodies
}

func eachBook(t *testing.T, tel *componenttest.Telemetry, want map[string]string) {
	t.Helper()
	for _, signal := range []string{"metrics", "logs", "events", "service_checks"} {
		if got := booksOf(t, tel, signal); got != want[signal] {
			t.Errorf("the books of %s say %q, want %q", signal, got, want[signal])
		}
	}
}

func TestALogRecordBecomesWhatItSaysItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		inLogs []string // which of the three are logs
		books  map[string]string
	}{
		"as usual": {func(*Config) {}, []string{"hello"},
			map[string]string{"logs": "accepted 1 delivered 1", "events": "accepted 1 delivered 1", "service_checks": "accepted 1 delivered 1"}},
		"kept as logs besides": {func(c *Config) { c.Events.KeepLog, c.ServiceChecks.KeepLog = true, true }, []string{"hello", "datadog.event of", "datadog.service_check of"},
			map[string]string{"logs": "accepted 3 delivered 3", "events": "accepted 1 delivered 1", "service_checks": "accepted 1 delivered 1"}},
		"one kept": {func(c *Config) { c.Events.KeepLog = true }, []string{"hello", "datadog.event of"},
			map[string]string{"logs": "accepted 2 delivered 2", "events": "accepted 1 delivered 1", "service_checks": "accepted 1 delivered 1"}},
		"switched off": {func(c *Config) { c.Events.Enabled, c.ServiceChecks.Enabled = false, false }, []string{"hello", "datadog.event of", "datadog.service_check of"},
			map[string]string{"logs": "accepted 3 delivered 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, h := twoSites(t)
			cfg := d.config()
			c.change(cfg)
			set, tel := settings(t)
			e, err := createLogs(context.Background(), set, cfg)
			e = run(t, e, err, h)
			if err := e.ConsumeLogs(context.Background(), kindsOf("acme")); err != nil {
				t.Fatal(err)
			}
			got := arrivals(t, d, len(c.books))
			for _, text := range []string{"hello", "datadog.event of", "datadog.service_check of"} {
				if strings.Contains(got["/api/v2/logs"], text) != slices.Contains(c.inLogs, text) {
					t.Errorf("logs: %s", got["/api/v2/logs"])
				}
			}
			if len(c.books) > 1 {
				if body := got["/api/v1/events"]; !strings.HasPrefix(body, `{"title":"datadog.event of acme",`) || !strings.Contains(body, "service:service-of-acme") {
					t.Errorf("event: %s", body)
				}
				if body := got["/api/v1/check_run"]; !strings.HasPrefix(body, `[{"check":"up","host_name":"host-of-acme","status":2,`) || !strings.HasSuffix(body, "}]") {
					t.Errorf("check: %s", body)
				}
			}
			if err := e.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			eachBook(t, tel, c.books)
		})
	}
}

func TestADataPointBecomesAServiceCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		points int // in the series
		books  map[string]string
	}{
		"as usual":     {func(*Config) {}, 1, map[string]string{"metrics": "accepted 1 delivered 1", "service_checks": "accepted 1 delivered 1"}},
		"kept besides": {func(c *Config) { c.ServiceChecks.KeepMetric = true }, 2, map[string]string{"metrics": "accepted 2 delivered 2", "service_checks": "accepted 1 delivered 1"}},
		"switched off": {func(c *Config) { c.ServiceChecks.Enabled = false }, 2, map[string]string{"metrics": "accepted 2 delivered 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, h := twoSites(t)
			cfg := d.config()
			c.change(cfg)
			set, tel := settings(t)
			e, err := createMetrics(context.Background(), set, cfg)
			e = run(t, e, err, h)
			if err := e.ConsumeMetrics(context.Background(), gaugesOf("acme")); err != nil {
				t.Fatal(err)
			}
			got := arrivals(t, d, len(c.books))
			series := got["/api/v2/series"]
			if n := strings.Count(series, "shop.up"); n != c.points {
				t.Errorf("%d series", n)
			}
			if !strings.Contains(series, "number:0") || strings.Contains(series, "datadog.") != (name == "switched off") {
				t.Errorf("series %q", series)
			}
			if check := got["/api/v1/check_run"]; len(c.books) > 1 && (!strings.Contains(check, `"check":"shop.up","host_name":"host-of-acme","status":1,`) ||
				!strings.Contains(check, `"message":"slow","tags":["service:service-of-acme","number:1"]`)) {
				t.Errorf("check: %s", check)
			}
			if err := e.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			eachBook(t, tel, c.books)
		})
	}
}

// TestEachOutputHasItsOwnFate has an intake for events that is down, and one for logs that works.
func TestEachOutputHasItsOwnFate(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	cfg := d.config()
	cfg.Events.KeepLog = true
	d.answers(func(r received, _ http.Header) int {
		if r.path == "/api/v1/events" {
			return http.StatusBadGateway
		}
		return http.StatusAccepted
	})
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	if err := e.ConsumeLogs(context.Background(), kindsOf("acme")); err != nil {
		t.Fatal(err)
	}
	got := arrivals(t, d, 2)
	if got["/api/v2/logs"] == "" || got["/api/v1/check_run"] == "" {
		t.Errorf("arrived %v", got)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	eachBook(t, tel, map[string]string{"logs": "accepted 2 delivered 2", "events": "accepted 1 outcome_unknown 1", "service_checks": "accepted 1 delivered 1"})
}

// TestAQueueThatRefusesMakesNoEvent gives the call back whole, and counts nothing until it is taken.
func TestAQueueThatRefusesMakesNoEvent(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	created, err := createLogs(context.Background(), set, d.config())
	e := run(t, created, err, h).(*logsExporter)
	next, refuse := e.next.consume, true
	e.next.consume = func(ctx context.Context, data plog.Logs) error {
		if refuse {
			return exporterhelper.ErrQueueIsFull
		}
		return next(ctx, data)
	}
	err = e.ConsumeLogs(context.Background(), kindsOf("acme"))
	var left consumererror.Logs
	if !errors.As(err, &left) || left.Data().LogRecordCount() != 3 {
		t.Fatal(err)
	}
	eachBook(t, tel, nil)
	refuse = false
	if err := e.ConsumeLogs(context.Background(), left.Data()); err != nil {
		t.Fatal(err)
	}
	d.await(t, 3)
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	eachBook(t, tel, map[string]string{"logs": "accepted 1 delivered 1", "events": "accepted 1 delivered 1", "service_checks": "accepted 1 delivered 1"})
}

// TestOldItemsExpireByTheWindowOfTheirIntake has a log, an event and a service check of the same age.
func TestOldItemsExpireByTheWindowOfTheirIntake(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	cfg := d.config()
	cfg.Logs.MaxAge = 0
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	for _, age := range []time.Duration{8 * time.Minute, 11 * time.Minute, 17 * time.Hour, 18*time.Hour - time.Minute} {
		data := kindsOf("acme")
		for _, lr := range data.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			lr.SetTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-age)))
		}
		if err := e.ConsumeLogs(context.Background(), data); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	eachBook(t, tel, map[string]string{"logs": "accepted 4 delivered 4", "events": "accepted 4 delivered 3 expired 1", "service_checks": "accepted 4 delivered 1 expired 3"})
}

// TestParkedEventsAreCountedAsSuch pauses a tenant.
func TestParkedEventsAreCountedAsSuch(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	storageID := component.MustNewID("test_storage")
	h.extensions[storageID] = newStorage()
	cfg := d.config()
	cfg.Queue.Get().StorageID = &storageID
	h.grants.Fail("acme", credential.ErrPaused)
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	if err := e.ConsumeLogs(context.Background(), kindsOf("acme", "globex")); err != nil {
		t.Fatal(err)
	}
	d.await(t, 3) // of globex
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.grants.Grant("acme", eu, euKey, 1, false)
	set, again := settings(t)
	e, err = createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	d.await(t, 3)
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, signal := range []string{"logs", "events", "service_checks"} {
		if n := counted(t, tel, "parked_items", signal, ""); n != 1 {
			t.Errorf("%d %s were parked", n, signal)
		}
		if got := booksOf(t, tel, signal) + ", " + booksOf(t, again, signal); got != "accepted 2 delivered 1, restored 1 delivered 1" {
			t.Errorf("the books of %s say %q", signal, got)
		}
	}
}

// TestIncidentsNeedAJournal has a holder of grants that keeps none.
func TestIncidentsNeedAJournal(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	cfg := d.config()
	cfg.Incidents.Enabled = true
	set, _ := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(context.Background(), h); err == nil || !strings.Contains(err.Error(), "incidents::enabled: extension \"datadogoauth\" keeps no journal") {
		t.Errorf("got %v", err)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestIncidentsAreLogsUntilTheyAreEnabled has the default configuration.
func TestIncidentsAreLogsUntilTheyAreEnabled(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, d.config())
	e = run(t, e, err, h)
	data := logsOf("acme")
	data.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).SetEventName("datadog.incident")
	if err := e.ConsumeLogs(context.Background(), data); err != nil {
		t.Fatal(err)
	}
	if got := arrivals(t, d, 1); !strings.Contains(got["/api/v2/logs"], "hello from acme") {
		t.Errorf("arrived %v", got)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	eachBook(t, tel, map[string]string{"logs": "accepted 1 delivered 1"})
}
