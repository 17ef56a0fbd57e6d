package metrics_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire/otlpwiretest"
)

// asOTLP maps every resource of md and decodes what came out as whoever gets it would. Each point is sent or counted, and what is sent is what
// the intake takes.
func asOTLP(t testing.TB, tx *metrics.Tx, md pmetric.Metrics) (pmetric.Metrics, map[string]int) {
	t.Helper()
	var out intake.Payload
	var drops intake.Drops
	for _, rm := range md.ResourceMetrics().All() {
		tx.MapOTLP(rm, metrics.Exception{}, &out, &drops)
	}
	points := otlpwiretest.Items(t, &out, 5_000_000)
	dropped := map[string]int{}
	for why, n := range drops {
		if n != 0 {
			dropped[intake.Reason(why).String()] = n
			points += n
		}
	}
	if points != md.DataPointCount() {
		t.Fatalf("%d data points accounted for, want %d (dropped: %v)", points, md.DataPointCount(), dropped)
	}
	req := pmetricotlp.NewExportRequest()
	if err := req.UnmarshalProto(out.Body); err != nil {
		t.Fatal(err)
	}
	for _, rm := range req.Metrics().ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				checkOTLPMetric(t, m)
			}
		}
	}
	return req.Metrics(), dropped
}

func checkOTLPMetric(t testing.TB, m pmetric.Metric) {
	t.Helper()
	times := func(start, ts pcommon.Timestamp) {
		if ts == 0 || start > ts {
			t.Fatalf("%s: a point from %d to %d", m.Name(), start, ts)
		}
	}
	points := 0
	switch m.Type() {
	case pmetric.MetricTypeGauge, pmetric.MetricTypeSum:
		var all pmetric.NumberDataPointSlice
		if m.Type() == pmetric.MetricTypeGauge {
			all = m.Gauge().DataPoints()
		} else if all = m.Sum().DataPoints(); m.Sum().AggregationTemporality() != pmetric.AggregationTemporalityDelta {
			t.Fatalf("%s is %s", m.Name(), m.Sum().AggregationTemporality())
		}
		for _, p := range all.All() {
			times(p.StartTimestamp(), p.Timestamp())
			if p.ValueType() == pmetric.NumberDataPointValueTypeEmpty || math.IsNaN(p.DoubleValue()) {
				t.Fatalf("%s: a point without a value", m.Name())
			}
		}
		points = all.Len()
	case pmetric.MetricTypeHistogram:
		points = m.Histogram().DataPoints().Len()
		for _, p := range m.Histogram().DataPoints().All() {
			times(p.StartTimestamp(), p.Timestamp())
			total := uint64(0)
			for _, n := range p.BucketCounts().All() {
				total += n
			}
			if b := p.BucketCounts().Len(); b > 0 && (total != p.Count() || b != p.ExplicitBounds().Len()+1) {
				t.Fatalf("%s: %d buckets of %d, count %d", m.Name(), b, total, p.Count())
			}
		}
		if m.Histogram().AggregationTemporality() != pmetric.AggregationTemporalityDelta {
			t.Fatalf("%s is %s", m.Name(), m.Histogram().AggregationTemporality())
		}
	case pmetric.MetricTypeExponentialHistogram:
		points = m.ExponentialHistogram().DataPoints().Len()
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			times(p.StartTimestamp(), p.Timestamp())
			if total := p.ZeroCount() + total(p.Positive()) + total(p.Negative()); total != p.Count() {
				t.Fatalf("%s: buckets of %d, count %d", m.Name(), total, p.Count())
			}
		}
		if m.ExponentialHistogram().AggregationTemporality() != pmetric.AggregationTemporalityDelta {
			t.Fatalf("%s is %s", m.Name(), m.ExponentialHistogram().AggregationTemporality())
		}
	case pmetric.MetricTypeSummary:
		points = m.Summary().DataPoints().Len()
	}
	if points == 0 {
		t.Fatalf("%s (%s) has no points", m.Name(), m.Type())
	}
}

func total(b pmetric.ExponentialHistogramDataPointBuckets) (n uint64) {
	for _, c := range b.BucketCounts().All() {
		n += c
	}
	return n
}

func otlpCommitted(t testing.TB, m *metrics.Mapper, md pmetric.Metrics) (pmetric.Metrics, map[string]int) {
	t.Helper()
	tx := m.Begin("t")
	defer tx.Commit()
	return asOTLP(t, tx, md)
}

// first is the only metric of md.
func first(t testing.TB, md pmetric.Metrics) pmetric.Metric {
	t.Helper()
	if md.MetricCount() != 1 {
		t.Fatalf("%d metrics", md.MetricCount())
	}
	return md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
}

// TestOTLPDeltasComeOutAsTheyWentIn: all but exemplars, of everything that is a gauge, delta or summary.
func TestOTLPDeltasComeOutAsTheyWentIn(t *testing.T) {
	t.Parallel()
	in := pmetric.NewMetrics()
	rm := in.ResourceMetrics().AppendEmpty()
	rm.SetSchemaUrl("https://schema/r")
	rm.Resource().Attributes().PutStr("service.name", "shop")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.SetSchemaUrl("https://schema/s")
	sm.Scope().SetName("lib")
	add := func(name string) pmetric.Metric {
		m := sm.Metrics().AppendEmpty()
		m.SetName(name)
		m.SetDescription("what it is")
		m.SetUnit("By")
		return m
	}
	number := func(p pmetric.NumberDataPoint) {
		p.SetStartTimestamp(1e9)
		p.SetTimestamp(2e9)
		p.Attributes().PutStr("k", "v")
	}
	gauges := add("gauge").SetEmptyGauge().DataPoints()
	number(gauges.AppendEmpty())
	gauges.At(0).SetIntValue(-3)
	number(gauges.AppendEmpty())
	gauges.At(1).SetDoubleValue(0)
	for _, monotonic := range []bool{true, false} {
		sum := add(fmt.Sprint("sum", monotonic)).SetEmptySum()
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		sum.SetIsMonotonic(monotonic)
		number(sum.DataPoints().AppendEmpty())
		sum.DataPoints().At(0).SetIntValue(math.MaxInt64)
	}
	h := add("histogram").SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	hp := h.DataPoints().AppendEmpty()
	hp.SetStartTimestamp(1e9)
	hp.SetTimestamp(2e9)
	hp.SetCount(3)
	hp.SetSum(0)
	hp.SetMin(-1)
	hp.SetMax(0)
	hp.BucketCounts().FromRaw([]uint64{0, 3, 0})
	hp.ExplicitBounds().FromRaw([]float64{-5, 5})
	hp.Attributes().PutInt("n", 1)
	h.DataPoints().AppendEmpty().SetTimestamp(2e9)
	h.DataPoints().At(1).SetCount(4)
	h.DataPoints().At(1).BucketCounts().FromRaw([]uint64{4})
	e := add("exponential").SetEmptyExponentialHistogram()
	e.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	ep := e.DataPoints().AppendEmpty()
	ep.SetTimestamp(2e9)
	ep.SetCount(300)
	ep.SetSum(7)
	ep.SetScale(-2)
	ep.SetZeroCount(1)
	ep.SetZeroThreshold(0.1)
	ep.SetMin(1)
	ep.SetMax(2)
	ep.Positive().SetOffset(-3)
	ep.Positive().BucketCounts().FromRaw([]uint64{1, 0, 290})
	ep.Negative().SetOffset(5)
	ep.Negative().BucketCounts().FromRaw([]uint64{8})
	ep.Attributes().PutBool("b", true)
	sp := add("summary").SetEmptySummary().DataPoints().AppendEmpty()
	sp.SetTimestamp(2e9)
	sp.SetCount(5)
	sp.SetSum(1.5)
	q := sp.QuantileValues().AppendEmpty()
	q.SetQuantile(0.5)
	q.SetValue(2)
	sp.QuantileValues().AppendEmpty()

	want, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(in)
	if err != nil {
		t.Fatal(err)
	}
	size := (&pmetric.ProtoMarshaler{}).MetricsSize(in)
	o := testOptions()
	o.SendAggregations = true
	out, dropped := otlpCommitted(t, metrics.New(o), in)
	got, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(out)
	if err != nil || string(got) != string(want) || len(dropped) != 0 {
		t.Errorf("%v %v\nwant %s\ngot  %s", err, dropped, want, got)
	}
	if n := (&pmetric.ProtoMarshaler{}).MetricsSize(out); n != size {
		t.Errorf("%d bytes came out, %d went in", n, size)
	}
}

func TestOTLPCumulativeSumsBecomeDelta(t *testing.T) {
	t.Parallel()
	m := metrics.New(testOptions())
	start := int64(1000)
	if _, dropped := otlpCommitted(t, m, counter("c", start, 1010, 7)); dropped["baseline"] != 1 {
		t.Errorf("first: %v", dropped)
	}
	tx := m.Begin("t")
	asOTLP(t, tx, counter("c", start, 1020, 9))
	tx.Rollback()
	got, _ := otlpCommitted(t, m, counter("c", start, 1030, 12))
	sum := first(t, got).Sum()
	p := sum.DataPoints().At(0)
	if !sum.IsMonotonic() || p.DoubleValue() != 5 || p.StartTimestamp() != 1010e9 || p.Timestamp() != 1030e9 {
		t.Errorf("%v from %d to %d", p.DoubleValue(), p.StartTimestamp(), p.Timestamp())
	}
	if _, dropped := otlpCommitted(t, m, counter("c", start, 1030, 13)); dropped["stale"] != 1 {
		t.Errorf("again: %v", dropped)
	}
	if _, dropped := otlpCommitted(t, m, counter("c", 1035, 1040, 1)); dropped["baseline"] != 1 {
		t.Errorf("after a reset: %v", dropped)
	}
	// A series that began after this process is sent in full.
	after := processStart.Unix() + 10
	got, _ = otlpCommitted(t, m, counter("new", after, after+5, 7))
	if p := first(t, got).Sum().DataPoints().At(0); p.DoubleValue() != 7 || p.StartTimestamp() != pcommon.Timestamp(after*1e9) {
		t.Errorf("new series: %v from %d", p.DoubleValue(), p.StartTimestamp())
	}
}

func TestOTLPWhatIsAGaugeToDatadogIsSentAsOne(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.CumulativeMonotonic = metrics.CumulativeRawValue
	got, _ := otlpCommitted(t, metrics.New(o), counter("c", 1, 2, 7))
	if m := first(t, got); m.Type() != pmetric.MetricTypeGauge || m.Gauge().DataPoints().At(0).DoubleValue() != 7 {
		t.Errorf("raw value: %s", m.Type())
	}
	upDown := counter("c", 1, 2, 7)
	first(t, upDown).Sum().SetIsMonotonic(false)
	got, _ = otlpCommitted(t, metrics.New(testOptions()), upDown)
	if m := first(t, got); m.Type() != pmetric.MetricTypeGauge || m.Gauge().DataPoints().At(0).DoubleValue() != 7 {
		t.Errorf("not monotonic: %s", m.Type())
	}
}

func TestOTLPReasons(t *testing.T) {
	t.Parallel()
	gauge := func(set func(pmetric.NumberDataPoint)) pmetric.Metrics {
		md := pmetric.NewMetrics()
		p := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetTimestamp(1e9)
		p.SetDoubleValue(1)
		set(p)
		return md
	}
	histogram := func(set func(pmetric.Histogram, pmetric.HistogramDataPoint)) pmetric.Metrics {
		md := pmetric.NewMetrics()
		h := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyHistogram()
		h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		p := h.DataPoints().AppendEmpty()
		p.SetTimestamp(1e9)
		p.SetCount(1)
		set(h, p)
		return md
	}
	for name, c := range map[string]struct {
		md  pmetric.Metrics
		why string
	}{
		"no recorded value": {gauge(func(p pmetric.NumberDataPoint) { p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true)) }), "no_recorded_value"},
		"NaN":               {gauge(func(p pmetric.NumberDataPoint) { p.SetDoubleValue(math.NaN()) }), "not_finite"},
		"no time":           {gauge(func(p pmetric.NumberDataPoint) { p.SetTimestamp(0) }), "malformed"},
		"too large": {gauge(func(p pmetric.NumberDataPoint) {
			p.Attributes().PutStr("x", strings.Repeat("x", 5_000_000))
		}), "too_large"},
		"no temporality": {histogram(func(h pmetric.Histogram, _ pmetric.HistogramDataPoint) {
			h.SetAggregationTemporality(pmetric.AggregationTemporalityUnspecified)
		}), "temporality"},
		"no observation":   {histogram(func(_ pmetric.Histogram, p pmetric.HistogramDataPoint) { p.SetCount(0) }), "empty"},
		"buckets, bounds":  {histogram(func(_ pmetric.Histogram, p pmetric.HistogramDataPoint) { p.BucketCounts().FromRaw([]uint64{0, 1}) }), "malformed"},
		"buckets, count":   {histogram(func(_ pmetric.Histogram, p pmetric.HistogramDataPoint) { p.BucketCounts().FromRaw([]uint64{2}) }), "malformed"},
		"more than counts": {histogram(func(_ pmetric.Histogram, p pmetric.HistogramDataPoint) { p.SetCount(1<<53 + 2) }), "too_large"},
	} {
		if _, dropped := otlpCommitted(t, metrics.New(testOptions()), c.md); dropped[c.why] != 1 {
			t.Errorf("%s: %v, want %s", name, dropped, c.why)
		}
	}
}

func TestOTLPException(t *testing.T) {
	t.Parallel()
	md := pmetric.NewMetrics()
	points := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints()
	for i := range 3 {
		p := points.AppendEmpty()
		p.SetTimestamp(1e9)
		p.SetIntValue(int64(i))
		p.Attributes().PutStr("hidden", "x")
		p.Attributes().PutStr("shown", "y")
	}
	except := metrics.Exception{
		Is:   func(p pmetric.NumberDataPoint) bool { return p.IntValue() == 1 },
		Hide: func(key string) bool { return key == "hidden" },
	}
	for _, keep := range []bool{false, true} {
		except.Keep = keep
		tx := metrics.New(testOptions()).Begin("t")
		var out intake.Payload
		var drops intake.Drops
		tx.MapOTLP(md.ResourceMetrics().At(0), except, &out, &drops)
		tx.Commit()
		req := pmetricotlp.NewExportRequest()
		if err := req.UnmarshalProto(out.Body); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range first(t, req.Metrics()).Gauge().DataPoints().All() {
			got = append(got, fmt.Sprint(p.IntValue(), p.Attributes().Len()))
		}
		if want := map[bool][]string{false: {"0 2", "2 2"}, true: {"0 2", "1 1", "2 2"}}[keep]; !slices.Equal(got, want) {
			t.Errorf("keep %t: %q", keep, got)
		}
	}
}

func FuzzMapOTLP(f *testing.F) {
	inputs, err := filepath.Glob("testdata/golden/*.otlp.json")
	if err != nil {
		f.Fatal(err)
	}
	for i, input := range inputs {
		b, err := os.ReadFile(input)
		if err != nil {
			f.Fatal(err)
		}
		md, err := new(pmetric.JSONUnmarshaler).UnmarshalMetrics(b)
		if err != nil {
			f.Fatal(err)
		}
		if b, err = new(pmetric.ProtoMarshaler).MarshalMetrics(md); err != nil {
			f.Fatal(err)
		}
		f.Add(b, byte(i))
	}
	f.Fuzz(func(t *testing.T, request []byte, options byte) {
		md, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(request)
		if err != nil {
			return
		}
		o := testOptions()
		o.HistogramMode = []metrics.HistogramMode{
			metrics.HistogramDistributions, metrics.HistogramCounters, metrics.HistogramNoBuckets, metrics.HistogramDistributions,
		}[options&3]
		o.SendAggregations = options&4 != 0 || options&3 == 2
		if options&16 != 0 {
			o.InitialValue = metrics.InitialKeep
		}
		m := metrics.New(o)
		tx := m.Begin("t")
		got, _ := asOTLP(t, tx, md)
		tx.Rollback()
		if n := m.Stats().Series; n != 0 {
			t.Errorf("%d series are remembered after a rollback", n)
		}
		again, _ := otlpCommitted(t, m, md)
		if got.DataPointCount() != again.DataPointCount() {
			t.Errorf("%d points, after a rollback %d", got.DataPointCount(), again.DataPointCount())
		}
		otlpCommitted(t, m, md)
	})
}

// expoSDK is a cumulative exponential histogram as an SDK keeps it: the range of buckets grows, and where it has grown too large the scale falls.
type expoSDK struct {
	scale              int32
	positive, negative map[int32]uint64
	zero, count        uint64
	sum                float64
}

func (o *expoSDK) observe(v float64) {
	o.count++
	o.sum += v
	side := o.positive
	if v < 0 {
		side = o.negative
	}
	if v == 0 {
		o.zero++
		return
	}
	index := func() int32 { return int32(math.Ceil(math.Log2(math.Abs(v))*math.Exp2(float64(o.scale)))) - 1 }
	for {
		low, high := index(), index()
		for i := range side {
			low, high = min(low, i), max(high, i)
		}
		if high-low < 40 {
			break
		}
		o.scale--
		for _, s := range []*map[int32]uint64{&o.positive, &o.negative} {
			coarse := map[int32]uint64{}
			for i, n := range *s {
				coarse[i>>1] += n
			}
			*s = coarse
		}
		if side = o.positive; v < 0 {
			side = o.negative
		}
	}
	side[index()]++
}

func (o *expoSDK) point(p pmetric.ExponentialHistogramDataPoint, start, ts int64) {
	p.SetStartTimestamp(pcommon.Timestamp(start * 1e9))
	p.SetTimestamp(pcommon.Timestamp(ts * 1e9))
	p.SetScale(o.scale)
	p.SetCount(o.count)
	p.SetSum(o.sum)
	p.SetZeroCount(o.zero)
	fill := func(b pmetric.ExponentialHistogramDataPointBuckets, side map[int32]uint64) {
		if len(side) == 0 {
			return
		}
		low, high := int32(math.MaxInt32), int32(math.MinInt32)
		for i := range side {
			low, high = min(low, i), max(high, i)
		}
		b.SetOffset(low)
		for i := low; i <= high; i++ {
			b.BucketCounts().Append(side[i])
		}
	}
	fill(p.Positive(), o.positive)
	fill(p.Negative(), o.negative)
}

func bucketsOf(p pmetric.ExponentialHistogramDataPoint) map[string]uint64 {
	all := map[string]uint64{"zero": p.ZeroCount()}
	for side, b := range map[string]pmetric.ExponentialHistogramDataPointBuckets{"+": p.Positive(), "-": p.Negative()} {
		for j, n := range b.BucketCounts().All() {
			if n > 0 {
				all[fmt.Sprint(p.Scale(), side, b.Offset()+int32(j))] = n
			}
		}
	}
	return all
}

// TestOTLPCumulativeExponentialHistograms: every interval is sent bucket by bucket, but for those in which the scale fell or the SDK began
// anew; a refused attempt costs nothing.
func TestOTLPCumulativeExponentialHistograms(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := metrics.New(testOptions())
		var o *expoSDK
		var before map[string]uint64
		var beforeCount uint64
		start, scale, sent := int64(0), int32(0), 0
		for ts := int64(10); ts < 600; ts += 10 {
			reset := o == nil || r.IntN(25) == 0
			if reset {
				o = &expoSDK{scale: 5, positive: map[int32]uint64{}, negative: map[int32]uint64{}}
				start, before, beforeCount = ts-5, nil, 0
			}
			scale = o.scale
			for range r.IntN(20) {
				o.observe(math.Round(r.NormFloat64()*math.Pow(10, float64(r.IntN(3))))/4 + 0)
			}
			md := pmetric.NewMetrics()
			h := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyExponentialHistogram()
			h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := h.DataPoints().AppendEmpty()
			o.point(p, start, ts)
			if r.IntN(3) == 0 {
				tx := m.Begin("t")
				asOTLP(t, tx, md)
				tx.Rollback()
			}
			got, dropped := otlpCommitted(t, m, md)
			now := bucketsOf(p)
			switch {
			case before == nil:
				if dropped["baseline"] != 1 {
					t.Fatalf("seed %d, %d: first point: %v", seed, ts, dropped)
				}
			case scale != o.scale && len(before) > 1: // more than zeros
				if dropped["baseline"] != 1 {
					t.Fatalf("seed %d, %d: another scale: %v", seed, ts, dropped)
				}
			case o.count == beforeCount:
				if dropped["empty"] != 1 {
					t.Fatalf("seed %d, %d: nothing observed: %v", seed, ts, dropped)
				}
			default:
				d := first(t, got).ExponentialHistogram().DataPoints().At(0)
				delta := bucketsOf(d)
				for key, n := range now {
					if delta[key] != n-before[key] {
						t.Fatalf("seed %d, %d: bucket %s is %d, want %d", seed, ts, key, delta[key], n-before[key])
					}
				}
				if d.Count() != o.count-beforeCount || d.StartTimestamp() != pcommon.Timestamp((ts-10)*1e9) {
					t.Fatalf("seed %d, %d: count %d, want %d; from %d", seed, ts, d.Count(), o.count-beforeCount, d.StartTimestamp())
				}
				sent++
			}
			before, beforeCount = now, o.count
		}
		if sent < 20 {
			t.Errorf("seed %d: %d intervals were sent", seed, sent)
		}
	}
}

// TestOTLPCumulativeHistogramsKeepTheTruth: what is sent adds up to what was observed since the first point, through refused attempts.
func TestOTLPCumulativeHistogramsKeepTheTruth(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	m := metrics.New(testOptions())
	counts := []uint64{0, 0, 0}
	var base, got [4]float64 // count and buckets
	sum := 0.0
	for ts := int64(10); ts < 2000; ts += 10 {
		md := pmetric.NewMetrics()
		h := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyHistogram()
		h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := h.DataPoints().AppendEmpty()
		p.SetStartTimestamp(1e9)
		p.SetTimestamp(pcommon.Timestamp(ts * 1e9))
		for range 1 + r.IntN(5) {
			counts[r.IntN(3)]++
			sum += 2
		}
		p.SetCount(counts[0] + counts[1] + counts[2])
		p.SetSum(sum)
		p.ExplicitBounds().FromRaw([]float64{1, 2})
		p.BucketCounts().FromRaw(counts)
		if r.IntN(2) == 0 {
			tx := m.Begin("t")
			asOTLP(t, tx, md)
			tx.Rollback()
		}
		out, dropped := otlpCommitted(t, m, md)
		if ts == 10 {
			if dropped["baseline"] != 1 {
				t.Fatalf("first: %v", dropped)
			}
			base = [4]float64{float64(p.Count()), float64(counts[0]), float64(counts[1]), float64(counts[2])}
			continue
		}
		d := first(t, out).Histogram().DataPoints().At(0)
		if d.Sum() != 2*float64(d.Count()) || d.StartTimestamp() != pcommon.Timestamp((ts-10)*1e9) {
			t.Fatalf("sum %v, count %d, from %d", d.Sum(), d.Count(), d.StartTimestamp())
		}
		got[0] += float64(d.Count())
		for j := range 3 {
			got[1+j] += float64(d.BucketCounts().At(j))
		}
	}
	want := [4]float64{float64(counts[0]+counts[1]+counts[2]) - base[0], float64(counts[0]) - base[1], float64(counts[1]) - base[2], float64(counts[2]) - base[3]}
	if got != want {
		t.Errorf("sent %v, observed %v", got, want)
	}
}

func TestOTLPElementsAreCutInsideAMetric(t *testing.T) {
	t.Parallel()
	md := gaugeLoad().md
	points := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints()
	for range 3000 {
		points.At(0).CopyTo(points.AppendEmpty())
	}
	got, _ := otlpCommitted(t, metrics.New(testOptions()), md)
	if n := got.ResourceMetrics().Len(); n < 5 {
		t.Errorf("%d elements", n)
	}
	for _, rm := range got.ResourceMetrics().All() {
		if rm.Resource().Attributes().Len() != 8 || rm.ScopeMetrics().At(0).Scope().Name() == "" || rm.ScopeMetrics().At(0).Metrics().At(0).Name() == "" {
			t.Fatal("an element without its resource, scope or name")
		}
	}
}
