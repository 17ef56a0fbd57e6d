package intake_test

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

const typePlain = "text/plain;charset=UTF-8"

// publicSpanWith is a valid span with the members of more.
func publicSpanWith(more string) string {
	return `{"trace_id":"1f","span_id":"2a","parent_id":"0","name":"n","service":"s","resource":"r","type":"web","start":5,"duration":0,"error":1` + more + `}`
}

func line(span string) string { return `{"spans":[` + span + `],"env":"prod"}` }

func TestPublicSpansAreKept(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	more := `,"meta.a.b":"c","meta.on":true,"meta.n":2,"meta.os":{"name":"x"},"metrics._top_level":1`
	h.post("spans", "/api/v2/spans", typePlain, []byte(line(publicSpanWith(more))+"\n"+line(publicSpanWith(``))))
	got := h.Received(orgEU).PublicSpans
	want := intake.PublicSpan{
		TraceID: "1f", SpanID: "2a", ParentID: "0", Name: "n", Service: "s", Resource: "r", Type: "web", Start: 5, Error: true, Env: "prod", Arrived: h.now(),
		Meta:    map[string]any{"a.b": "c", "on": true, "n": 2.0, "os": map[string]any{"name": "x"}},
		Metrics: map[string]float64{"_top_level": 1},
	}
	if len(got) != 2 || !reflect.DeepEqual(got[0], want) || h.Counts(orgEU) != (intake.Counts{PublicSpans: 2}) {
		t.Errorf("kept %+v", got)
	}
}

func TestPublicSpansThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	many := strings.Builder{}
	for i := range 129 {
		fmt.Fprintf(&many, `,"meta.k%d":"v"`, i)
	}
	for name, body := range map[string]string{
		"an array":                 `[` + line(publicSpanWith("")) + `]`,
		"a line end at the end":    line(publicSpanWith("")) + "\n",
		"no env":                   `{"spans":[` + publicSpanWith("") + `]}`,
		"no spans":                 `{"spans":[],"env":""}`,
		"an unknown member":        line(publicSpanWith(`,"metadata":1`)),
		"nested meta":              line(publicSpanWith(`,"meta":{"a":"b"}`)),
		"meta that is an object":   line(publicSpanWith(`,"meta.a":{"b":"c"}`)),
		"meta that is a list":      line(publicSpanWith(`,"meta.a":["b"]`)),
		"meta that is null":        line(publicSpanWith(`,"meta.a":null`)),
		"device that is no object": line(publicSpanWith(`,"meta.device":"phone"`)),
		"metrics that are text":    line(publicSpanWith(`,"metrics.a":"1"`)),
		"a member twice":           line(publicSpanWith(`,"meta.a":"1","meta.a":"1"`)),
		"too many attributes":      line(publicSpanWith(many.String())),
		"a decimal id":             line(strings.Replace(publicSpanWith(""), `"1f"`, `31`, 1)),
		"an id that is too long":   line(strings.Replace(publicSpanWith(""), `"1f"`, `"`+strings.Repeat("1", 17)+`"`, 1)),
		"no trace":                 line(strings.Replace(publicSpanWith(""), `"1f"`, `"00"`, 1)),
		"no service":               line(strings.Replace(publicSpanWith(""), `"service":"s",`, ``, 1)),
		"an empty resource":        line(strings.Replace(publicSpanWith(""), `"r"`, `""`, 1)),
		"error 2":                  line(strings.Replace(publicSpanWith(""), `"error":1`, `"error":2`, 1)),
		"a start that is a float":  line(strings.Replace(publicSpanWith(""), `"start":5`, `"start":5.5`, 1)),
		"a span that is no object": line(`"span"`),
		"something after the line": line(publicSpanWith("")) + `{}`,
	} {
		if status, answer := h.send("POST", "spans", "/api/v2/spans", headers{"Content-Type": typePlain}, []byte(body)); status != 400 {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if status, _ := h.send("POST", "spans", "/api/v2/spans", headers{"Content-Type": typePlain}, []byte(strings.Repeat("x", 3_200_001))); status != 413 {
		t.Errorf("too large: %d", status)
	}
	if status, _ := h.send("POST", "spans", "/api/v2/spans", nil, []byte(line(publicSpanWith("")))); status != 415 {
		t.Errorf("as JSON: %d", status)
	}
	if status, _ := h.send("POST", "spans", "/api/v2/spans", headers{"Content-Type": typePlain, "DD-API-KEY": "x"}, []byte(line(publicSpanWith("")))); status != 403 {
		t.Errorf("another key: %d", status)
	}
	if got := h.Counts(orgEU); got != (intake.Counts{}) {
		t.Errorf("kept %+v", got)
	}
}

func number(start, ts uint64, v float64) *metricspb.NumberDataPoint {
	return &metricspb.NumberDataPoint{StartTimeUnixNano: start, TimeUnixNano: ts, Value: &metricspb.NumberDataPoint_AsDouble{AsDouble: v}}
}

func TestOTLPThatContradictsItselfIsRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	delta := metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	gauge := func(p *metricspb.NumberDataPoint) []byte {
		return protoBytes(otlpMetrics(&metricspb.Metric{Name: "g", Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: []*metricspb.NumberDataPoint{p}}}}))
	}
	histogram := func(p *metricspb.HistogramDataPoint) []byte {
		return protoBytes(otlpMetrics(&metricspb.Metric{Name: "h", Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{
			AggregationTemporality: delta, DataPoints: []*metricspb.HistogramDataPoint{p}}}}))
	}
	exponential := func(p *metricspb.ExponentialHistogramDataPoint) []byte {
		return protoBytes(otlpMetrics(&metricspb.Metric{Name: "e", Data: &metricspb.Metric_ExponentialHistogram{ExponentialHistogram: &metricspb.ExponentialHistogram{
			AggregationTemporality: delta, DataPoints: []*metricspb.ExponentialHistogramDataPoint{p}}}}))
	}
	span := func(s *tracepb.Span) []byte {
		return protoBytes(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{s}}}}}})
	}
	id := func(n int) []byte { return bytes.Repeat([]byte{1}, n) }
	for name, c := range map[string]struct {
		path  string
		body  []byte
		taken bool
	}{
		"a gauge":                         {"/v1/metrics", gauge(number(0, now0*1e9, 1)), true},
		"no value":                        {"/v1/metrics", gauge(&metricspb.NumberDataPoint{TimeUnixNano: 1}), false},
		"no time":                         {"/v1/metrics", gauge(number(0, 0, 1)), false},
		"ends before it begins":           {"/v1/metrics", gauge(number(3, 2, 1)), false},
		"a histogram":                     {"/v1/metrics", histogram(&metricspb.HistogramDataPoint{TimeUnixNano: 1, Count: 3, BucketCounts: []uint64{1, 2}, ExplicitBounds: []float64{1}}), true},
		"a histogram of other counts":     {"/v1/metrics", histogram(&metricspb.HistogramDataPoint{TimeUnixNano: 1, Count: 4, BucketCounts: []uint64{1, 2}, ExplicitBounds: []float64{1}}), false},
		"a histogram of other bounds":     {"/v1/metrics", histogram(&metricspb.HistogramDataPoint{TimeUnixNano: 1, Count: 3, BucketCounts: []uint64{1, 2}}), false},
		"an exponential one":              {"/v1/metrics", exponential(&metricspb.ExponentialHistogramDataPoint{TimeUnixNano: 1, Count: 3, ZeroCount: 1, Positive: &metricspb.ExponentialHistogramDataPoint_Buckets{BucketCounts: []uint64{2}}}), true},
		"an exponential of other counts":  {"/v1/metrics", exponential(&metricspb.ExponentialHistogramDataPoint{TimeUnixNano: 1, Count: 3}), false},
		"a span":                          {"/v1/traces", span(&tracepb.Span{TraceId: id(16), SpanId: id(8)}), true},
		"a span without id":               {"/v1/traces", span(&tracepb.Span{TraceId: id(16)}), false},
		"a span of trace zero":            {"/v1/traces", span(&tracepb.Span{TraceId: make([]byte, 16), SpanId: id(8)}), false},
		"a span with half a parent":       {"/v1/traces", span(&tracepb.Span{TraceId: id(16), SpanId: id(8), ParentSpanId: id(4)}), false},
		"a span with half a link":         {"/v1/traces", span(&tracepb.Span{TraceId: id(16), SpanId: id(8), Links: []*tracepb.Span_Link{{TraceId: id(8)}}}), false},
		"a log record with half an id":    {"/v1/logs", protoBytes(&logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{{TraceId: id(3)}}}}}}}), false},
		"a log record that is not UTF-8":  {"/v1/logs", []byte("\x0a\x0a\x12\x08\x12\x06\x1a\x02\xff\xfe\x10\x01"), false},
		"a span whose name is not UTF-8.": {"/v1/traces", []byte("\x0a\x06\x1a\x04\xff\xff\xff\xff"), false},
	} {
		status, answer := h.send("POST", "otlp", c.path, headers{"Content-Type": typeProto}, c.body)
		if want := map[bool]int{true: http.StatusAccepted, false: http.StatusBadRequest}[c.taken]; status != want {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
}

func TestOTLPHeaders(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, c := range []struct {
		name, value string
		status      int
	}{
		{"compute_stats", "true", 202},
		{"compute_stats", "yes", 400},
		{"dd-otel-span-mapping", `{"ignore_resources":["GET /health"],"span_name_remappings":{"a":"b"},"span_name_as_resource_name":false}`, 202},
		{"dd-otel-span-mapping", `{"spans":1}`, 400},
		{"dd-otel-metric-config", `{"resource_attributes_as_tags":true,"histograms":{"mode":"counters","send_aggregation_metrics":true},"summaries":{"mode":"gauges"}}`, 202},
		{"dd-otel-metric-config", `{"histograms":{"mode":"sketches"}}`, 400},
		{"dd-otel-metric-config", `{`, 400},
	} {
		if status, answer := h.send("POST", "otlp", "/v1/logs", headers{"Content-Type": typeProto, c.name: c.value}, protoBytes(&logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{}}})); status != c.status {
			t.Errorf("%s: %s: %d %s", c.name, c.value, status, answer)
		}
	}
}

func TestAnOrgWithoutOTLPIsRefusedThereAlone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.RefuseOTLP(orgEU, true)
	body := protoBytes(&logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{}}})
	if status, answer := h.send("POST", "otlp", "/v1/logs", headers{"Content-Type": typeProto}, body); status != 403 || !strings.Contains(answer, "organization is not allowed") {
		t.Errorf("%d %s", status, answer)
	}
	if status, _ := h.send("POST", "spans", "/api/v2/spans", headers{"Content-Type": typePlain}, []byte(line(publicSpanWith("")))); status != 202 {
		t.Errorf("the public span intake: %d", status)
	}
	h.RefuseOTLP(orgEU, false)
	if status, answer := h.send("POST", "otlp", "/v1/logs", headers{"Content-Type": typeProto}, body); status != 202 {
		t.Errorf("%d %s", status, answer)
	}
}
