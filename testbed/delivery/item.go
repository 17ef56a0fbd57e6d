package delivery

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// request is an Export…ServiceRequest with one item for each id. padding is added to each of them. With mixed the last of several metrics is a histogram, and the
// last of several log records an event: Datadog has an intake of its own for each.
func request(s load.Signal, tenant string, ids []ID, padding int, mixed bool) ([]byte, error) {
	now := uint64(time.Now().UnixNano()) //nolint:gosec // after 1970
	resource := &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "delivery"), text("host.name", "host-"+tenant)}}
	filling := randomText(padding)
	var other []ID
	if last := len(ids) - 1; mixed && last > 0 && s != load.Traces {
		ids, other = ids[:last], ids[last:]
	}
	switch s {
	case load.Metrics:
		gauge := &metricspb.Gauge{}
		for _, id := range ids {
			gauge.DataPoints = append(gauge.DataPoints, &metricspb.NumberDataPoint{
				TimeUnixNano: now, Value: &metricspb.NumberDataPoint_AsInt{AsInt: int64(id)}, Attributes: []*commonpb.KeyValue{text("id", id.String())}})
		}
		all := []*metricspb.Metric{{Name: "delivery.gauge", Data: &metricspb.Metric_Gauge{Gauge: gauge}}}
		for _, id := range other {
			m := histogram("delivery.histogram", delta, time.Now().Add(-time.Second), time.Now(), int64(id))
			m.GetHistogram().DataPoints[0].Attributes = []*commonpb.KeyValue{text("id", id.String())}
			all = append(all, m)
		}
		return metricRequest(resource, all...)
	case load.Logs:
		scope := &logspb.ScopeLogs{}
		for _, id := range ids {
			scope.LogRecords = append(scope.LogRecords, &logspb.LogRecord{TimeUnixNano: now, Body: value(id.String() + filling)})
		}
		for _, id := range other {
			scope.LogRecords = append(scope.LogRecords, &logspb.LogRecord{TimeUnixNano: now, EventName: "datadog.event", Body: value(id.String() + filling)})
		}
		return marshal(&collogs.ExportLogsServiceRequest{ResourceLogs: []*logspb.ResourceLogs{{Resource: resource, ScopeLogs: []*logspb.ScopeLogs{scope}}}})
	default:
		scope := &tracepb.ScopeSpans{}
		for _, id := range ids {
			trace := binary.BigEndian.AppendUint64(nil, rand.Uint64()|1)
			trace = binary.BigEndian.AppendUint64(trace, uint64(id))
			scope.Spans = append(scope.Spans, &tracepb.Span{
				TraceId: trace, SpanId: binary.BigEndian.AppendUint64(nil, uint64(id)), Name: "GET /delivery", Kind: tracepb.Span_SPAN_KIND_SERVER,
				StartTimeUnixNano: now - 1e6, EndTimeUnixNano: now, Attributes: []*commonpb.KeyValue{text("delivery.id", id.String()+filling)}})
		}
		return marshal(&coltrace.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{Resource: resource, ScopeSpans: []*tracepb.ScopeSpans{scope}}}})
	}
}

// CounterMetric is the name of what a Counter counts.
const CounterMetric = "delivery.total"

// counterRequest is one point of a cumulative series.
func counterRequest(tenant string, start, at time.Time, total int64) ([]byte, error) {
	resource := &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "delivery"), text("host.name", "host-"+tenant)}}
	return metricRequest(resource, sum(CounterMetric, cumulative, start, at, total))
}

func metricRequest(resource *resourcepb.Resource, metrics ...*metricspb.Metric) ([]byte, error) {
	return marshal(&colmetrics.ExportMetricsServiceRequest{ResourceMetrics: []*metricspb.ResourceMetrics{{
		Resource: resource, ScopeMetrics: []*metricspb.ScopeMetrics{{Metrics: metrics}},
	}}})
}

func marshal(m proto.Message) ([]byte, error) { return proto.Marshal(m) }

func value(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func text(key, s string) *commonpb.KeyValue { return &commonpb.KeyValue{Key: key, Value: value(s)} }

// randomText is n letters behind a blank, which no compression makes small.
func randomText(n int) string {
	if n == 0 {
		return ""
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rand.IntN(26))
	}
	b[0] = ' '
	return string(b)
}
