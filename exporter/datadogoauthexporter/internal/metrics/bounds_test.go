package metrics_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// limit is that of the payloads of these tests, instead of intake.MaxPayloadBytes.
const limit = 200_000

// bounded maps one resource to payloads of limit bytes, and checks that each of its points is counted once.
func bounded(t *testing.T, tx *metrics.Tx, rm pmetric.ResourceMetrics, asOTLP bool) (series, sketches intake.Payload, drops intake.Drops) {
	t.Helper()
	series.Limit, sketches.Limit = limit, limit
	if asOTLP {
		tx.MapOTLP(rm, metrics.Exception{}, &series, &drops)
	} else {
		tx.Map(rm, &series, &sketches, &drops)
	}
	points := 0
	for _, sm := range rm.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			switch m.Type() {
			case pmetric.MetricTypeGauge:
				points += m.Gauge().DataPoints().Len()
			case pmetric.MetricTypeSum:
				points += m.Sum().DataPoints().Len()
			case pmetric.MetricTypeHistogram:
				points += m.Histogram().DataPoints().Len()
			case pmetric.MetricTypeExponentialHistogram:
				points += m.ExponentialHistogram().DataPoints().Len()
			case pmetric.MetricTypeSummary:
				points += m.Summary().DataPoints().Len()
			}
		}
	}
	dropped := 0
	for _, n := range drops {
		dropped += n
	}
	if got := series.Count() + sketches.Count() + dropped; got != points {
		t.Errorf("%d points are accounted for, want %d", got, points)
	}
	return series, sketches, drops
}

// repetitive are metrics of each kind, of so many points, whose resource has a tag of 5,000 bytes.
func repetitive(points int) map[string]pmetric.ResourceMetrics {
	kinds := map[string]func(pmetric.Metric, int){
		"gauge": func(m pmetric.Metric, i int) {
			if i == 0 {
				m.SetEmptyGauge()
			}
			m.Gauge().DataPoints().AppendEmpty().SetTimestamp(1e9)
		},
		"sum": func(m pmetric.Metric, i int) {
			if i == 0 {
				m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
				m.Sum().SetIsMonotonic(true)
			}
			p := m.Sum().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.Timestamp(i+1) * 1e9)
		},
		"histogram": func(m pmetric.Metric, i int) {
			if i == 0 {
				m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			}
			p := m.Histogram().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.Timestamp(i+1) * 1e9) // points of one second would be added up
			p.SetCount(1)
			p.BucketCounts().FromRaw([]uint64{0, 1, 0})
			p.ExplicitBounds().FromRaw([]float64{1, 2})
		},
		"exponential": func(m pmetric.Metric, i int) {
			if i == 0 {
				m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			}
			p := m.ExponentialHistogram().DataPoints().AppendEmpty()
			p.SetTimestamp(1e9)
			p.SetCount(1)
			p.SetZeroCount(1)
		},
		"summary": func(m pmetric.Metric, i int) {
			if i == 0 {
				m.SetEmptySummary()
			}
			p := m.Summary().DataPoints().AppendEmpty()
			p.SetTimestamp(1e9)
			p.QuantileValues().AppendEmpty().SetValue(1)
		},
	}
	all := map[string]pmetric.ResourceMetrics{}
	for kind, add := range kinds {
		rm := pmetric.NewResourceMetrics()
		rm.Resource().Attributes().PutStr("service.name", strings.Repeat("x", 5_000))
		m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName(kind)
		for i := range points {
			add(m, i)
		}
		all[kind] = rm
	}
	return all
}

func TestNothingIsAppendedToAFullPayload(t *testing.T) {
	t.Parallel()
	for _, mode := range []metrics.HistogramMode{metrics.HistogramDistributions, metrics.HistogramCounters} {
		for kind, rm := range repetitive(3000) {
			o := testOptions()
			o.HistogramMode, o.InitialValue = mode, metrics.InitialKeep
			tx := metrics.New(o).Begin("t")
			series, sketches, drops := bounded(t, tx, rm, false)
			tx.Commit()
			if n := max(len(series.Body), len(sketches.Body)); n < limit/2 || n > limit+5*6_000 {
				t.Errorf("%s, %s: the payload has %d bytes, want about %d", kind, mode, n, limit)
			}
			if drops[intake.ReasonTooLarge] < 2900 {
				t.Errorf("%s, %s: dropped are %v", kind, mode, drops)
			}
		}
	}
}

func TestNothingIsAppendedToAFullOTLPPayload(t *testing.T) {
	t.Parallel()
	for kind, rm := range repetitive(30_000) {
		o := testOptions()
		o.InitialValue, o.SendAggregations = metrics.InitialKeep, true
		tx := metrics.New(o).Begin("t")
		payload, _, drops := bounded(t, tx, rm, true)
		tx.Commit()
		if n := len(payload.Body); n < limit || n > limit+10_000 || drops[intake.ReasonTooLarge] < 10_000 {
			t.Errorf("%s: the payload has %d bytes, dropped are %v", kind, n, drops)
		}
	}
}

func TestAPointOfMoreSeriesThanThereIsRoomFor(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1_000)
	summary := pmetric.NewMetrics()
	points := named(summary.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()).SetEmptySummary().DataPoints()
	for _, quantiles := range []int{1, 3000, 1} {
		p := points.AppendEmpty()
		p.Attributes().PutStr("k", long)
		for range quantiles {
			p.QuantileValues().AppendEmpty().SetValue(1)
		}
	}
	histogram := pmetric.NewMetrics()
	h := named(histogram.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()).SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	for _, n := range []int{2, 3000, 2} {
		p := h.DataPoints().AppendEmpty()
		p.Attributes().PutStr("k", long)
		p.BucketCounts().FromRaw(make([]uint64, n))
		p.ExplicitBounds().FromRaw(make([]float64, n-1))
	}
	o := testOptions()
	o.HistogramMode = metrics.HistogramCounters
	for _, md := range []pmetric.Metrics{summary, histogram} {
		tx := metrics.New(o).Begin("t")
		series, _, drops := bounded(t, tx, md.ResourceMetrics().At(0), false)
		tx.Commit()
		if series.Count() != 2 || drops != (intake.Drops{intake.ReasonTooLarge: 1}) || len(series.Body) > 10_000 {
			t.Errorf("%d points in %d bytes, dropped are %v", series.Count(), len(series.Body), drops)
		}
	}
}

// TestAPointWithoutRoomIsNotLost: what a cumulative series grew by until a point that found no room is in the difference of the next one.
func TestAPointWithoutRoomIsNotLost(t *testing.T) {
	t.Parallel()
	for _, asOTLP := range []bool{false, true} {
		m := metrics.New(testOptions())
		sum := func(value int64, room int) (*intake.Payload, intake.Drops) {
			rm := pmetric.NewResourceMetrics()
			s := named(rm.ScopeMetrics().AppendEmpty().Metrics()).SetEmptySum()
			s.SetIsMonotonic(true)
			s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := s.DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.Timestamp(value) * 1e9)
			p.SetIntValue(value)
			payload, sketches := &intake.Payload{Body: []byte{0}, Limit: 1 + room}, intake.Payload{}
			var drops intake.Drops
			tx := m.Begin("t")
			if asOTLP {
				tx.MapOTLP(rm, metrics.Exception{}, payload, &drops)
			} else {
				tx.Map(rm, payload, &sketches, &drops)
			}
			tx.Commit()
			return payload, drops
		}
		if _, drops := sum(1, limit); drops[intake.ReasonBaseline] != 1 {
			t.Fatalf("first point: dropped are %v", drops)
		}
		if _, drops := sum(10, 0); drops != (intake.Drops{intake.ReasonTooLarge: 1}) {
			t.Fatalf("no room: dropped are %v", drops)
		}
		payload, drops := sum(100, limit)
		if payload.Count() != 1 || drops != (intake.Drops{}) {
			t.Fatalf("dropped are %v", drops)
		}
		if !asOTLP {
			got, err := decodeAll(payload.Body[1:], decodeSeries)
			if err != nil || got[0].Value != 99 {
				t.Errorf("the difference is %v, %v, want 99", got, err)
			}
		}
	}
}

func TestAHistogramThatGrowsKeepsToTheCaps(t *testing.T) {
	t.Parallel()
	o := histogramOptions()
	o.MaxSeriesPerTenant, o.MaxSeries = 100, 100
	now := processStart
	o.Now = func() time.Time { now = now.Add(time.Second); return now }
	m := metrics.New(o)
	cumulative := func(name string, ts, n int) pmetric.Metrics {
		bounds, counts := []float64{}, []uint64{uint64(ts)}
		for j := range n - 1 {
			bounds, counts = append(bounds, float64(j)), append(counts, 1)
		}
		return buckets(name, int64(ts), bounds, counts...)
	}
	for ts, n := range []int{1, 40, 200, 40, 1} {
		for i := range 20 {
			mapAndCommit(t, m, "t", cumulative(fmt.Sprint("h", i), ts+1, n))
			if got := m.Stats().Series; got > 100 {
				t.Fatalf("%d series are remembered after point %d of %d buckets, want at most 100", got, i, n)
			}
		}
	}
	// Two of 40 buckets fit, and go on.
	for ts := range 2 {
		for i := range 2 {
			out := mapAndCommit(t, m, "t", cumulative(fmt.Sprint("h", i), ts+10, 40))
			if ts == 1 && observedIn(out).count != 1 {
				t.Errorf("histogram %d did not go on: %+v", i, out)
			}
		}
	}
	// More than all room forgets nothing for it.
	before := m.Stats()
	mapAndCommit(t, m, "t", cumulative("large", 20, 200))
	if after := m.Stats(); after.Series != before.Series || after.Evictions != before.Evictions+1 {
		t.Errorf("%+v became %+v", before, after)
	}
}

func TestOTLPExponentialsKeepToTheCaps(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.MaxSeriesPerTenant, o.MaxSeries = 100, 100
	m := metrics.New(o)
	for ts := range 3 {
		for i := range 5 {
			rm := pmetric.NewResourceMetrics()
			metric := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			metric.SetName(fmt.Sprint("h", i))
			metric.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := metric.ExponentialHistogram().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.Timestamp(ts+1) * 1e9)
			p.Positive().BucketCounts().FromRaw(make([]uint64, 1+60*ts))
			tx := m.Begin("t")
			bounded(t, tx, rm, true)
			tx.Commit()
			if got := m.Stats().Series; got > 100 {
				t.Fatalf("%d series are remembered, want at most 100", got)
			}
		}
	}
}

func TestACumulativeHistogramOfTooManyBuckets(t *testing.T) {
	t.Parallel()
	for _, n := range []int{4096, 4097} {
		for _, asOTLP := range []bool{false, true} {
			m := metrics.New(histogramOptions())
			bounds := make([]float64, n-1)
			for j := range bounds {
				bounds[j] = float64(j)
			}
			var drops intake.Drops
			for ts := range 2 {
				counts := make([]uint64, n)
				counts[0] = uint64(1 + ts)
				tx := m.Begin("t")
				_, _, drops = bounded(t, tx, buckets("h", int64(ts+1), bounds, counts...).ResourceMetrics().At(0), asOTLP)
				tx.Commit()
			}
			want := intake.Drops{}
			if n > 4096 {
				want[intake.ReasonTooLarge] = 1
			}
			if drops != want {
				t.Errorf("%d buckets, OTLP %v: dropped are %v, want %v", n, asOTLP, drops, want)
			}
		}
	}
}

// TestManyResourceAttributesAsTags: without an index this takes a minute.
func TestManyResourceAttributesAsTags(t *testing.T) {
	t.Parallel()
	const n = 100_000
	o := testOptions()
	o.ResourceAttributesAsTags = true
	rm := pmetric.NewResourceMetrics()
	points := named(rm.ScopeMetrics().AppendEmpty().Metrics()).SetEmptyGauge().DataPoints()
	attrs := points.AppendEmpty().Attributes()
	attrs.EnsureCapacity(n)
	rm.Resource().Attributes().EnsureCapacity(n)
	raw := func(prefix string) map[string]any {
		all := make(map[string]any, n)
		for i := range n {
			all[fmt.Sprint(prefix, i)] = 1
		}
		return all
	}
	if err := attrs.FromRaw(raw("p")); err != nil {
		t.Fatal(err)
	}
	if err := rm.Resource().Attributes().FromRaw(raw("r")); err != nil {
		t.Fatal(err)
	}
	tx := metrics.New(o).Begin("t")
	began := time.Now()
	var series, sketches intake.Payload
	tx.Map(rm, &series, &sketches, new(intake.Drops))
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the point took %v", took)
	}
	tx.Commit()
	if series.Count() != 1 {
		t.Errorf("%d points, want 1", series.Count())
	}
}

// named is a new metric with a name.
func named(ms pmetric.MetricSlice) pmetric.Metric {
	m := ms.AppendEmpty()
	m.SetName("m")
	return m
}
