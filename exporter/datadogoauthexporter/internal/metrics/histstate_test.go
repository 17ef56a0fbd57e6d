package metrics_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// buckets is a request with one point of a cumulative histogram. Its sum is twice its count.
func buckets(series string, ts int64, bounds []float64, counts ...uint64) pmetric.Metrics {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(series)
	m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := m.Histogram().DataPoints().AppendEmpty()
	p.SetStartTimestamp(1)
	p.SetTimestamp(pcommon.Timestamp(ts * 1e9))
	p.ExplicitBounds().FromRaw(bounds)
	p.BucketCounts().FromRaw(counts)
	var n uint64
	for _, c := range counts {
		n += c
	}
	p.SetCount(n)
	p.SetSum(2 * float64(n))
	return md
}

func histogramOptions() metrics.Options {
	o := testOptions()
	o.SendAggregations = true
	return o
}

// observed is what was sent of histograms: counts, sums and what is in bins.
type observed struct{ count, sum, bins float64 }

func observedIn(m mapped) (o observed) {
	for _, s := range m.Series {
		switch s.Metric[len(s.Metric)-4:] {
		case "ount":
			o.count += s.Value
		case ".sum":
			o.sum += s.Value
		}
	}
	for _, s := range m.Sketches {
		for _, n := range s.Counts {
			o.bins += float64(n)
		}
	}
	return o
}

func (o *observed) add(more observed) {
	o.count, o.sum, o.bins = o.count+more.count, o.sum+more.sum, o.bins+more.bins
}

// TestOverlappingTransactionsSendHistogramsOnce lets transactions of one histogram overlap and end in any order and way.
func TestOverlappingTransactionsSendHistogramsOnce(t *testing.T) {
	t.Parallel()
	bounds := []float64{1, 2}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 5))
		m := metrics.New(histogramOptions())
		mapAndCommit(t, m, "t", buckets("h", 1, bounds, 0, 0, 0))
		type open struct {
			tx   *metrics.Tx
			sent observed
		}
		var txs []open
		var delivered observed
		counts := make([]uint64, 3)
		end := func(i int, commit bool) {
			o := txs[i]
			txs = append(txs[:i], txs[i+1:]...)
			if commit {
				delivered.add(o.sent)
				o.tx.Commit()
			} else {
				o.tx.Rollback()
			}
		}
		for ts := int64(2); ts < 40; ts++ {
			if len(txs) == 0 || len(txs) < 4 && r.IntN(2) == 0 {
				txs = append(txs, open{tx: m.Begin("t")})
			}
			for i := range counts {
				counts[i] += uint64(r.IntN(4))
			}
			i := r.IntN(len(txs))
			txs[i].sent.add(observedIn(mapAll(t, txs[i].tx, buckets("h", ts, bounds, counts...))))
			if r.IntN(2) == 0 {
				end(r.IntN(len(txs)), r.IntN(2) == 0)
			}
		}
		for len(txs) > 0 {
			end(r.IntN(len(txs)), r.IntN(2) == 0)
		}
		delivered.add(observedIn(mapAndCommit(t, m, "t", buckets("h", 50, bounds, counts...))))
		n := float64(counts[0] + counts[1] + counts[2])
		if want := (observed{n, 2 * n, n}); delivered != want {
			t.Fatalf("seed %d: delivered %+v, want %+v", seed, delivered, want)
		}
	}
}

func TestAHistogramWithOtherBuckets(t *testing.T) {
	t.Parallel()
	m := metrics.New(histogramOptions())
	bins := func(md pmetric.Metrics) float64 { return observedIn(mapAndCommit(t, m, "t", md)).bins }
	bins(buckets("h", 1, []float64{1, 2}, 1, 1, 1))
	if n := bins(buckets("h", 2, []float64{1, 2}, 2, 3, 4)); n != 1+2+3 {
		t.Errorf("%v observations, want 6", n)
	}
	series := m.Stats().Series

	// Buckets with the same bounds go on, here the first and the last; a request that is refused leaves no trace.
	other := buckets("h", 3, []float64{1, 1.5, 2}, 5, 9, 9, 6)
	tx := m.Begin("t")
	mapAll(t, tx, other)
	if got := m.Stats().Series; got != series+1 {
		t.Errorf("%d series with four buckets, %d with three", got, series)
	}
	tx.Rollback()
	if got := m.Stats().Series; got != series {
		t.Errorf("%d series after a rollback, want %d", got, series)
	}
	if n := bins(other); n != 3+2 {
		t.Errorf("%v observations in the buckets that go on, want 5", n)
	}
	if n := bins(buckets("h", 4, []float64{1, 1.5, 2}, 5, 10, 11, 6)); n != 3 {
		t.Errorf("%v observations, want 3", n)
	}
	if n := bins(buckets("h", 5, nil)); n != 0 {
		t.Errorf("%v observations of a point without buckets", n)
	}
	if got := m.Stats().Series; got != series+1 {
		t.Errorf("%d series after a point without buckets, want %d", got, series+1)
	}
}

func TestHistogramsExpireAndAreEvicted(t *testing.T) {
	t.Parallel()
	now := processStart
	o := histogramOptions()
	o.Now = func() time.Time { return now }
	o.DeltaTTL, o.MaxSeriesPerTenant = time.Minute, 70 // ten histograms of seven
	m := metrics.New(o)
	bounds := []float64{1, 2}
	for i := range 30 {
		now = now.Add(time.Second)
		mapAndCommit(t, m, "t", buckets(fmt.Sprint("h", i), 1, bounds, 1, 1, 1))
	}
	if got := m.Stats(); got.Series != 70 || got.Evictions != 20 {
		t.Errorf("%+v, want 70 series and 20 evictions", got)
	}
	if got := observedIn(mapAndCommit(t, m, "t", buckets("h29", 2, bounds, 2, 2, 2))); got.bins != 3 {
		t.Errorf("%+v of the youngest", got)
	}
	tx := m.Begin("t")
	for i := range 10 {
		mapAll(t, tx, buckets(fmt.Sprint("other", i), 1, bounds, 1, 1, 1))
	}
	tx.Rollback() // brings what was evicted back
	if got := observedIn(mapAndCommit(t, m, "t", buckets("h29", 3, bounds, 3, 3, 3))); got.bins != 3 {
		t.Errorf("%+v of the youngest after a rollback", got)
	}
	now = now.Add(time.Minute + 1)
	wantDropped(t, mapAndCommit(t, m, "t", buckets("h29", 4, bounds, 4, 4, 4)), "baseline")
	now = now.Add(2 * time.Minute)
	m.Begin("t").Commit()
	if got := m.Stats().Series; got != 0 {
		t.Errorf("%d series after all expired", got)
	}
}

func TestSavedHistogramsGoOn(t *testing.T) {
	t.Parallel()
	bounds := []float64{1, 2}
	m := metrics.New(histogramOptions())
	for i := range 40 {
		mapAndCommit(t, m, "t", buckets(fmt.Sprint("h", i), 1, bounds, 1, 2, 3))
	}
	mapAndCommit(t, m, "t", buckets("one", 1, nil, 7))
	mapAndCommit(t, m, "t", buckets("none", 1, nil))
	want := m.Stats().Series
	m = restart(t, histogramOptions(), save(t, m))
	if got := m.Stats().Series; got != want {
		t.Errorf("%d series are remembered, want %d", got, want)
	}
	for i := range 40 {
		got := observedIn(mapAndCommit(t, m, "t", buckets(fmt.Sprint("h", i), 2, bounds, 2, 2, 5)))
		if got != (observed{3, 6, 3}) {
			t.Fatalf("%+v", got)
		}
	}
	if got := observedIn(mapAndCommit(t, m, "t", buckets("one", 2, nil, 9))); got != (observed{2, 4, 2}) {
		t.Errorf("with one bucket: %+v", got)
	}
}
