package datadogoauthexporter

import (
	"context"
	"errors"
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
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// mixed is a logs exporter whose queue refuses what is acme's while refusing is true.
type mixed struct {
	*logsExporter
	world    *datadog
	host     *host
	tel      *componenttest.Telemetry
	refusing bool
}

func newMixed(t *testing.T, change func(*Config, *host)) *mixed {
	t.Helper()
	m := &mixed{refusing: true}
	m.world, m.host = twoSites(t)
	cfg := m.world.config()
	if change != nil {
		change(cfg, m.host)
	}
	set, tel := settings(t)
	m.tel = tel
	created, err := createLogs(context.Background(), set, cfg)
	m.logsExporter = run(t, created, err, m.host).(*logsExporter)
	next := m.next.consume
	m.next.consume = func(ctx context.Context, data plog.Logs) error {
		if m.refusing && ctx.Value(handoverKey{}).(*handover).req.Tenant == "acme" {
			return exporterhelper.ErrQueueIsFull
		}
		return next(ctx, data)
	}
	return m
}

// send does what an SDK does: after an error that is not permanent it sends all of the call again.
func (m *mixed) send(tenants ...string) (err error) {
	for range 5 {
		if err = m.ConsumeLogs(context.Background(), logsOf(tenants...)); err == nil || consumererror.IsPermanent(err) {
			return err
		}
	}
	return err
}

// arrived are the logs at each site once the exporter was stopped.
func (m *mixed) arrived(t *testing.T) map[string]int {
	t.Helper()
	if err := m.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	logs := map[string]int{}
	for len(m.world.got) > 0 {
		r := <-m.world.got
		logs[r.site] += strings.Count(r.body, "hello from")
	}
	return logs
}

// TestARefusedShareDoesNotRepeatTheOthers has calls of two tenants, of which the queue takes one's data and not the other's.
func TestARefusedShareDoesNotRepeatTheOthers(t *testing.T) {
	t.Parallel()
	m := newMixed(t, nil)
	if err := m.send("acme", "globex"); err != nil {
		t.Fatal(err)
	}
	m.refusing = false // the stop offers to the queue what is parked
	if got := m.arrived(t); got[us5] != 1 || got[eu] != 1 {
		t.Errorf("%v arrived", got)
	}
	figures(t, m.tel, "accepted 2 delivered 2")
	if n := counted(t, m.tel, "refused_items", "logs", "queue_full"); n != 0 {
		t.Errorf("%d items were given back", n)
	}
}

// TestARefusedShareThatThereIsNoRoomForIsDropped and counted.
func TestARefusedShareThatThereIsNoRoomForIsDropped(t *testing.T) {
	t.Parallel()
	m := newMixed(t, func(cfg *Config, _ *host) { cfg.Parking.MaxBytesPerTenant, cfg.Parking.MaxBytes = 10, 10 })
	if err := m.send("acme", "globex"); err != nil {
		t.Fatal(err)
	}
	if got := m.arrived(t); got[us5] != 1 || got[eu] != 0 {
		t.Errorf("%v arrived", got)
	}
	figures(t, m.tel, "accepted 2 delivered 1 park_full 1")
}

// TestACallOfWhichNothingIsTakenIsRefused, so that its sender sends it again.
func TestACallOfWhichNothingIsTakenIsRefused(t *testing.T) {
	t.Parallel()
	m := newMixed(t, nil)
	if err := m.send("acme", "stranger"); err == nil || consumererror.IsPermanent(err) {
		t.Fatalf("got %v", err)
	}
	m.refusing = false
	if err := m.send("acme"); err != nil {
		t.Fatal(err)
	}
	if got := m.arrived(t); got[eu] != 1 {
		t.Errorf("%v arrived", got)
	}
	figures(t, m.tel, "accepted 6 delivered 1 unknown_tenant 5")
}

// TestARefusedShareIsGivenBackWhereNothingKeepsIt has a storage that takes nothing more: what is in memory alone would not survive a crash.
func TestARefusedShareIsGivenBackWhereNothingKeepsIt(t *testing.T) {
	t.Parallel()
	disk := newStorage()
	m := newMixed(t, func(cfg *Config, h *host) {
		id := component.MustNewID("test_storage")
		h.extensions[id], cfg.Queue.Get().StorageID = disk, &id
	})
	disk.mu.Lock()
	disk.full = fileParking + "_logs"
	disk.mu.Unlock()
	err := m.ConsumeLogs(context.Background(), logsOf("acme", "globex"))
	var left consumererror.Logs
	if !errors.As(err, &left) || left.Data().ResourceLogs().Len() != 1 {
		t.Fatalf("got %v", err)
	}
}

// TestACallThatIsStoredInPartIsRefused has a queue that takes logs and refuses the event beside them, and a park that cannot be written: were the call
// acknowledged, a kill would lose the event. What was stored comes twice, and the other tenant's data, which was stored whole, is not given back.
func TestACallThatIsStoredInPartIsRefused(t *testing.T) {
	t.Parallel()
	disk := newStorage()
	m := newMixed(t, func(cfg *Config, h *host) {
		id := component.MustNewID("test_storage")
		h.extensions[id], cfg.Queue.Get().StorageID = disk, &id
	})
	next, broken := m.next.consume, true
	m.refusing = false
	m.next.consume = func(ctx context.Context, data plog.Logs) error {
		if r := ctx.Value(handoverKey{}).(*handover).req; broken && r.Tenant == "acme" && r.Family == intake.Events {
			return exporterhelper.ErrQueueIsFull
		}
		return next(ctx, data)
	}
	breakPark := func(name string) {
		disk.mu.Lock()
		defer disk.mu.Unlock()
		disk.full = name
	}
	breakPark(fileParking + "_logs")
	err := m.ConsumeLogs(context.Background(), kindsOf("globex", "acme"))
	var left consumererror.Logs
	if !errors.As(err, &left) || left.Data().ResourceLogs().Len() != 1 || left.Data().LogRecordCount() != 3 || !errors.Is(err, errInPart) {
		t.Fatalf("got %v", err)
	}
	if items, _ := m.parked(); items != 0 || disk.count(fileParking) != 0 {
		t.Errorf("%d items are parked", items)
	}
	broken = false
	breakPark("")
	if err := m.ConsumeLogs(context.Background(), left.Data()); err != nil {
		t.Fatal(err)
	}
	logs := map[string]int{}
	for others := 0; logs[eu]+logs[us5] < 3 || others < 4; { // two events and two checks
		r := m.world.await(t, 1)[0]
		if r.path == "/api/v2/logs" {
			logs[r.site] += strings.Count(r.body, "hello from")
		} else {
			others++
		}
	}
	if err := m.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if logs[eu] != 2 || logs[us5] != 1 {
		t.Errorf("%v logs arrived", logs)
	}
	eachBook(t, m.tel, map[string]string{"logs": "accepted 3 delivered 3", "events": "accepted 2 delivered 2", "service_checks": "accepted 2 delivered 2"})
	if n := counted(t, m.tel, "refused_items", "logs", "storage"); n != 3 {
		t.Errorf("%d items were given back", n)
	}
}

// TestAnIncreaseThatIsStoredInPartIsCountedOnce gives back a call whose increase is in the queue and whose histogram is nowhere. When it comes again, the increase has
// the value and the second that it had, so that Datadog keeps one of them.
func TestAnIncreaseThatIsStoredInPartIsCountedOnce(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	disk, id := newStorage(), component.MustNewID("test_storage")
	h.extensions[id] = disk
	cfg := d.config()
	cfg.Queue.Get().StorageID = &id
	set, tel := settings(t)
	created, err := createMetrics(context.Background(), set, cfg)
	e := run(t, created, err, h).(*metricsExporter)
	next, broken := e.next.consume, false
	e.next.consume = func(ctx context.Context, data pmetric.Metrics) error {
		if broken && ctx.Value(handoverKey{}).(*handover).req.Family == intake.Sketches {
			return exporterhelper.ErrQueueIsFull
		}
		return next(ctx, data)
	}
	begin := time.Now().Add(-3 * time.Minute)
	call := func(minute int, total int64) pmetric.Metrics {
		at := begin.Add(time.Duration(minute) * time.Minute)
		data := requestsOf(at, total, "acme")
		withHistogram(data, begin.Add(-time.Minute), at, uint64(total))
		return data
	}
	if err := e.ConsumeMetrics(context.Background(), call(0, 100)); err != nil {
		t.Fatal(err)
	}
	disk.mu.Lock()
	disk.full = fileParking + "_metrics"
	disk.mu.Unlock()
	broken = true
	if err := e.ConsumeMetrics(context.Background(), call(1, 107)); !errors.Is(err, errInPart) {
		t.Fatalf("got %v", err)
	}
	first := d.await(t, 1)[0]
	broken = false
	if err := e.ConsumeMetrics(context.Background(), call(1, 107)); err != nil {
		t.Fatal(err)
	}
	sketches := 0
	for _, r := range d.await(t, 2) {
		switch r.path {
		case "/api/v2/series":
			if r.body != first.body || seriesSum(t, r.body) != 7 {
				t.Errorf("first %q, then %q", first.body, r.body)
			}
		default:
			sketches++
		}
	}
	if sketches != 1 {
		t.Errorf("%d bodies of sketches", sketches)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, "accepted 5 delivered 3 baseline 2")
}

// withHistogram adds a cumulative histogram of so many values to each resource.
func withHistogram(data pmetric.Metrics, start, at time.Time, count uint64) {
	for _, rm := range data.ResourceMetrics().All() {
		m := rm.ScopeMetrics().At(0).Metrics().AppendEmpty()
		m.SetName("shop.latency")
		hist := m.SetEmptyHistogram()
		hist.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := hist.DataPoints().AppendEmpty()
		p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		p.SetTimestamp(pcommon.NewTimestampFromTime(at))
		p.SetCount(count)
		p.SetSum(float64(count))
		p.ExplicitBounds().FromRaw([]float64{2})
		p.BucketCounts().FromRaw([]uint64{count, 0})
	}
}

// TestATenantThatIsNotKnownYetIsGivenBack though another one's data was taken: parked without an organisation it could go to a later one.
func TestATenantThatIsNotKnownYetIsGivenBack(t *testing.T) {
	t.Parallel()
	m := newMixed(t, nil)
	m.refusing = false
	m.host.grants.Fail("acme", credential.ErrNotReady)
	err := m.ConsumeLogs(context.Background(), logsOf("acme", "globex"))
	var left consumererror.Logs
	if !errors.As(err, &left) || left.Data().ResourceLogs().Len() != 1 || !errors.Is(err, credential.ErrNotReady) {
		t.Fatalf("got %v", err)
	}
	if items, _ := m.parked(); items != 0 {
		t.Errorf("%d items are parked", items)
	}
}

// TestARefusedShareKeepsItsDifferences has a cumulative counter whose increase was refused in a call of two tenants, and parked.
func TestARefusedShareKeepsItsDifferences(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	created, err := createMetrics(context.Background(), set, d.config())
	e := run(t, created, err, h).(*metricsExporter)
	next, refusing := e.next.consume, false
	e.next.consume = func(ctx context.Context, data pmetric.Metrics) error {
		if refusing && ctx.Value(handoverKey{}).(*handover).req.Tenant == "acme" {
			return exporterhelper.ErrQueueIsFull
		}
		return next(ctx, data)
	}
	begin := time.Now().Add(-3 * time.Minute)
	for i, value := range []int64{100, 107, 110} {
		refusing = i == 1
		if err := e.ConsumeMetrics(context.Background(), requestsOf(begin.Add(time.Duration(i)*time.Minute), value, "acme", "globex")); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	sums := map[string]float64{}
	for len(d.got) > 0 {
		r := <-d.got
		sums[r.site] += seriesSum(t, r.body)
	}
	if sums[eu] != 10 || sums[us5] != 10 {
		t.Fatalf("arrived %v, want 10 at each", sums)
	}
	figures(t, tel, "accepted 6 delivered 4 baseline 2")
}
