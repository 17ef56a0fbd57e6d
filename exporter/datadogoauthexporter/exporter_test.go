package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

const (
	eu, us5 = "datadoghq.eu", "us5.datadoghq.com"
	euKey   = "eu-key-0123456789abcdef"
	us5Key  = "us5-key-0123456789abcdef"
)

// twoSites has acme in Europe and globex on US5.
func twoSites(t testing.TB) (*datadog, *host) {
	t.Helper()
	d := newDatadog(t, map[string]string{eu: euKey, us5: us5Key})
	h := newHost()
	h.grants.Grant("acme", eu, euKey, 1, false)
	h.grants.Grant("globex", us5, us5Key, 1, false)
	return d, h
}

func TestEachTenantGetsItsOwnDataAtItsOwnSite(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, _ := settings(t)
	ctx := context.Background()
	m, err := createMetrics(ctx, set, d.config())
	m = run(t, m, err, h)
	l, err := createLogs(ctx, set, d.config())
	l = run(t, l, err, h)
	tr, err := createTraces(ctx, set, d.config())
	tr = run(t, tr, err, h)
	if err := errors.Join(
		m.ConsumeMetrics(ctx, metricsOf("acme", "globex")),
		l.ConsumeLogs(ctx, logsOf("acme", "globex")),
		tr.ConsumeTraces(ctx, tracesOf("acme", "globex")),
	); err != nil {
		t.Fatal(err)
	}
	paths := map[string]int{}
	for _, r := range d.await(t, 8) { // series, sketches, logs and traces of each
		paths[r.site+r.path]++
		own, others := "acme", "globex"
		if r.site == us5 {
			own, others = others, own
		}
		if !strings.Contains(r.body, own) || strings.Contains(r.body, others) || strings.Contains(r.body, tenancy.Attribute) {
			t.Errorf("%s%s got %q", r.site, r.path, r.body)
		}
	}
	for _, site := range []string{eu, us5} {
		for _, path := range []string{"/api/v2/series", "/api/beta/sketches", "/api/v2/logs", "/api/v0.2/traces"} {
			if paths[site+path] != 1 {
				t.Errorf("%s%s: %d requests", site, path, paths[site+path])
			}
		}
	}
}

func TestTroubleOfOneTenantIsNotTheOthers(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	h.grants.Fail("acme", credential.ErrNotReady)
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, d.config())
	e = run(t, e, err, h)

	if err := e.ConsumeLogs(context.Background(), logsOf("globex")); err != nil {
		t.Fatal(err)
	}
	err = e.ConsumeLogs(context.Background(), logsOf("acme", "stranger"))
	var left consumererror.Logs
	if !errors.As(err, &left) || consumererror.IsPermanent(err) {
		t.Fatalf("got %v", err)
	}
	resources := left.Data().ResourceLogs()
	if resources.Len() != 1 {
		t.Fatalf("%d resources are to be sent again", resources.Len())
	}
	if v, _ := resources.At(0).Resource().Attributes().Get(tenancy.Attribute); v.Str() != "acme" {
		t.Fatalf("given back without its tenant: %v", resources.At(0).Resource().Attributes().AsRaw())
	}
	if r := d.await(t, 1)[0]; r.site != us5 || !strings.Contains(r.body, "globex") {
		t.Fatalf("got %+v", r)
	}
	h.grants.Grant("acme", eu, euKey, 1, false)
	if err := e.ConsumeLogs(context.Background(), left.Data()); err != nil {
		t.Fatal(err)
	}
	if r := d.await(t, 1)[0]; r.site != eu {
		t.Fatalf("got %+v", r)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, "accepted 3 delivered 2 unknown_tenant 1")
}

func TestOnlyRefusedDataIsAPermanentError(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	cfg := d.config()
	cfg.Tenant.Fixed = "acme"
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	if err := e.ConsumeLogs(context.Background(), logsOf("globex")); !consumererror.IsPermanent(err) {
		t.Fatalf("got %v", err)
	}
	if err := e.ConsumeLogs(context.Background(), logsOf("globex", "acme")); err != nil {
		t.Fatal(err)
	}
	if r := d.await(t, 1)[0]; r.site != eu || strings.Contains(r.body, "globex") {
		t.Fatalf("got %+v", r)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, "accepted 3 delivered 1 tenant_conflict 2")
}

// TestAQueueThatRefusesLeavesNoTrace counts a cumulative counter through a queue that refuses once.
func TestAQueueThatRefusesLeavesNoTrace(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	created, err := createMetrics(context.Background(), set, d.config())
	e := run(t, created, err, h).(*metricsExporter)
	begin := time.Now().Add(-3 * time.Minute)
	consume := func(at time.Duration, value int64) error {
		return e.ConsumeMetrics(context.Background(), requestsOf(begin.Add(at), value, "acme", "globex"))
	}
	if err := consume(0, 100); err != nil { // the base of later differences
		t.Fatal(err)
	}

	next := e.next.consume
	e.next.consume = func(context.Context, pmetric.Metrics) error {
		return exporterhelper.ErrQueueIsFull
	}
	err = consume(time.Minute, 107)
	var left consumererror.Metrics
	if !errors.As(err, &left) || left.Data().ResourceMetrics().Len() != 2 {
		t.Fatalf("got %v", err)
	}
	e.next.consume = next
	if err := e.ConsumeMetrics(context.Background(), left.Data()); err != nil {
		t.Fatal(err)
	}
	if err := consume(2*time.Minute, 110); err != nil {
		t.Fatal(err)
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

// seriesSum adds up the values of all points of a MetricPayload: series (1) → points (4) → value (1).
func seriesSum(t *testing.T, body string) float64 {
	t.Helper()
	sum := 0.0
	fields(t, []byte(body), 1, func(series []byte) {
		fields(t, series, 4, func(point []byte) {
			for len(point) > 0 {
				num, typ, n := protowire.ConsumeTag(point)
				point = point[n:]
				if num == 1 && typ == protowire.Fixed64Type {
					bits, _ := protowire.ConsumeFixed64(point)
					sum += math.Float64frombits(bits)
				}
				point = point[protowire.ConsumeFieldValue(num, typ, point):]
			}
		})
	})
	return sum
}

func fields(t *testing.T, message []byte, want protowire.Number, yield func([]byte)) {
	t.Helper()
	for len(message) > 0 {
		num, typ, n := protowire.ConsumeTag(message)
		if n < 0 {
			t.Fatal("not a protobuf message")
		}
		message = message[n:]
		n = protowire.ConsumeFieldValue(num, typ, message)
		if n < 0 {
			t.Fatal("not a protobuf message")
		}
		if num == want {
			value, _ := protowire.ConsumeBytes(message)
			yield(value)
		}
		message = message[n:]
	}
}

// TestAHalfAcceptedShareIsNotSentTwice lets the queue take the series of a tenant and refuse its sketches.
func TestAHalfAcceptedShareIsNotSentTwice(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	created, err := createMetrics(context.Background(), set, d.config())
	e := run(t, created, err, h).(*metricsExporter)
	next, calls := e.next.consume, 0
	e.next.consume = func(ctx context.Context, data pmetric.Metrics) error {
		if calls++; calls == 2 {
			return exporterhelper.ErrQueueIsFull
		}
		return next(ctx, data)
	}
	if err := e.ConsumeMetrics(context.Background(), metricsOf("acme")); err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	for _, r := range d.await(t, 2) {
		paths[r.path] = true
	}
	if !paths["/api/v2/series"] || !paths["/api/beta/sketches"] {
		t.Fatalf("arrived %v", paths)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, "accepted 2 delivered 2")
}

func TestARefusedKeyParksUntilThereIsAnother(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, d.config())
	e = run(t, e, err, h)
	d.accept(eu, "the-next-key")
	for range 3 {
		if err := e.ConsumeLogs(context.Background(), logsOf("acme", "globex")); err != nil {
			t.Fatal(err)
		}
		d.await(t, 1) // globex goes on
	}
	for h.grants.RefusedGeneration("acme") == 0 {
		<-h.grants.Changes()
	}
	h.grants.Grant("acme", eu, "the-next-key", 2, false)
	for n := 0; n < 3; {
		n += strings.Count(d.await(t, 1)[0].body, "hello from acme")
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, "accepted 6 delivered 6")
}

func TestTransientTroubleIsRetried(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	e, err := createTraces(context.Background(), set, d.config())
	e = run(t, e, err, h)
	var mu sync.Mutex
	statuses := []int{http.StatusTooManyRequests, http.StatusBadGateway}
	d.answers(func(r received, header http.Header) int {
		mu.Lock()
		defer mu.Unlock()
		if r.site != eu || len(statuses) == 0 {
			return http.StatusAccepted
		}
		status := statuses[0]
		statuses = statuses[1:]
		return status
	})
	if err := e.ConsumeTraces(context.Background(), tracesOf("acme")); err != nil {
		t.Fatal(err)
	}
	d.await(t, 1)
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, "accepted 1 delivered 1")
}

// TestADurableQueueKeepsParkedData stops a collector whose tenant is paused, and starts another on the same storage.
func TestADurableQueueKeepsParkedData(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	storageID := component.MustNewID("test_storage")
	h.extensions[storageID] = newStorage()
	h.grants.Fail("acme", credential.ErrPaused)
	cfg := d.config()
	cfg.Queue.Get().StorageID = &storageID
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	for range 2 {
		if err := e.ConsumeLogs(context.Background(), logsOf("acme", "globex")); err != nil {
			t.Fatal(err)
		}
		d.await(t, 1)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figuresKept(t, tel, e.(*logsExporter).core, "", "accepted 4 delivered 2", 2)

	h.grants.Grant("acme", eu, euKey, 1, false)
	set, tel = settings(t)
	again, err := createLogs(context.Background(), set, cfg)
	again = run(t, again, err, h)
	for n := 0; n < 2; {
		n += strings.Count(d.await(t, 1)[0].body, "hello from acme")
	}
	if err := again.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, "restored 2 delivered 2")
}

// TestAStopWithTheRetryBudgetSpentLosesNothing has an intake that is down, at a moment when exporterhelper's retry would give up.
func TestAStopWithTheRetryBudgetSpentLosesNothing(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	storageID := component.MustNewID("test_storage")
	h.extensions[storageID] = newStorage()
	cfg := d.config()
	cfg.Queue.Get().StorageID = &storageID
	cfg.Retry.MaxElapsedTime = time.Millisecond
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	d.answers(func(received, http.Header) int {
		once.Do(func() { close(arrived) })
		<-release
		return http.StatusServiceUnavailable
	})
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	if err := e.ConsumeLogs(context.Background(), logsOf("acme")); err != nil {
		t.Fatal(err)
	}
	<-arrived
	stopped := make(chan error)
	go func() { stopped <- e.Shutdown(context.Background()) }()
	<-e.(*logsExporter).dispatcher.Load().Stopped()
	close(release)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	figuresKept(t, tel, e.(*logsExporter).core, "", "accepted 1", 1)

	d.answers(nil)
	set, tel = settings(t)
	again, err := createLogs(context.Background(), set, cfg)
	again = run(t, again, err, h)
	d.await(t, 1)
	if err := again.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, "restored 1 delivered 1")
}

// TestABurstIsDelivered sends to an intake that is slow but works, with a park for a few requests, as a client that repeats what is refused.
func TestABurstIsDelivered(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	cfg := d.config()
	cfg.Queue.Get().Batch.Get().MinSize = 0
	cfg.Parking.MaxBytesPerTenant = 1000
	d.answers(func(received, http.Header) int {
		time.Sleep(5 * time.Millisecond) // the intake's work
		return http.StatusAccepted
	})
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	for range 100 {
		for err := e.ConsumeLogs(context.Background(), logsOf("acme")); err != nil; err = e.ConsumeLogs(context.Background(), logsOf("acme")) {
			if consumererror.IsPermanent(err) {
				t.Fatal(err)
			}
			d.await(t, 1)
		}
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, "accepted 100 delivered 100")
}

// TestACallLargerThanTheQueueIsDivided sends five times what the queue holds in one call, and one record that is larger than the queue.
func TestACallLargerThanTheQueueIsDivided(t *testing.T) {
	t.Parallel()
	const queueBytes, records = 20_000, 200
	d, h := twoSites(t)
	cfg := d.config()
	queue := cfg.Queue.Get()
	queue.QueueSize = queueBytes
	batch := queue.Batch.Get()
	batch.MinSize, batch.MaxSize = 1000, queueBytes
	set, tel := settings(t)
	created, err := createLogs(context.Background(), set, cfg)
	e := run(t, created, err, h)
	data := logsOf("acme")
	of := data.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	first := of.At(0)
	for i := 1; i < records; i++ {
		r := of.AppendEmpty()
		first.CopyTo(r)
		r.Body().SetStr(fmt.Sprintf("record %d %s", i, strings.Repeat("x", 400)))
	}
	of.At(records / 2).Body().SetStr(strings.Repeat("y", queueBytes))
	if err := e.ConsumeLogs(context.Background(), data); err != nil {
		t.Fatal(err)
	}
	for seen := map[string]bool{}; len(seen) < records-2; {
		for _, r := range d.await(t, 1) {
			for i := range records {
				if name := fmt.Sprintf("record %d ", i); strings.Contains(r.body, name) {
					if seen[name] {
						t.Fatalf("%q arrived twice", name)
					}
					seen[name] = true
				}
			}
		}
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, fmt.Sprintf("accepted %d delivered %d too_large 1", records, records-1))
}

func TestForeignBytesInTheStorageAreCounted(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	storageID := component.MustNewID("test_storage")
	shelf := newStorage()
	h.extensions[storageID] = shelf
	cfg := d.config()
	cfg.Queue.Get().StorageID = &storageID
	shelf.fill("foreign")
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	if err := e.ConsumeLogs(context.Background(), logsOf("acme")); err != nil {
		t.Fatal(err)
	}
	d.await(t, 1)
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, "accepted 1 restored 1 delivered 1 unreadable 1")
}

func TestStartNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		host component.Host
		want string
	}{
		"no extension":           {componenttest.NewNopHost(), `no extension "datadogoauth" runs`},
		"an extension of others": {&host{extensions: map[component.ID]component.Component{component.MustNewID("datadogoauth"): newStorage()}}, "holds no customers' grants"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, _ := settings(t)
			e, err := createLogs(context.Background(), set, createDefaultConfig())
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Start(context.Background(), c.host); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if err := e.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			if err := e.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// endless is a part of the collector that does not end.
type endless struct {
	component.StartFunc
	until chan struct{}
}

func (e endless) Shutdown(context.Context) error {
	<-e.until
	return nil
}

func TestAStopDoesNotWaitForABatcherThatIsStuck(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, _ := settings(t)
	created, err := createLogs(context.Background(), set, d.config())
	e := run(t, created, err, h).(*logsExporter)
	stuck := endless{until: make(chan struct{})}
	defer close(stuck.until)
	if err := e.shutdown(context.Background(), stuck, e.dispatcher.Load(), 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	quick := endless{until: make(chan struct{})}
	close(quick.until)
	if err := e.shutdown(context.Background(), quick, e.dispatcher.Load(), time.Hour); err != nil {
		t.Fatal(err)
	}
}
