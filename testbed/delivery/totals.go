package delivery

import (
	"context"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// The metrics of Totals.
const (
	CumulativeSum       = "delivery.sum.cumulative"
	DeltaSum            = "delivery.sum.delta"
	CumulativeHistogram = "delivery.histogram.cumulative"
	DeltaHistogram      = "delivery.histogram.delta"
)

// Totals are metrics of a tenant that are judged by what they add up to: a sum and a histogram, each of them cumulative and delta. Every export has a point
// of each, and each counts by the same number. So what is missing in a cumulative one says how many of its points were baselines.
//
// Like a Counter's, the series began long before any collector, and their points have times a second apart. One goroutine exports.
type Totals struct {
	Tenant  string
	By      int64 // what an export counts by
	Exports int64 // acknowledged

	client      *Client
	start, next time.Time
}

// NewTotals begins at a moment, with points of times from then on.
func (c *Client) NewTotals(tenant string, by int64, begin time.Time) *Totals {
	return &Totals{Tenant: tenant, By: by, client: c, start: begin.Add(-time.Hour), next: begin}
}

// Export hands over a point of each metric.
func (t *Totals) Export(ctx context.Context) (Outcome, error) {
	last := t.next
	t.next = last.Add(time.Second)
	resource := &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "totals"), text("host.name", "host-"+t.Tenant)}}
	total := (t.Exports + 1) * t.By
	body, err := metricRequest(resource,
		sum(CumulativeSum, cumulative, t.start, t.next, total), sum(DeltaSum, delta, last, t.next, t.By),
		histogram(CumulativeHistogram, cumulative, t.start, t.next, total), histogram(DeltaHistogram, delta, last, t.next, t.By))
	if err != nil {
		return Unsent, err
	}
	o, err := t.client.post(ctx, load.Metrics, t.Tenant, body)
	if o == Acknowledged {
		t.Exports++
	}
	return o, err
}

const (
	cumulative = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
	delta      = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
)

func sum(name string, temporality metricspb.AggregationTemporality, start, at time.Time, total int64) *metricspb.Metric {
	return &metricspb.Metric{Name: name, Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{
		AggregationTemporality: temporality, IsMonotonic: true,
		DataPoints: []*metricspb.NumberDataPoint{{
			StartTimeUnixNano: nano(start), TimeUnixNano: nano(at), Value: &metricspb.NumberDataPoint_AsInt{AsInt: total},
		}},
	}}}
}

// histogram has all observations between its two bounds.
func histogram(name string, temporality metricspb.AggregationTemporality, start, at time.Time, count int64) *metricspb.Metric {
	observed := 1.5 * float64(count)
	return &metricspb.Metric{Name: name, Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{
		AggregationTemporality: temporality,
		DataPoints: []*metricspb.HistogramDataPoint{{
			StartTimeUnixNano: nano(start), TimeUnixNano: nano(at), Count: uint64(count), Sum: &observed, //nolint:gosec // it counts up
			ExplicitBounds: []float64{1, 2}, BucketCounts: []uint64{0, uint64(count), 0}, //nolint:gosec // it counts up
		}},
	}}}
}

func nano(t time.Time) uint64 { return uint64(t.UnixNano()) } //nolint:gosec // after 1970
