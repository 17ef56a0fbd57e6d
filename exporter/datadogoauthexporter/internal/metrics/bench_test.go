package metrics_test

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

const loadPoints = 1000

// load is one request of a service: 8 resource attributes, 100 metrics of 10 points, 4 attributes each.
type load struct {
	md     pmetric.Metrics
	stamps []func(pcommon.Timestamp)
	values []func(int64)
	step   int64
}

// advance makes the points of the load the next ones of their series.
func (l *load) advance() {
	l.step++
	for _, set := range l.stamps {
		set(pcommon.Timestamp((1_800_000_000 + 10*l.step) * 1e9))
	}
	for _, set := range l.values {
		set(l.step)
	}
}

func newLoad(add func(l *load, m pmetric.Metric) pcommon.Map) *load {
	l := &load{md: pmetric.NewMetrics()}
	rm := l.md.ResourceMetrics().AppendEmpty()
	attrs := rm.Resource().Attributes()
	for _, kv := range [][2]string{
		{"service.name", "checkout"}, {"service.version", "4.12.0"}, {"deployment.environment.name", "production"},
		{"host.name", "ip-10-0-31-7"}, {"k8s.pod.name", "checkout-7d9c5c8f6b-x2x7q"}, {"k8s.namespace.name", "shop"},
		{"telemetry.sdk.language", "go"}, {"cloud.region", "eu-central-1"},
	} {
		attrs.PutStr(kv[0], kv[1])
	}
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp")
	sm.Scope().SetVersion("0.70.0")
	for i := range loadPoints / 10 {
		for j := range 10 {
			var m pmetric.Metric
			if j == 0 {
				m = sm.Metrics().AppendEmpty()
				m.SetName(fmt.Sprintf("http.server.request.duration.%d", i))
				m.SetUnit("ms")
			} else {
				m = sm.Metrics().At(i)
			}
			a := add(l, m)
			a.PutStr("http.request.method", "GET")
			a.PutStr("http.route", fmt.Sprintf("/api/v1/orders/%d", j))
			a.PutInt("http.response.status_code", 200)
			a.PutStr("network.protocol.version", "1.1")
		}
	}
	l.advance()
	return l
}

func gaugeLoad() *load {
	return newLoad(func(l *load, m pmetric.Metric) pcommon.Map {
		if m.Type() != pmetric.MetricTypeGauge {
			m.SetEmptyGauge()
		}
		p := m.Gauge().DataPoints().AppendEmpty()
		p.SetDoubleValue(12.5)
		l.stamps = append(l.stamps, p.SetTimestamp)
		return p.Attributes()
	})
}

func sumLoad() *load {
	return newLoad(func(l *load, m pmetric.Metric) pcommon.Map {
		if m.Type() != pmetric.MetricTypeSum {
			m.SetEmptySum().SetIsMonotonic(true)
			m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		}
		p := m.Sum().DataPoints().AppendEmpty()
		p.SetStartTimestamp(1)
		l.stamps = append(l.stamps, p.SetTimestamp)
		l.values = append(l.values, func(step int64) { p.SetIntValue(17 * step) })
		return p.Attributes()
	})
}

func deltaLoad() *load {
	return newLoad(func(l *load, m pmetric.Metric) pcommon.Map {
		if m.Type() != pmetric.MetricTypeSum {
			m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		}
		p := m.Sum().DataPoints().AppendEmpty()
		p.SetIntValue(17)
		l.stamps = append(l.stamps, p.SetTimestamp)
		l.values = append(l.values, func(int64) {}) // each request is of a later second
		return p.Attributes()
	})
}

func histogramLoad(temporality pmetric.AggregationTemporality) *load {
	return newLoad(func(l *load, m pmetric.Metric) pcommon.Map {
		if m.Type() != pmetric.MetricTypeHistogram {
			m.SetEmptyHistogram().SetAggregationTemporality(temporality)
		}
		p := m.Histogram().DataPoints().AppendEmpty()
		p.SetStartTimestamp(1)
		// The default bounds of the OpenTelemetry SDKs.
		p.ExplicitBounds().FromRaw([]float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000})
		counts := []uint64{0, 4, 19, 37, 21, 9, 4, 3, 1, 0, 1, 0, 0, 0, 0, 0}
		p.BucketCounts().FromRaw(counts)
		l.stamps = append(l.stamps, p.SetTimestamp)
		l.values = append(l.values, func(step int64) {
			factor := uint64(1)
			if temporality == pmetric.AggregationTemporalityCumulative {
				factor = uint64(step)
			}
			for i, n := range counts {
				p.BucketCounts().SetAt(i, n*factor)
			}
			p.SetCount(99 * factor)
			p.SetSum(3721.5 * float64(factor))
		})
		p.SetMin(2)
		p.SetMax(830)
		return p.Attributes()
	})
}

// busyLoad is of histograms with hundreds of observations around a bound in seconds, as the duration of requests has.
func busyLoad() *load {
	bounds := []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}
	n := uint64(0)
	return newLoad(func(l *load, m pmetric.Metric) pcommon.Map {
		if m.Type() != pmetric.MetricTypeHistogram {
			m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		}
		p := m.Histogram().DataPoints().AppendEmpty()
		p.ExplicitBounds().FromRaw(bounds)
		n = n*7 + 1
		middle, total := 2+int(n%10), uint64(0)
		for i := range len(bounds) + 1 {
			in := uint64(0)
			if away := max(i-middle, middle-i); away < 4 {
				in = (n>>7)%(400>>(2*away)+1) + 1
			}
			p.BucketCounts().Append(in)
			total += in
		}
		p.SetCount(total)
		p.SetSum(float64(total) * bounds[middle])
		p.SetMin(.001)
		p.SetMax(9.5)
		l.stamps = append(l.stamps, p.SetTimestamp)
		return p.Attributes()
	})
}

func exponentialLoad() *load {
	return newLoad(func(l *load, m pmetric.Metric) pcommon.Map {
		if m.Type() != pmetric.MetricTypeExponentialHistogram {
			m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		}
		p := m.ExponentialHistogram().DataPoints().AppendEmpty()
		p.SetScale(3)
		p.Positive().SetOffset(8)
		total := uint64(0)
		for i := range uint64(60) {
			n := (i * 7) % 11
			p.Positive().BucketCounts().Append(n)
			total += n
		}
		p.SetCount(total)
		p.SetSum(float64(total) * 40)
		p.SetMin(2)
		p.SetMax(350)
		l.stamps = append(l.stamps, p.SetTimestamp)
		return p.Attributes()
	})
}

func summaryLoad() *load {
	return newLoad(func(l *load, m pmetric.Metric) pcommon.Map {
		if m.Type() != pmetric.MetricTypeSummary {
			m.SetEmptySummary()
		}
		p := m.Summary().DataPoints().AppendEmpty()
		for _, q := range []float64{0.5, 0.9, 0.99} {
			v := p.QuantileValues().AppendEmpty()
			v.SetQuantile(q)
			v.SetValue(100 * q)
		}
		l.stamps = append(l.stamps, p.SetTimestamp)
		l.values = append(l.values, func(step int64) {
			p.SetCount(uint64(step) * 9)
			p.SetSum(float64(step) * 400)
		})
		return p.Attributes()
	})
}

// run is one request in the steady state: series are known and buffers have grown.
type run struct {
	m                *metrics.Mapper
	series, sketches intake.Payload
	drops            intake.Drops
	otlp             bool // to series
}

func (r *run) request(l *load) {
	r.series.Body, r.series.Items = r.series.Body[:0], r.series.Items[:0]
	r.sketches.Body, r.sketches.Items = r.sketches.Body[:0], r.sketches.Items[:0]
	tx := r.m.Begin("tenant")
	if r.otlp {
		tx.MapOTLP(l.md.ResourceMetrics().At(0), metrics.Exception{}, &r.series, &r.drops)
	} else {
		tx.Map(l.md.ResourceMetrics().At(0), &r.series, &r.sketches, &r.drops)
	}
	tx.Commit()
}

func benchmarkLoad(b *testing.B, l *load) {
	benchmarkRun(b, l, run{m: metrics.New(testOptions())})
}

func benchmarkRun(b *testing.B, l *load, r run) {
	r.request(l) // warm: the steady state is what we measure
	l.advance()
	r.request(l)
	if got := r.series.Count() + r.sketches.Count(); got != loadPoints {
		b.Fatalf("%d of %d points mapped", got, loadPoints)
	}
	size := len(r.series.Body) + len(r.sketches.Body)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if len(l.values) > 0 {
			b.StopTimer()
			l.advance()
			b.StartTimer()
		}
		r.request(l)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/loadPoints, "ns/item")
	b.ReportMetric(float64(size)/loadPoints, "wire-B/item")
}

func BenchmarkMapGauge(b *testing.B) { benchmarkLoad(b, gaugeLoad()) }
func BenchmarkMapSum(b *testing.B)   { benchmarkLoad(b, sumLoad()) }

func BenchmarkMapSumDelta(b *testing.B) { benchmarkLoad(b, deltaLoad()) }

func BenchmarkMapHistogram(b *testing.B) {
	benchmarkLoad(b, histogramLoad(pmetric.AggregationTemporalityDelta))
}

func BenchmarkMapHistogramBusy(b *testing.B) { benchmarkLoad(b, busyLoad()) }

func BenchmarkMapHistogramCumulative(b *testing.B) {
	benchmarkLoad(b, histogramLoad(pmetric.AggregationTemporalityCumulative))
}

func BenchmarkMapExponentialHistogram(b *testing.B) { benchmarkLoad(b, exponentialLoad()) }
func BenchmarkMapSummary(b *testing.B)              { benchmarkLoad(b, summaryLoad()) }

func BenchmarkMapOTLP(b *testing.B) {
	for name, l := range map[string]*load{
		"gauge": gaugeLoad(), "sum": sumLoad(), "histogram": histogramLoad(pmetric.AggregationTemporalityCumulative), "exponential": exponentialLoad(),
	} {
		b.Run(name, func(b *testing.B) { benchmarkRun(b, l, run{m: metrics.New(testOptions()), otlp: true}) })
	}
}
