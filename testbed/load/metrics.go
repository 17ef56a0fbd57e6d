package load

import (
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

const (
	delta      = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	cumulative = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
)

// bounds are the SDKs' advice for the duration of HTTP requests, in seconds.
var bounds = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}

// started is when cumulative series began: before any process that a benchmark starts.
const started = 24 * time.Hour

// firsts is how many of the items are cumulative.
func (m MetricsMix) firsts(items int) int {
	share := m.CumulativeSum
	if m.HistogramTemporality == "cumulative" {
		share += m.Histogram
	}
	return items * share / 100
}

func (b *builder) metrics(m MetricsMix, items, n int) *colmetrics.ExportMetricsServiceRequest {
	sm := &metricspb.ScopeMetrics{Scope: scope("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp")}
	now := b.moment(0)
	interval := sync.OnceValue(func() uint64 { return b.moment(10 * time.Second) })
	began := uint64(time.Now().Add(-started).UnixNano()) //nolint:gosec // after 1970
	add := func(percent int, name, unit string, data func(attributes [][]*commonpb.KeyValue) *metricspb.Metric) {
		for i := range items * percent / 100 / m.PointsPerMetric {
			attributes := make([][]*commonpb.KeyValue, m.PointsPerMetric)
			for p := range attributes {
				attributes[p] = b.pointAttributes(p)
			}
			metric := data(attributes)
			metric.Name, metric.Unit = name+"."+strconv.Itoa(i), unit
			sm.Metrics = append(sm.Metrics, metric)
		}
	}
	add(m.Gauge, "process.runtime.pool.utilization", "1", func(attributes [][]*commonpb.KeyValue) *metricspb.Metric {
		return &metricspb.Metric{Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: each(attributes, func(kv []*commonpb.KeyValue) *metricspb.NumberDataPoint {
			return &metricspb.NumberDataPoint{Attributes: kv, TimeUnixNano: now, Value: &metricspb.NumberDataPoint_AsDouble{AsDouble: b.measure()}}
		})}}}
	})
	add(m.CumulativeSum, "http.server.request.count", "{request}", func(attributes [][]*commonpb.KeyValue) *metricspb.Metric {
		return &metricspb.Metric{Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{IsMonotonic: true, AggregationTemporality: cumulative,
			DataPoints: each(attributes, func(kv []*commonpb.KeyValue) *metricspb.NumberDataPoint {
				v := &metricspb.NumberDataPoint_AsInt{AsInt: int64(b.counter(1 + b.rand.Uint64N(5000)))} //nolint:gosec // below 2^63
				return &metricspb.NumberDataPoint{Attributes: kv, StartTimeUnixNano: began, TimeUnixNano: now, Value: v}
			})}}}
	})
	temporality, start := delta, interval
	if m.HistogramTemporality == "cumulative" {
		temporality, start = cumulative, func() uint64 { return began }
	}
	add(m.Histogram, "http.server.request.duration", "s", func(attributes [][]*commonpb.KeyValue) *metricspb.Metric {
		return &metricspb.Metric{Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{AggregationTemporality: temporality,
			DataPoints: each(attributes, func(kv []*commonpb.KeyValue) *metricspb.HistogramDataPoint {
				p := b.histogram(temporality)
				p.Attributes, p.StartTimeUnixNano, p.TimeUnixNano = kv, start(), now
				return p
			})}}}
	})
	add(m.ExponentialHistogram, "rpc.client.duration", "ms", func(attributes [][]*commonpb.KeyValue) *metricspb.Metric {
		return &metricspb.Metric{Data: &metricspb.Metric_ExponentialHistogram{ExponentialHistogram: &metricspb.ExponentialHistogram{AggregationTemporality: delta,
			DataPoints: each(attributes, func(kv []*commonpb.KeyValue) *metricspb.ExponentialHistogramDataPoint {
				p := b.exponential(m.ExponentialBuckets)
				p.Attributes, p.StartTimeUnixNano, p.TimeUnixNano = kv, interval(), now
				return p
			})}}}
	})
	return &colmetrics.ExportMetricsServiceRequest{ResourceMetrics: []*metricspb.ResourceMetrics{{Resource: b.resource(n), ScopeMetrics: []*metricspb.ScopeMetrics{sm}}}}
}

func each[P any](attributes [][]*commonpb.KeyValue, point func([]*commonpb.KeyValue) P) []P {
	points := make([]P, len(attributes))
	for i, kv := range attributes {
		points[i] = point(kv)
	}
	return points
}

// pointAttributes are the four of point n of a metric; its route tells it from the others.
func (b *builder) pointAttributes(n int) []*commonpb.KeyValue {
	route := routes[n%len(routes)]
	if n >= len(routes) {
		route += "/" + strconv.Itoa(n)
	}
	return []*commonpb.KeyValue{
		text("http.request.method", pick(b, methods)), text("http.route", route),
		integer("http.response.status_code", pick(b, statuses)), text("server.address", fmt.Sprintf("api-%d.shop.example.com", b.rand.IntN(20))),
	}
}

// histogram is one whose observations are around a bound, in about half of the buckets. A cumulative one grows by the same each round.
func (b *builder) histogram(t metricspb.AggregationTemporality) *metricspb.HistogramDataPoint {
	number := func(n uint64) uint64 { return n }
	value := func(v float64) float64 { return v }
	p := &metricspb.HistogramDataPoint{ExplicitBounds: bounds}
	if t == cumulative {
		number, value = b.counter, b.total
	} else {
		minimum, maximum := .001, 9.5
		p.Min, p.Max = &minimum, &maximum
	}
	var count uint64
	middle := 2 + b.rand.IntN(len(bounds)-4)
	for i := range len(bounds) + 1 {
		var in uint64
		if distance := max(i-middle, middle-i); distance < 4 {
			in = 1 + b.rand.Uint64N(400>>(2*distance)+1)
		}
		count += in
		p.BucketCounts = append(p.BucketCounts, number(in))
	}
	sum := value(float64(count) * bounds[middle])
	p.Count, p.Sum = number(count), &sum
	return p
}

// exponential is one of scale 3 with observations in n neighbouring buckets, most of them in the middle.
func (b *builder) exponential(n int) *metricspb.ExponentialHistogramDataPoint {
	const scale = 3
	p := &metricspb.ExponentialHistogramDataPoint{Scale: scale, Positive: &metricspb.ExponentialHistogramDataPoint_Buckets{Offset: int32(b.rand.IntN(20))}} //nolint:gosec // below 20
	var sum float64
	for i := range n {
		in := 1 + b.rand.Uint64N(uint64(1+200/(1+max(i-n/2, n/2-i)))) //nolint:gosec // positive
		p.Count += in
		p.Positive.BucketCounts = append(p.Positive.BucketCounts, in)
		sum += float64(in) * math.Exp2(float64(int(p.Positive.Offset)+i)/(1<<scale))
	}
	p.Sum = &sum
	return p
}
