package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
)

// waiting says nil once so many items are parked and queued.
func waiting(parking, queued int) func(balance.Account) error {
	return func(a balance.Account) error {
		if a.Parking != parking || a.Queued != queued {
			return fmt.Errorf("%d are to be parked and %d queued: %s", parking, queued, a)
		}
		return nil
	}
}

// hangs lets every request hang until the end, and then answers it.
func hangs(d *datadog, status int, arrives func()) (end func()) {
	hang := make(chan struct{})
	d.answers(func(received, http.Header) int {
		arrives()
		<-hang
		return status
	})
	return sync.OnceFunc(func() { close(hang) })
}

// TestTheBooksBalanceInTheMiddleOfFaults looks at each fault while it lasts.
func TestTheBooksBalanceInTheMiddleOfFaults(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	cfg := d.config()
	cfg.Queue.Get().QueueSize = 20_000
	cfg.Queue.Get().Batch.Get().MinSize, cfg.Queue.Get().Batch.Get().MaxSize = 1000, 20_000
	cfg.MaxQueueSharePerTenant = 1
	cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = time.Millisecond, 2*time.Millisecond
	set, tel := settings(t)
	created, err := createLogs(context.Background(), set, cfg)
	e := run(t, created, err, h)
	var accepted, refused int
	send := func(tenants ...string) error {
		err := e.ConsumeLogs(context.Background(), logsOf(tenants...))
		if err == nil {
			accepted += len(tenants)
		}
		return err
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	all := func(a balance.Account) error {
		if a.Accepted != accepted {
			return fmt.Errorf("%d were taken: %s", accepted, a)
		}
		return nil
	}

	// 503: the first attempts are repeated, then the breaker opens and what comes is parked.
	var attempts atomic.Int64
	d.answers(func(received, http.Header) int { attempts.Add(1); return http.StatusServiceUnavailable })
	must(send("acme"))
	within(t, func() bool { return attempts.Load() > 0 })
	balanced(t, tel, "logs", all)
	for range 10 {
		must(send("acme", "globex"))
	}
	balanced(t, tel, "logs", func(a balance.Account) error { return errors.Join(all(a), waiting(accepted, 0)(a)) })

	// Redrive: what is parked hangs at the intake, and still counts as parked.
	hanging := make(chan struct{}, 1000)
	end := hangs(d, http.StatusAccepted, func() { hanging <- struct{}{} })
	defer func() { end() }()
	<-hanging
	balanced(t, tel, "logs", func(a balance.Account) error { return errors.Join(all(a), waiting(accepted, 0)(a)) })
	end()
	d.answers(nil)
	balanced(t, tel, "logs", func(a balance.Account) error { return errors.Join(all(a), waiting(0, 0)(a)) })

	// Full queue: all that hang at the intake, or wait for those, count as queued, and what is given back does not.
	end = hangs(d, http.StatusAccepted, func() {})
	for refused < 3 {
		if err := send("acme", "globex"); consumererror.IsPermanent(err) {
			t.Fatal(err)
		} else if err != nil {
			var again consumererror.Logs
			if !errors.As(err, &again) {
				t.Fatal(err)
			}
			refused++
			accepted += 2 - again.Data().LogRecordCount()
		}
	}
	b := balanced(t, tel, "logs", all)
	if b.Queued == 0 || b.GivenBack == 0 {
		t.Errorf("of a full queue: %s, given back %d", b, b.GivenBack)
	}
	end()
	d.answers(nil)
	balanced(t, tel, "logs", func(a balance.Account) error { return errors.Join(all(a), waiting(0, 0)(a)) })

	// Park: a tenant is paused, and then leaves.
	h.grants.Fail("acme", credential.ErrPaused)
	for range 5 {
		must(send("acme", "globex"))
	}
	b = balanced(t, tel, "logs", func(a balance.Account) error { return errors.Join(all(a), waiting(5, 0)(a)) })
	h.grants.Fail("acme", credential.ErrDisconnected)
	b2 := balanced(t, tel, "logs", func(a balance.Account) error { return errors.Join(all(a), waiting(0, 0)(a)) })
	if b2.Dropped["disconnected"] != b.Dropped["disconnected"]+5 {
		t.Errorf("of a tenant that left: %s", b2)
	}
}

// TestPartsAreSettledOneByOne has a request of several bodies, the second of which hangs, in the queue and from the park.
func TestPartsAreSettledOneByOne(t *testing.T) {
	t.Parallel()
	const records = 2500 // of logs, of which a body has 1,000
	d, h := twoSites(t)
	cfg := d.config()
	set, tel := settings(t)
	created, err := createLogs(context.Background(), set, cfg)
	e := run(t, created, err, h)
	send := func() {
		t.Helper()
		ld := logsOf("acme")
		of := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		for of.Len() < records {
			of.At(0).CopyTo(of.AppendEmpty())
		}
		if err := e.ConsumeLogs(context.Background(), ld); err != nil {
			t.Fatal(err)
		}
	}
	second := func() (end func()) {
		hang := make(chan struct{})
		var calls atomic.Int64
		d.answers(func(received, http.Header) int {
			if calls.Add(1) > 1 {
				<-hang
			}
			return http.StatusAccepted
		})
		return sync.OnceFunc(func() { close(hang) })
	}
	end := second()
	defer func() { end() }()
	send()
	balanced(t, tel, "logs", waiting(0, records-1000))
	end()
	balanced(t, tel, "logs", waiting(0, 0))

	h.grants.Fail("acme", credential.ErrPaused)
	send()
	balanced(t, tel, "logs", waiting(records, 0))
	end = second()
	h.grants.Grant("acme", eu, euKey, 1, false)
	balanced(t, tel, "logs", waiting(records-1000, 0))
	end()
	if a := balanced(t, tel, "logs", waiting(0, 0)); a.Delivered != 2*records {
		t.Error(a)
	}
}

// TestTheBooksBalanceAcrossRestarts stops exporters on one storage, and kills one: the next has the storage as it was while that one ran. Each finds
// what the one before left, in the queue and in the park, once, also where the queue itself stores it anew.
func TestTheBooksBalanceAcrossRestarts(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	storageID := component.MustNewID("test_storage")
	shelf := newStorage()
	h.extensions[storageID] = shelf
	cfg := d.config()
	cfg.Queue.Get().StorageID = &storageID
	next := func() (*logsExporter, func(func(balance.Account) error) balance.Account) {
		set, tel := settings(t)
		created, err := createLogs(context.Background(), set, cfg)
		return run(t, created, err, h).(*logsExporter), func(so func(balance.Account) error) balance.Account {
			t.Helper()
			return balanced(t, tel, "logs", so)
		}
	}
	send := func(e *logsExporter, tenants ...string) {
		t.Helper()
		if err := e.ConsumeLogs(context.Background(), logsOf(tenants...)); err != nil {
			t.Fatal(err)
		}
	}
	// acme is paused, so that its logs are parked. globex's intake hangs, so that its are with consumers.
	h.grants.Fail("acme", credential.ErrPaused)
	end := hangs(d, http.StatusServiceUnavailable, func() {})
	defer func() { end() }()
	first, books := next()
	for range 3 {
		send(first, "acme", "globex")
	}
	books(waiting(3, 3))
	within(t, func() bool { return shelf.count("parking_logs/body/") > 0 && shelf.count("logs/") == 4 }) // the queue has let go of what is parked
	killed := newStorage()
	shelf.mu.Lock()
	maps.Copy(killed.values, shelf.values)
	shelf.mu.Unlock()
	end()
	if err := first.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if items, _ := first.parked(); items+first.queued(intake.Logs) != 6 {
		t.Errorf("%d are parked and %d queued after an orderly stop", items, first.queued(intake.Logs))
	}

	for name, storage := range map[string]*memoryStorage{"a stop": shelf, "a kill": killed} {
		h.extensions[storageID] = storage
		end = hangs(d, http.StatusAccepted, func() {})
		second, books := next()
		a := books(func(a balance.Account) error {
			if a.Restored != 6 || a.Parking+a.Queued != 6 {
				return fmt.Errorf("after %s: %s", name, a)
			}
			return nil
		})
		if a.Accepted != 0 {
			t.Errorf("after %s: %s", name, a)
		}
		send(second, "globex")
		end()
		books(func(a balance.Account) error {
			if a.Delivered != 4 || a.Parking != 3 {
				return fmt.Errorf("after %s: %s", name, a)
			}
			return nil
		})
		if err := second.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		third, books := next()
		if a := books(waiting(3, 0)); a.Restored != 3 || a.Accepted != 0 {
			t.Errorf("the second restart after %s: %s", name, a)
		}
		if err := third.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheCollectorCountsParkedDataAsSent: that is how its own figures differ.
func TestTheCollectorCountsParkedDataAsSent(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	h.grants.Fail("acme", credential.ErrPaused)
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, d.config())
	e = run(t, e, err, h)
	if err := e.ConsumeLogs(context.Background(), logsOf("acme")); err != nil {
		t.Fatal(err)
	}
	if a := balanced(t, tel, "logs", waiting(1, 0)); a.Delivered != 0 {
		t.Error(a)
	}
	within(t, func() bool { return collectors(tel, "otelcol_exporter_sent_log_records") == 1 })
}

// collectors is a figure of exporterhelper's, -1 as long as there is none.
func collectors(tel *componenttest.Telemetry, name string) (n int64) {
	m, err := tel.GetMetric(name)
	if err != nil {
		return -1
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		n += p.Value
	}
	return n
}

// TestTheCollectorCountsWhatAStopKeepsAsFailed: it is in the storage, and arrives after the next start.
func TestTheCollectorCountsWhatAStopKeepsAsFailed(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	d.answers(func(received, http.Header) int { return http.StatusServiceUnavailable })
	h.extensions[shelfID] = newStorage()
	cfg := d.config()
	cfg.Queue.Get().StorageID = &shelfID
	cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = 20*time.Second, 20*time.Second // it is in back-off when the stop comes
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	if err := e.ConsumeLogs(context.Background(), logsOf("acme")); err != nil {
		t.Fatal(err)
	}
	within(t, func() bool {
		p := e.(*logsExporter).dispatcher.Load().Pushes()
		return p.Begun == 1 && p.Running == 0
	})
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if failed, sent := collectors(tel, "otelcol_exporter_send_failed_log_records"), collectors(tel, "otelcol_exporter_sent_log_records"); failed != 1 || sent != 0 {
		t.Errorf("%d failed and %d sent, says the collector", failed, sent)
	}
	figuresKept(t, tel, e.(*logsExporter).core, "logs", "accepted 1", 1)
	d.answers(nil)
	set, tel = settings(t)
	e, err = createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	d.await(t, 1)
	within(t, func() bool { return booksOf(t, tel, "logs") == "restored 1 delivered 1" })
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestTheCollectorCountsByPipeline: what another signal's figures have here is in those of the pipeline that it came by.
func TestTheCollectorCountsByPipeline(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	t.Run("groups of stats are spans", func(t *testing.T) {
		t.Parallel()
		d, h := twoSites(t)
		set, tel := settings(t)
		e := runTraces(t, set, d, h, nil)
		if err := e.ConsumeTraces(ctx, tracesOf("acme", "globex", "acme")); err != nil {
			t.Fatal(err)
		}
		stop(t, e)
		figures(t, tel, "accepted 3 delivered 3")
		figuresOf(t, tel, "stats", "accepted 2 delivered 2")
		if n := collectors(tel, "otelcol_exporter_sent_spans"); n != 5 {
			t.Errorf("%d spans were sent, says the collector", n)
		}
	})
	t.Run("events and checks are logs", func(t *testing.T) {
		t.Parallel()
		d, h := twoSites(t)
		set, tel := settings(t)
		e, err := createLogs(ctx, set, d.config())
		e = run(t, e, err, h)
		if err := e.ConsumeLogs(ctx, kindsOf("acme")); err != nil {
			t.Fatal(err)
		}
		stop(t, e)
		for _, signal := range []string{"logs", "events", "service_checks"} {
			figuresOf(t, tel, signal, "accepted 1 delivered 1")
		}
		if n := collectors(tel, "otelcol_exporter_sent_log_records"); n != 3 {
			t.Errorf("%d records were sent, says the collector", n)
		}
	})
	t.Run("a request without an item is one", func(t *testing.T) {
		t.Parallel()
		d, h := twoSites(t)
		set, tel := settings(t)
		cfg := d.config()
		cfg.Metrics.Histograms.SendAggregationMetrics = true
		e, err := createMetrics(ctx, set, cfg)
		e = run(t, e, err, h)
		if err := e.ConsumeMetrics(ctx, histogramAt(time.Now())); err != nil {
			t.Fatal(err)
		}
		stop(t, e)
		figuresOf(t, tel, "metrics", "accepted 1 delivered 1")
		if n := collectors(tel, "otelcol_exporter_sent_metric_points"); n != 2 {
			t.Errorf("%d points were sent, says the collector", n)
		}
	})
}
