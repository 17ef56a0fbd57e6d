package datadogoauthexporter

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// life is one run after another of an exporter on one storage, with the totals that Datadog got.
type life struct {
	t       *testing.T
	datadog *datadog
	host    *host
	cfg     *Config
	shelf   *memoryStorage
	logged  *observer.ObservedLogs
	begin   time.Time
	totals  map[string]float64 // by site
}

func newLife(t *testing.T) *life {
	t.Helper()
	d, h := twoSites(t)
	shelf := newStorage()
	id := component.MustNewID("test_storage")
	h.extensions[id] = shelf
	cfg := d.config()
	cfg.Queue.Get().StorageID = &id
	return &life{t: t, datadog: d, host: h, cfg: cfg, shelf: shelf, begin: time.Now().Add(-30 * time.Minute), totals: make(map[string]float64)}
}

// start is a new process.
func (l *life) start() (exporter.Metrics, *componenttest.Telemetry) {
	l.t.Helper()
	set, tel := settings(l.t)
	var core zapcore.Core
	core, l.logged = observer.New(zapcore.WarnLevel)
	set.Logger = zap.New(core)
	e, err := createMetrics(context.Background(), set, l.cfg)
	return run(l.t, e, err, l.host), tel
}

// send sends the value of both tenants' counter, minutes after the first one, and awaits the differences, from as many tenants.
func (l *life) send(e exporter.Metrics, minutes int, value int64, differences int) {
	l.t.Helper()
	at := l.begin.Add(time.Duration(minutes) * time.Minute)
	if err := e.ConsumeMetrics(context.Background(), requestsOf(at, value, "acme", "globex")); err != nil {
		l.t.Fatal(err)
	}
	for _, r := range l.datadog.await(l.t, differences) {
		l.totals[r.site] += seriesSum(l.t, r.body)
	}
}

func (l *life) stop(e exporter.Metrics) {
	l.t.Helper()
	if err := e.Shutdown(context.Background()); err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) want(value float64) {
	l.t.Helper()
	for _, site := range []string{eu, us5} {
		if l.totals[site] != value {
			l.t.Errorf("%s has a total of %v, want %v", site, l.totals[site], value)
		}
	}
}

func TestARestartCostsNoDifference(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	e, tel := l.start()
	l.send(e, 0, 100, 0)
	l.send(e, 1, 107, 2)
	l.stop(e)
	figures(t, tel, "accepted 4 delivered 2 baseline 2")

	e, tel = l.start()
	m, err := tel.GetMetric("otelcol_exporter_datadogoauth_delta_series")
	if err != nil {
		t.Fatal(err)
	}
	if n := m.Data.(metricdata.Gauge[int64]).DataPoints[0].Value; n != 2 {
		t.Errorf("%d series are remembered after the restart", n)
	}
	l.send(e, 2, 110, 2)
	l.send(e, 3, 130, 2)
	l.stop(e)
	figures(t, tel, "accepted 4 delivered 4")

	e, tel = l.start()
	l.send(e, 4, 131, 2)
	l.stop(e)
	figures(t, tel, "accepted 2 delivered 2")
	l.want(131 - 100)
	if n := l.logged.Len(); n != 0 {
		t.Errorf("warned: %v", l.logged.All())
	}
}

// After a crash nothing is loaded: what the last graceful stop saved is too old, and would be sent twice.
func TestACrashCostsOneIntervalAndCountsIt(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	e, _ := l.start()
	l.send(e, 0, 100, 0)
	l.stop(e)
	e, _ = l.start()
	l.send(e, 1, 110, 2)
	crash := make(map[string][]byte) // what is on disk at this moment
	l.shelf.mu.Lock()
	for key, v := range l.shelf.values {
		if strings.HasPrefix(key, fileDelta) {
			crash[key] = v
		}
	}
	l.shelf.mu.Unlock()
	l.stop(e)
	l.shelf.mu.Lock()
	for key := range l.shelf.values {
		if strings.HasPrefix(key, fileDelta) {
			delete(l.shelf.values, key)
		}
	}
	for key, v := range crash {
		l.shelf.values[key] = v
	}
	l.shelf.mu.Unlock()

	e, tel := l.start()
	l.send(e, 2, 117, 0) // 110 to 117 is lost
	l.send(e, 3, 119, 2)
	l.stop(e)
	figures(t, tel, "accepted 4 delivered 2 baseline 2")
	l.want(10 + 2)
}

// TestWhatCannotBeLoadedIsAWarning spoils what was saved. A section costs its tenant, everything else each series a baseline.
func TestWhatCannotBeLoadedIsAWarning(t *testing.T) {
	t.Parallel()
	flip := func(b []byte) []byte {
		b[len(b)/2] ^= 1
		return b
	}
	for name, c := range map[string]struct {
		spoil   func(t *testing.T, l *life)
		warning string
		figures string
	}{
		"a head with a flipped bit": {func(_ *testing.T, l *life) { flip(l.shelf.values[fileDelta+"/"+deltaHead]) }, "checksum", "accepted 2 baseline 2"},
		"a head of something else":  {func(_ *testing.T, l *life) { l.shelf.values[fileDelta+"/"+deltaHead] = []byte("foreign") }, "something else", "accepted 2 baseline 2"},
		"a head of a later version": {func(_ *testing.T, l *life) {
			l.shelf.values[fileDelta+"/"+deltaHead][len("datadogoauth delta state\n")] = 9
		}, "format 9", "accepted 2 baseline 2"},
		"a section with a flipped bit": {func(_ *testing.T, l *life) { flip(l.shelf.values[fileDelta+"/"+sectionKey(0)]) }, "Part of the saved state", "accepted 2 delivered 1 baseline 1"},
		"a section that is missing":    {func(_ *testing.T, l *life) { delete(l.shelf.values, fileDelta+"/"+sectionKey(1)) }, "Part of the saved state", "accepted 2 delivered 1 baseline 1"},
		"two sections in the other's place": {func(_ *testing.T, l *life) {
			v := l.shelf.values
			a, b := fileDelta+"/"+sectionKey(0), fileDelta+"/"+sectionKey(1)
			v[a], v[b] = v[b], v[a]
		}, "something else", "accepted 2 baseline 2"},
		"no client": {func(_ *testing.T, l *life) { l.shelf.broken = fileDelta }, "neither loaded nor saved", "accepted 2 baseline 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t)
			e, _ := l.start()
			l.send(e, 0, 100, 0)
			l.stop(e)
			c.spoil(t, l)
			e, tel := l.start()
			if n := l.logged.FilterMessageSnippet("tate of cumulative series").Len(); n == 0 {
				t.Error("no warning")
			} else if text := l.logged.All(); !strings.Contains(text[0].Message+" "+errorIn(text[0]), c.warning) {
				t.Errorf("warned %q %v, want %q", text[0].Message, text[0].ContextMap(), c.warning)
			}
			for key := range l.shelf.values {
				if strings.HasPrefix(key, fileDelta) && l.shelf.broken == "" {
					t.Errorf("%s is still there while the exporter runs", key)
				}
			}
			l.send(e, 1, 107, strings.Count(c.figures, "delivered"))
			l.stop(e)
			figures(t, tel, c.figures)
		})
	}
}

func errorIn(e observer.LoggedEntry) string {
	text, _ := e.ContextMap()["error"].(string)
	return text
}

func TestAnOldStateIsNotUsed(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	e, _ := l.start()
	l.send(e, 0, 100, 0)
	l.stop(e)
	l.cfg.Metrics.DeltaTTL = time.Nanosecond
	e, tel := l.start()
	if n := l.logged.Len(); n != 0 {
		t.Errorf("warned: %v", l.logged.All())
	}
	for key := range l.shelf.values {
		if strings.HasPrefix(key, fileDelta) {
			t.Errorf("%s is still there", key)
		}
	}
	l.send(e, 1, 107, 0)
	l.stop(e)
	figures(t, tel, "accepted 2 baseline 2")
}

// TestNothingIsKeptWithoutStorage has a storage extension that the queue does not use.
func TestNothingIsKeptWithoutStorage(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	l.cfg.Queue.Get().StorageID = nil
	e, _ := l.start()
	l.send(e, 0, 100, 0)
	l.stop(e)
	if len(l.shelf.values) != 0 {
		t.Errorf("%d values were stored", len(l.shelf.values))
	}
}

// TestTheStateIsSavedAfterTheLastCall holds a call up while the exporter stops.
func TestTheStateIsSavedAfterTheLastCall(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	e, _ := l.start()
	l.send(e, 0, 100, 0)
	m := e.(*metricsExporter)
	if !m.calls.enter() {
		t.Fatal("no calls are taken")
	}
	stopped := make(chan error, 1)
	go func() { stopped <- e.Shutdown(context.Background()) }()
	saved := func() bool {
		var s storage.Client = &memoryClient{l.shelf, fileDelta + "/"}
		b, _ := s.Get(context.Background(), deltaHead)
		return b != nil
	}
	<-m.dispatcher.Load().Stopped() // the stop has begun
	if saved() {
		t.Error("saved while a call was under way")
	}
	m.calls.leave()
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if !saved() {
		t.Error("not saved")
	}
	if err := e.ConsumeMetrics(context.Background(), requestsOf(time.Now(), 1, "acme")); err == nil {
		t.Error("took data after the stop")
	}
}

// transactions counts those that a client makes, and the most bytes that one reads.
type transactions struct {
	storage.Client
	made, most int
}

func (c *transactions) Batch(ctx context.Context, ops ...*storage.Operation) error {
	err := c.Client.Batch(ctx, ops...)
	size := 0
	for _, op := range ops {
		if op.Type == storage.Get {
			size += len(op.Value)
		}
	}
	c.made, c.most = c.made+1, max(c.most, size)
	return err
}

// TestSectionsAreReadInFewTransactions has many small ones, as of many tenants, few large ones, and both; each transaction costs two fsyncs.
func TestSectionsAreReadInFewTransactions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ small, large, transactions, mostMiB int }{
		"none":  {0, 0, 1, 0},
		"small": {10_000, 0, 42, 0},
		"large": {0, 100, 14, 4},
		"both":  {2_000, 20, 10, 10}, // of their sizes nothing is known before
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStorage()
			n := c.small + c.large
			for i := range n {
				size := 200
				if i >= c.small {
					size = 512 << 10
				}
				s.values[fileDelta+"/"+sectionKey(i)] = bytes.Repeat([]byte{byte(i)}, size)
			}
			file := &transactions{Client: &memoryClient{s, fileDelta + "/"}}
			state, next := &deltaState{client: file}, 0
			err := state.takeSections(t.Context(), n, func(i int, b []byte) {
				if i != next || len(b) == 0 || b[0] != byte(i) {
					t.Errorf("section %d is %.9q after %d", i, b, next-1)
				}
				next++
			})
			if err != nil || next != n || len(s.values) > 0 {
				t.Errorf("%d sections of %d are read, %d are left: %v", next, n, len(s.values), err)
			}
			if file.made > c.transactions {
				t.Errorf("%d transactions, want %d", file.made, c.transactions)
			}
			if file.most>>20 > c.mostMiB {
				t.Errorf("one transaction read %d MiB, want %d", file.most>>20, c.mostMiB)
			}
			t.Logf("%d transactions, at most %d MiB", file.made, file.most>>20)
		})
	}
}
