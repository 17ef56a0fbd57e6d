package metrics_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// intakeGrid is what Datadog has of series: the last write of a second wins.
type intakeGrid map[string]map[int64]float64

func (g intakeGrid) take(m mapped) {
	for _, s := range m.Series {
		tags := slices.Sorted(slices.Values(s.Tags))
		key := s.Metric + "\x00" + s.Resources["host"] + "\x00" + strings.Join(tags, "\x00")
		if g[key] == nil {
			g[key] = map[int64]float64{}
		}
		g[key][s.Timestamp] = s.Value
	}
}

func (g intakeGrid) total() (sum float64) {
	for _, points := range g {
		for v := range maps.Values(points) {
			sum += v
		}
	}
	return sum
}

// deltas is a request with one point of a delta sum for each value. Each is of a resource of its own, and nothing that is sent tells them apart.
func deltas(ts int64, values ...float64) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for i, v := range values {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("service.name", "web")
		rm.Resource().Attributes().PutStr("app.replica", fmt.Sprint(i))
		addDelta(rm, ts, v)
	}
	return md
}

func addDelta(rm pmetric.ResourceMetrics, ts int64, v float64) pmetric.NumberDataPoint {
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("requests")
	m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	p := m.Sum().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.Timestamp(ts * 1e9))
	p.SetDoubleValue(v)
	p.Attributes().PutStr("route", "/")
	return p
}

func TestCountsOfOneSecond(t *testing.T) {
	t.Parallel()
	const now = 1_800_000_000
	for _, c := range []struct {
		name  string
		calls []pmetric.Metrics
		want  map[int64]float64
		seen  metrics.Seconds
	}{
		{"of two resources in one call", []pmetric.Metrics{deltas(now, 3, 4)}, map[int64]float64{now: 7}, metrics.Seconds{Added: 1}},
		{"of many resources in one call", []pmetric.Metrics{deltas(now, make([]float64, 100)...)}, map[int64]float64{now: 0}, metrics.Seconds{Added: 99}},
		{"zero before and after", []pmetric.Metrics{deltas(now, 0, 5, 0)}, map[int64]float64{now: 5}, metrics.Seconds{Added: 2}},
		{"that cancel out", []pmetric.Metrics{deltas(now, 5, -5)}, map[int64]float64{now: 0}, metrics.Seconds{Added: 1}},
		{
			"of two calls", []pmetric.Metrics{deltas(now, 3), deltas(now, 4)},
			map[int64]float64{now: 3, now + 1: 4}, metrics.Seconds{Moved: 1},
		},
		{
			"of two calls with two each", []pmetric.Metrics{deltas(now, 1, 2), deltas(now, 3, 4)},
			map[int64]float64{now: 3, now + 1: 7}, metrics.Seconds{Added: 2, Moved: 1},
		},
		{
			"of an older second that is free", []pmetric.Metrics{deltas(now, 3), deltas(now-5, 4), deltas(now-5, 2)},
			map[int64]float64{now: 3, now - 5: 4, now - 4: 2}, metrics.Seconds{Moved: 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, grid := metrics.New(testOptions()), intakeGrid{}
			for _, md := range c.calls {
				grid.take(mapAndCommit(t, m, "t", md))
			}
			if len(grid) != 1 {
				t.Fatalf("%d series", len(grid))
			}
			for _, got := range grid {
				if !maps.Equal(got, c.want) {
					t.Errorf("Datadog has %v, want %v", got, c.want)
				}
			}
			if got := m.Stats().Seconds; got != c.seen {
				t.Errorf("figures are %+v, want %+v", got, c.seen)
			}
		})
	}
}

func TestOnlyCountsOfOneSeriesAreAddedUp(t *testing.T) {
	t.Parallel()
	const now = 1_800_000_000
	for name, change := range map[string]func(md pmetric.Metrics){
		"another host":   func(md pmetric.Metrics) { md.ResourceMetrics().At(1).Resource().Attributes().PutStr("host.name", "h") },
		"another scope":  func(md pmetric.Metrics) { md.ResourceMetrics().At(1).ScopeMetrics().At(0).Scope().SetName("s") },
		"another second": func(md pmetric.Metrics) { point(md, 1).SetTimestamp((now + 1) * 1e9) },
		"another tag":    func(md pmetric.Metrics) { point(md, 1).Attributes().PutStr("route", "/b") },
		"one tag more":   func(md pmetric.Metrics) { point(md, 1).Attributes().PutStr("x", "y") },
		"a rate":         func(md pmetric.Metrics) { point(md, 1).Attributes().PutStr("datadog.metric.as_type", "rate") },
		"another name": func(md pmetric.Metrics) {
			md.ResourceMetrics().At(1).ScopeMetrics().At(0).Metrics().At(0).SetName("others")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := metrics.New(testOptions())
			md := deltas(now, 3, 4)
			change(md)
			got := mapAndCommit(t, m, "t", md)
			if len(got.Series) != 2 || m.Stats().Seconds != (metrics.Seconds{}) {
				t.Errorf("sent %v", got.Series)
			}
		})
	}
	t.Run("another tenant", func(t *testing.T) {
		t.Parallel()
		m := metrics.New(testOptions())
		for _, tenant := range []string{"a", "b"} {
			if got := mapAndCommit(t, m, tenant, deltas(now, 3)); got.Series[0].Timestamp != now {
				t.Errorf("sent %v", got.Series)
			}
		}
	})
	t.Run("gauges", func(t *testing.T) {
		t.Parallel()
		md := deltas(now, 3, 4)
		for i := range 2 {
			m := md.ResourceMetrics().At(i).ScopeMetrics().At(0).Metrics().At(0)
			p := point(md, i)
			m.SetEmptyGauge()
			p.CopyTo(m.Gauge().DataPoints().AppendEmpty())
		}
		grid := intakeGrid{}
		if grid.take(mapAndCommit(t, metrics.New(testOptions()), "t", md)); grid.total() != 4 {
			t.Errorf("Datadog has %v, want the later gauge", grid)
		}
	})
}

func point(md pmetric.Metrics, resource int) pmetric.NumberDataPoint {
	p := pmetric.NewNumberDataPoint()
	m := md.ResourceMetrics().At(resource).ScopeMetrics().At(0).Metrics().At(0)
	if m.Type() == pmetric.MetricTypeSum {
		return m.Sum().DataPoints().At(0)
	}
	return p
}

func TestTagsHaveNoOrder(t *testing.T) {
	t.Parallel()
	md := deltas(1_800_000_000, 3, 4)
	for i, keys := range [][]string{{"a", "b"}, {"b", "a"}} {
		for _, key := range keys {
			point(md, i).Attributes().PutStr(key, "x")
		}
	}
	if got := mapAndCommit(t, metrics.New(testOptions()), "t", md); len(got.Series) != 1 || got.Series[0].Value != 7 {
		t.Errorf("sent %v", got.Series)
	}
}

func TestASecondThatCannotBeHadIsCounted(t *testing.T) {
	t.Parallel()
	m, grid := metrics.New(testOptions()), intakeGrid{}
	for i := range 15 {
		grid.take(mapAndCommit(t, m, "t", deltas(1_800_000_000, float64(1+i))))
	}
	if got, want := m.Stats().Seconds, (metrics.Seconds{Moved: 10, Lost: 4}); got != want || grid.total() != 2+3+4+5+6+7+8+9+10+11+15 {
		t.Errorf("figures are %+v, want %+v; Datadog has %v", got, want, grid.total())
	}
}

func TestARefusedCallHoldsNoSecond(t *testing.T) {
	t.Parallel()
	const now = 1_800_000_000
	m := metrics.New(testOptions())
	mapAndCommit(t, m, "t", deltas(now, 1))
	for range 20 {
		tx := m.Begin("t")
		if got := mapAll(t, tx, deltas(now, 2, 3)); got.Series[0].Timestamp != now+1 || got.Series[0].Value != 5 {
			t.Fatalf("sent %v", got.Series)
		}
		tx.Rollback()
	}
}

// Replicas of all kinds of counts, calls of any shape, some refused: what Datadog has is what was accepted.
func TestNoCountIsOverwritten(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 9))
		o := histogramOptions()
		o.HistogramMode = metrics.HistogramCounters
		m, grid, truth := metrics.New(o), intakeGrid{}, 0.0
		now := int64(1_800_000_000)
		for range 200 {
			now += r.Int64N(10)
			md, sum := pmetric.NewMetrics(), 0.0
			for range 1 + r.IntN(4) {
				rm := md.ResourceMetrics().AppendEmpty()
				rm.Resource().Attributes().PutStr("host.name", fmt.Sprint("h", r.IntN(3)))
				rm.Resource().Attributes().PutInt("app.replica", r.Int64())
				for range r.IntN(4) {
					v := float64(r.IntN(5))
					if r.IntN(3) > 0 {
						addDelta(rm, now+r.Int64N(2), v).Attributes().PutStr("padding", strings.Repeat("x", r.IntN(2)*200))
						sum += v
						continue
					}
					h := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
					h.SetName("h")
					h.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
					p := h.Histogram().DataPoints().AppendEmpty()
					p.SetTimestamp(pcommon.Timestamp(now * 1e9))
					p.SetCount(uint64(v))
					p.SetSum(v)
					p.ExplicitBounds().FromRaw([]float64{1})
					p.BucketCounts().FromRaw([]uint64{uint64(v), 0})
					sum += 3 * v // .count, .sum and a bucket
				}
			}
			tx := m.Begin("t")
			got := mapAll(t, tx, md)
			if r.IntN(4) == 0 {
				tx.Rollback()
				continue
			}
			tx.Commit()
			grid.take(got)
			truth += sum
			if r.IntN(4) == 0 { // its sender did not get the answer
				grid.take(mapAndCommit(t, m, "t", md))
			}
		}
		if s := m.Stats().Seconds; s.Lost != 0 || s.Added == 0 || s.Moved == 0 || s.Repeated == 0 {
			t.Fatalf("seed %d: figures are %+v", seed, s)
		}
		if got := grid.total(); got != truth {
			t.Fatalf("seed %d: Datadog has %v, want %v", seed, got, truth)
		}
	}
}

// Two processes know nothing of each other. What they write of one second is lost, unless a tag tells them apart.
func TestTheWriterTagKeepsCollectorsApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tags  [2]string
		total float64
	}{
		{[2]string{}, 4},
		{[2]string{"collector:a", "collector:b"}, 7},
	} {
		grid := intakeGrid{}
		for i, v := range []float64{3, 4} {
			o := testOptions()
			o.WriterTag = c.tags[i]
			grid.take(mapAndCommit(t, metrics.New(o), "t", deltas(1_800_000_000, v)))
		}
		if got := grid.total(); got != c.total {
			t.Errorf("with tags %q Datadog has %v, want %v", c.tags, got, c.total)
		}
	}
}

func TestTheWriterTagIsOnEverythingInEveryForm(t *testing.T) {
	t.Parallel()
	o := histogramOptions()
	o.WriterTag, o.ResourceAttributesAsTags = "collector:a", true
	md := deltas(1_800_000_000, 3)
	buckets("h", 10, []float64{1}, 1, 2).ResourceMetrics().At(0).MoveTo(md.ResourceMetrics().AppendEmpty())
	md.ResourceMetrics().At(1).ScopeMetrics().At(0).Metrics().At(0).Histogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	point(md, 0).Attributes().PutStr("device", "given up")
	got := mapAndCommit(t, metrics.New(o), "t", md)
	if len(got.Series) != 3 || len(got.Sketches) != 1 {
		t.Fatalf("%d series and %d sketches", len(got.Series), len(got.Sketches))
	}
	for _, s := range got.Series {
		if s.Tags[len(s.Tags)-1] != "collector:a" {
			t.Errorf("%s has the tags %q", s.Metric, s.Tags)
		}
	}
	if tags := got.Sketches[0].Tags; tags[len(tags)-1] != "collector:a" {
		t.Errorf("the sketch has the tags %q", tags)
	}
}

// The name of a collector is no part of a series: a saved memory goes on under another one.
func TestAnotherWriterTagIsTheSameSeries(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.WriterTag = "collector:a"
	m := metrics.New(o)
	mapAndCommit(t, m, "t", counter("c", 1, 10, 5))
	o.WriterTag = "collector:b"
	wantGrowth(t, mapAndCommit(t, restart(t, o, save(t, m)), "t", counter("c", 1, 20, 8)), 3)
}

func TestTheWriterTagIsAnAttributeOfEachOTLPPoint(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.WriterTag = "collector:a:1"
	md := deltas(1_800_000_000, 3)
	point(md, 0).Attributes().PutStr("collector", "another")
	buckets("h", 10, []float64{1}, 1, 2).ResourceMetrics().At(0).MoveTo(md.ResourceMetrics().AppendEmpty())
	md.ResourceMetrics().At(1).ScopeMetrics().At(0).Metrics().At(0).Histogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	sm := md.ResourceMetrics().At(1).ScopeMetrics().At(0).Metrics().AppendEmpty()
	sm.SetEmptySummary().DataPoints().AppendEmpty().SetTimestamp(1e9)
	out, _ := asOTLP(t, metrics.New(o).Begin("t"), md)
	attributes := []pcommon.Map{point(out, 0).Attributes()}
	for _, m := range out.ResourceMetrics().At(1).ScopeMetrics().At(0).Metrics().All() {
		if m.Type() == pmetric.MetricTypeSummary {
			attributes = append(attributes, m.Summary().DataPoints().At(0).Attributes())
		} else {
			attributes = append(attributes, m.Histogram().DataPoints().At(0).Attributes())
		}
	}
	if len(attributes) != 3 {
		t.Fatalf("%d points", len(attributes))
	}
	for i, attrs := range attributes {
		n := 0
		for key, v := range attrs.All() {
			if key == "collector" && v.Str() == "a:1" {
				n++
			}
		}
		if n != 1 || i == 0 && attrs.Len() != 2 {
			t.Errorf("point %d has the attributes %v", i, attrs.AsRaw())
		}
	}
}

func TestRatesOfOtherIntervalsAreKeptApart(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.InferDeltaInterval = true
	m := metrics.New(o)
	md := deltas(1_800_000_000, 10, 20, 60)
	for i, seconds := range []int64{10, 20, 10} {
		p := point(md, i)
		p.Attributes().PutStr("datadog.metric.as_type", "rate")
		p.SetStartTimestamp(p.Timestamp() - pcommon.Timestamp(seconds*1e9))
	}
	got := mapAndCommit(t, m, "t", md)
	if len(got.Series) != 2 || got.Series[0].Value != 7 || got.Series[1].Value != 1 || m.Stats().Seconds != (metrics.Seconds{Added: 1}) {
		t.Errorf("sent %v", got.Series)
	}
}

// A sender that got no answer sends its call again. What it brought is counted once.
func TestARepeatedCallIsCountedOnce(t *testing.T) {
	t.Parallel()
	const now = 1_800_000_000
	m, grid := metrics.New(testOptions()), intakeGrid{}
	first, second := deltas(now, 3, 4), deltas(now, 5)
	for _, md := range []pmetric.Metrics{first, second, first, second, second} {
		grid.take(mapAndCommit(t, m, "t", md))
	}
	if grid.total() != 12 || m.Stats().Seconds != (metrics.Seconds{Added: 2, Repeated: 3, Moved: 1}) {
		t.Errorf("Datadog has %v, figures are %+v", grid, m.Stats().Seconds)
	}
	tx := m.Begin("t")
	mapAll(t, tx, first)
	tx.Rollback()
	if got := mapAndCommit(t, m, "t", deltas(now, 9)); got.Series[0].Timestamp != now+2 {
		t.Errorf("a second was given back that another call has: sent %v", got.Series)
	}
	another := deltas(now, 3, 4)
	another.ResourceMetrics().At(0).Resource().Attributes().PutStr("app.replica", "another")
	if got := mapAndCommit(t, m, "t", another); got.Series[0].Timestamp != now+3 {
		t.Errorf("another resource is taken for the same: sent %v", got.Series)
	}
}
