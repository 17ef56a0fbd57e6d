package metrics_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// TestHostileRequests maps random requests of every type with values that a well-meaning sender does not send. mapAll checks
// what comes out; mapping again after a rollback must give as much.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 3))
		o := testOptions()
		o.HistogramMode = pick(r, metrics.HistogramDistributions, metrics.HistogramCounters)
		o.SendAggregations = r.IntN(2) == 0
		o.ResourceAttributesAsTags = r.IntN(4) == 0
		o.Remapping = pick(r, metrics.RemapNone, metrics.RemapAll)
		m := metrics.New(o)
		for range 3 {
			md := pmetric.NewMetrics()
			rm := md.ResourceMetrics().AppendEmpty()
			hostileAttributes(r, rm.Resource().Attributes())
			sm := rm.ScopeMetrics().AppendEmpty()
			hostileAttributes(r, sm.Scope().Attributes())
			for range 3 {
				hostileMetric(r, sm.Metrics().AppendEmpty())
			}
			tx := m.Begin("t")
			first := mapAll(t, tx, md)
			tx.Rollback()
			second := mapAndCommit(t, m, "t", md)
			if len(first.Series) != len(second.Series) || len(first.Sketches) != len(second.Sketches) {
				t.Fatalf("seed %d: %d series and %d sketches, after a rollback %d and %d", seed,
					len(first.Series), len(first.Sketches), len(second.Series), len(second.Sketches))
			}
			for _, s := range second.Sketches {
				for _, f := range []float64{s.Min, s.Max, s.Avg, s.Sum} {
					if math.IsNaN(f) || math.IsInf(f, 0) {
						t.Fatalf("seed %d: %s has %v in it", seed, s.Metric, f)
					}
				}
			}
			for _, s := range second.Series {
				if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
					t.Fatalf("seed %d: %s is %v", seed, s.Metric, s.Value)
				}
				for _, tag := range s.Tags {
					if !utf8.ValidString(tag) {
						t.Fatalf("seed %d: tag %q is not UTF-8", seed, tag)
					}
				}
			}
		}
	}
}

func TestItemLargerThanTheIntakeTakes(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", 5<<20)
	m := metrics.New(testOptions())
	wantDropped(t, mapAndCommit(t, m, "t", counter("c", 1, 10, 5, "k", huge)), "baseline")
	wantDropped(t, mapAndCommit(t, m, "t", counter("c", 1, 20, 8, "k", huge)), "too_large")
	wantDropped(t, mapAndCommit(t, m, "t", counter("d", 1, 10, 5)), "baseline")
	wantGrowth(t, mapAndCommit(t, m, "t", counter("d", 1, 20, 8)), 3)
}

func pick[T any](r *rand.Rand, xs ...T) T { return xs[r.IntN(len(xs))] }

func hostileFloat(r *rand.Rand) float64 {
	return pick(r, 0, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64,
		math.Float64frombits(r.Uint64()), r.NormFloat64(), r.Float64()*1000)
}

func hostileAttributes(r *rand.Rand, m pcommon.Map) {
	for range r.IntN(5) {
		key := pick(r, "", "host", "host.name", "device", "dd.internal.resource", "datadog.metric.as_type", "k\xff", "service.name")
		switch r.IntN(5) {
		case 0:
			m.PutStr(key, pick(r, "", "rate", "a:b", ":", "\xff\xfe", strings.Repeat("ä", r.IntN(200))))
		case 1:
			m.PutDouble(key, hostileFloat(r))
		case 2:
			m.PutInt(key, r.Int64())
		case 3:
			m.PutEmptyMap(key).PutEmptySlice("x").AppendEmpty().SetDouble(hostileFloat(r))
		case 4:
			m.PutEmpty(key)
		}
	}
}

// hostilePoint is what the data points of all types have in common.
type hostilePoint interface {
	SetStartTimestamp(pcommon.Timestamp)
	SetTimestamp(pcommon.Timestamp)
	SetFlags(pmetric.DataPointFlags)
	Attributes() pcommon.Map
}

func hostile[P hostilePoint](r *rand.Rand, p P) P {
	p.SetStartTimestamp(pick(r, 0, 1, 20, math.MaxUint64, pcommon.Timestamp(r.Uint64())))
	p.SetTimestamp(pick(r, 0, 20, 30e9, math.MaxUint64, pcommon.Timestamp(r.Uint64())))
	p.SetFlags(pick(r, 0, 0, 0, 0, pmetric.DataPointFlags(r.Uint32())))
	if r.IntN(2) == 0 {
		hostileAttributes(r, p.Attributes())
	}
	return p
}

func hostileMetric(r *rand.Rand, m pmetric.Metric) {
	m.SetName(pick(r, "", "m", "n\xff", "dd.internal.stats.payload"))
	m.SetUnit(pick(r, "", "{", "/", "By/s"))
	temporality := pmetric.AggregationTemporality(r.IntN(4))
	count := func() uint64 { return pick(r, 0, 1, r.Uint64N(10), r.Uint64N(1e8), r.Uint64()) }
	for range r.IntN(5) {
		switch r.IntN(5) {
		case 0:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptySum().SetAggregationTemporality(temporality)
				m.Sum().SetIsMonotonic(r.IntN(2) == 0)
			}
		case 1:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptySummary()
			}
		case 2:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptyHistogram().SetAggregationTemporality(temporality)
			}
		case 3:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality)
			}
		}
		switch m.Type() {
		case pmetric.MetricTypeSum:
			hostile(r, m.Sum().DataPoints().AppendEmpty()).SetDoubleValue(hostileFloat(r))
		case pmetric.MetricTypeSummary:
			p := hostile(r, m.Summary().DataPoints().AppendEmpty())
			p.SetCount(count())
			p.SetSum(hostileFloat(r))
			q := p.QuantileValues().AppendEmpty()
			q.SetQuantile(hostileFloat(r))
			q.SetValue(hostileFloat(r))
		case pmetric.MetricTypeHistogram:
			p := hostile(r, m.Histogram().DataPoints().AppendEmpty())
			n := r.IntN(6)
			for range n {
				p.ExplicitBounds().Append(hostileFloat(r))
				p.BucketCounts().Append(count())
			}
			if r.IntN(4) > 0 {
				p.BucketCounts().Append(count())
			}
			p.SetCount(count())
			p.SetSum(hostileFloat(r))
			p.SetMin(hostileFloat(r))
			p.SetMax(hostileFloat(r))
		case pmetric.MetricTypeExponentialHistogram:
			p := hostile(r, m.ExponentialHistogram().DataPoints().AppendEmpty())
			p.SetScale(pick(r, 0, int32(r.IntN(40)-20), int32(r.Uint32())))
			for _, half := range []pmetric.ExponentialHistogramDataPointBuckets{p.Positive(), p.Negative()} {
				half.SetOffset(pick(r, 0, int32(r.IntN(4000)-2000), int32(r.Uint32())))
				for range r.IntN(40) {
					half.BucketCounts().Append(count())
				}
			}
			p.SetZeroCount(count())
			p.SetCount(count())
			p.SetSum(hostileFloat(r))
		}
	}
}
