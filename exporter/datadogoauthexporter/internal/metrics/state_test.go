package metrics_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// counter is a request with one point of one cumulative monotonic sum. Times are in seconds.
func counter(series string, start, ts int64, value float64, attrs ...string) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(series)
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := sum.DataPoints().AppendEmpty()
	p.SetStartTimestamp(pcommon.Timestamp(start * 1e9))
	p.SetTimestamp(pcommon.Timestamp(ts * 1e9))
	p.SetDoubleValue(value)
	for i := 0; i < len(attrs); i += 2 {
		p.Attributes().PutStr(attrs[i], attrs[i+1])
	}
	return md
}

// growth is the only value of what was mapped, or false if there is none.
func growth(t testing.TB, m mapped) (float64, bool) {
	t.Helper()
	switch len(m.Series) {
	case 0:
		return 0, false
	case 1:
		return m.Series[0].Value, true
	}
	t.Fatalf("%d series, want at most one", len(m.Series))
	return 0, false
}

func wantGrowth(t *testing.T, m mapped, want float64) {
	t.Helper()
	if got, ok := growth(t, m); !ok || got != want {
		t.Errorf("sent %v (%v), dropped %v; want %v", got, ok, m.Dropped, want)
	}
}

func wantDropped(t *testing.T, m mapped, reason string) {
	t.Helper()
	if m.Dropped[reason] != 1 || len(m.Series) != 0 {
		t.Errorf("sent %v, dropped %v; want one dropped as %s", m.Series, m.Dropped, reason)
	}
}

func TestInitialValue(t *testing.T) {
	t.Parallel()
	after := processStart.Unix() + 10
	for _, c := range []struct {
		name      string
		mode      metrics.InitialValue
		start, ts int64
		sent      bool
	}{
		{"auto sends a series that began after the process", metrics.InitialAuto, after, after + 5, true},
		{"auto drops an older series", metrics.InitialAuto, after - 20, after, false},
		{"auto drops a series without a start", metrics.InitialAuto, 0, after, false},
		{"auto drops an unknown start", metrics.InitialAuto, after, after, false},
		{"keep sends", metrics.InitialKeep, 0, after, true},
		{"drop drops", metrics.InitialDrop, after, after + 5, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := testOptions()
			o.InitialValue = c.mode
			got := mapAndCommit(t, metrics.New(o), "t", counter("c", c.start, c.ts, 7))
			if c.sent {
				wantGrowth(t, got, 7)
			} else {
				wantDropped(t, got, "baseline")
			}
		})
	}
}

func TestRawValueSendsGauges(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.CumulativeMonotonic = metrics.CumulativeRawValue
	got := mapAndCommit(t, metrics.New(o), "t", counter("c", 1, 10, 7))
	if wantGrowth(t, got, 7); got.Series[0].Type != "gauge" {
		t.Errorf("type is %s", got.Series[0].Type)
	}
}

func TestWhatMakesASeries(t *testing.T) {
	t.Parallel()
	resource := func(md pmetric.Metrics, key, value string) pmetric.Metrics {
		md.ResourceMetrics().At(0).Resource().Attributes().PutStr(key, value)
		return md
	}
	first := counter("c", 1, 10, 5, "a", "1", "b", "2")
	for _, c := range []struct {
		name   string
		tenant string
		second pmetric.Metrics
		same   bool
	}{
		{"the same", "t", counter("c", 1, 20, 8, "a", "1", "b", "2"), true},
		{"tags in another order", "t", counter("c", 1, 20, 8, "b", "2", "a", "1"), true},
		{"another tenant", "u", counter("c", 1, 20, 8, "a", "1", "b", "2"), false},
		{"another name", "t", counter("d", 1, 20, 8, "a", "1", "b", "2"), false},
		{"another tag", "t", counter("c", 1, 20, 8, "a", "2", "b", "1"), false},
		{"one tag more", "t", counter("c", 1, 20, 8, "a", "1", "b", "2", "x", "y"), false},
		{"another host", "t", resource(counter("c", 1, 20, 8, "a", "1", "b", "2"), "host.name", "h"), false},
		{"another pod", "t", resource(counter("c", 1, 20, 8, "a", "1", "b", "2"), "k8s.pod.uid", "p"), false},
		{"another attribute that is no tag", "t", resource(counter("c", 1, 20, 8, "a", "1", "b", "2"), "k8s.pod.ip", "p"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := metrics.New(testOptions())
			mapAndCommit(t, m, "t", first)
			got := mapAndCommit(t, m, c.tenant, c.second)
			if c.same {
				wantGrowth(t, got, 3)
			} else {
				wantDropped(t, got, "baseline")
			}
		})
	}
}

func TestSeriesExpire(t *testing.T) {
	t.Parallel()
	now := processStart
	o := testOptions()
	o.Now = func() time.Time { return now }
	o.DeltaTTL = time.Minute
	m := metrics.New(o)
	mapAndCommit(t, m, "t", counter("c", 1, 10, 5))
	now = now.Add(time.Minute)
	wantGrowth(t, mapAndCommit(t, m, "t", counter("c", 1, 20, 8)), 3)
	now = now.Add(time.Minute + 1)
	wantDropped(t, mapAndCommit(t, m, "t", counter("c", 1, 30, 9)), "baseline")
	now = now.Add(2 * time.Minute)
	m.Begin("t").Commit()
	if got := m.Stats(); got != (metrics.Stats{}) {
		t.Errorf("after all expired: %+v", got)
	}
}

func TestRollbackIsAsIfNotMapped(t *testing.T) {
	t.Parallel()
	m := metrics.New(testOptions())
	request := counter("c", 1, 10, 5)
	tx := m.Begin("t")
	mapAll(t, tx, request)
	tx.Rollback()
	if n := m.Stats().Series; n != 0 {
		t.Errorf("%d series are remembered after a rollback", n)
	}
	mapAndCommit(t, m, "t", request)

	tx = m.Begin("t")
	mapAll(t, tx, counter("c", 1, 20, 8))
	mapAll(t, tx, counter("c", 1, 30, 9))
	tx.Rollback()
	wantGrowth(t, mapAndCommit(t, m, "t", counter("c", 1, 20, 8)), 3)
	wantGrowth(t, mapAndCommit(t, m, "t", counter("c", 1, 30, 9)), 1)
}

// TestOverlappingTransactionsSendEachTotalOnce lets transactions of one series overlap and end in any order and way. What the
// committed ones sent is what the series grew by.
func TestOverlappingTransactionsSendEachTotalOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := metrics.New(testOptions())
		mapAndCommit(t, m, "t", counter("c", 1, 1, 0))
		type open struct {
			tx   *metrics.Tx
			sent float64
		}
		var txs []open
		delivered, value := 0.0, 0.0
		end := func(i int, commit bool) {
			o := txs[i]
			txs = append(txs[:i], txs[i+1:]...)
			if commit {
				delivered += o.sent
				o.tx.Commit()
			} else {
				o.tx.Rollback()
			}
		}
		for ts := int64(2); ts < 40; ts++ {
			if len(txs) == 0 || len(txs) < 4 && r.IntN(2) == 0 {
				txs = append(txs, open{tx: m.Begin("t")})
			}
			value += float64(r.IntN(10))
			i := r.IntN(len(txs))
			v, _ := growth(t, mapAll(t, txs[i].tx, counter("c", 1, ts, value)))
			txs[i].sent += v
			if r.IntN(2) == 0 {
				end(r.IntN(len(txs)), r.IntN(2) == 0)
			}
		}
		for len(txs) > 0 {
			end(r.IntN(len(txs)), r.IntN(2) == 0)
		}
		v, _ := growth(t, mapAndCommit(t, m, "t", counter("c", 1, 50, value)))
		if delivered+v != value {
			t.Fatalf("seed %d: delivered %v of %v", seed, delivered+v, value)
		}
	}
}

func TestConcurrentTransactions(t *testing.T) {
	t.Parallel()
	m := metrics.New(testOptions())
	const writers, points = 8, 200
	var wg sync.WaitGroup
	totals := make([]float64, writers)
	for w := range writers {
		wg.Go(func() {
			tenant := fmt.Sprintf("tenant-%d", w%3)
			series := fmt.Sprintf("c%d", w)
			for i := range int64(points) {
				tx := m.Begin(tenant)
				v, _ := growth(t, mapAll(t, tx, counter(series, 1, 10+i, float64(i))))
				if i%3 == 1 {
					tx.Rollback()
					continue
				}
				totals[w] += v
				tx.Commit()
			}
		})
	}
	wg.Wait()
	for w, total := range totals {
		want := float64(points - 1)
		if (points-1)%3 == 1 {
			want-- // the last one was rolled back
		}
		if total != want {
			t.Errorf("writer %d: total %v, want %v", w, total, want)
		}
	}
}

func TestCaps(t *testing.T) {
	t.Parallel()
	o := testOptions()
	now := processStart
	o.Now = func() time.Time { now = now.Add(time.Second); return now }
	o.MaxSeriesPerTenant, o.MaxSeries = 50, 120
	m := metrics.New(o)
	for i := range 200 {
		mapAndCommit(t, m, "loud", counter(fmt.Sprintf("c%d", i), 1, 10, 5))
	}
	if got := m.Stats(); got.Series != 50 || got.Evictions != 150 {
		t.Errorf("one loud tenant: %+v, want 50 series and 150 evictions", got)
	}
	wantGrowth(t, mapAndCommit(t, m, "loud", counter("c199", 1, 20, 8)), 3)

	// A series that was evicted and comes back is not sent in full, though it began after this process: part of it was sent.
	began := now.Unix() - 1
	mapAndCommit(t, m, "loud", counter("back", began, began+1, 5))
	for i := range 100 {
		mapAndCommit(t, m, "loud", counter(fmt.Sprintf("d%d", i), 1, 10, 5))
	}
	wantDropped(t, mapAndCommit(t, m, "loud", counter("back", began, began+2, 8)), "baseline")

	// In all, the tenant with most series gives way to the others.
	for tenant := range 10 {
		for i := range 10 {
			mapAndCommit(t, m, fmt.Sprintf("quiet-%d", tenant), counter(fmt.Sprintf("c%d", i), 1, 10, 5))
		}
	}
	if got := m.Stats().Series; got != 120 {
		t.Errorf("%d series in all, want 120", got)
	}
	for tenant := range 10 {
		for i := range 10 {
			wantGrowth(t, mapAndCommit(t, m, fmt.Sprintf("quiet-%d", tenant), counter(fmt.Sprintf("c%d", i), 1, 20, 8)), 3)
		}
	}
}

func TestRollbackBringsEvictedSeriesBack(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.MaxSeriesPerTenant = 2
	m := metrics.New(o)
	mapAndCommit(t, m, "t", counter("a", 1, 10, 5))
	mapAndCommit(t, m, "t", counter("b", 1, 10, 5))
	tx := m.Begin("t")
	for i := range 20 {
		mapAll(t, tx, counter(fmt.Sprintf("c%d", i), 1, 10, 5))
	}
	tx.Rollback()
	wantGrowth(t, mapAndCommit(t, m, "t", counter("a", 1, 20, 8)), 3)
	wantGrowth(t, mapAndCommit(t, m, "t", counter("b", 1, 20, 9)), 4)
}

func TestWhatIsOwedStaysTheSameWhileAResetIsRefusedAgainAndAgain(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.InitialValue = metrics.InitialDrop
	m := metrics.New(o)
	mapAndCommit(t, m, "t", counter("c", 1, 1, 0))
	refused := m.Begin("t")
	mapAll(t, refused, counter("c", 1, 2, 10))
	mapAndCommit(t, m, "t", counter("c", 1, 3, 10))
	refused.Rollback() // the growth of 10 is owed
	for range 3 {
		tx := m.Begin("t")
		mapAll(t, tx, counter("c", 4, 5, 1))
		tx.Rollback()
	}
	wantGrowth(t, mapAndCommit(t, m, "t", counter("c", 1, 6, 15)), 15)
}
