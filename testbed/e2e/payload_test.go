package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// word marks everything that a customer's data can say.
const word = "shibboleth"

// marked is data of each signal, all of whose texts hold the word, well-formed or not.
func marked() (metrics *metricspb.MetricsData, logs *logspb.LogsData, traces *tracepb.TracesData) {
	attrs := func() []*commonpb.KeyValue {
		deep := &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: []*commonpb.KeyValue{textAttr(word+".inner", word)}}}}
		return []*commonpb.KeyValue{textAttr(word+".key", word+" value"), {Key: word + ".map", Value: deep},
			{Key: word + ".bytes", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte(word)}}}}
	}
	resource := &resourcepb.Resource{Attributes: append(attrs(), textAttr("service.name", word+"-shop"), textAttr("host.name", word+"-host"), textAttr("deployment.environment.name", word+"-env"))}
	scope := &commonpb.InstrumentationScope{Name: word + "/scope", Version: word, Attributes: attrs()}

	gauge := func(name string, value float64, more ...*commonpb.KeyValue) *metricspb.Metric {
		return &metricspb.Metric{Name: name, Description: word, Unit: word, Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: []*metricspb.NumberDataPoint{
			{TimeUnixNano: now(), Value: &metricspb.NumberDataPoint_AsDouble{AsDouble: value}, Attributes: append(attrs(), more...)}}}}}
	}
	delta := metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	histogram := func(bounds ...float64) *metricspb.Metric {
		return &metricspb.Metric{Name: word + ".histogram", Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{AggregationTemporality: delta,
			DataPoints: []*metricspb.HistogramDataPoint{{TimeUnixNano: now(), Count: 3, BucketCounts: []uint64{1, 2}, ExplicitBounds: bounds, Attributes: attrs()}}}}}
	}
	metrics = &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{Resource: resource, ScopeMetrics: []*metricspb.ScopeMetrics{{Scope: scope, Metrics: []*metricspb.Metric{
		gauge(word+".gauge", 1), gauge(word+".nan", math.NaN()), gauge("1 bad "+word, 1), gauge(word+".check", 1, textAttr("datadog.type", "service_check")),
		histogram(1), histogram(1, 2, 3), {Name: word + ".nothing"},
	}}}}}}

	record := func(event string, more ...*commonpb.KeyValue) *logspb.LogRecord {
		return &logspb.LogRecord{TimeUnixNano: now(), EventName: event, SeverityText: word, Body: textAttr("", "text of "+word).Value, Attributes: append(attrs(), more...)}
	}
	logs = &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{Resource: resource, ScopeLogs: []*logspb.ScopeLogs{{Scope: scope, LogRecords: []*logspb.LogRecord{
		record(word), record("datadog.event", textAttr("datadog.event.title", word)), record("datadog.service_check", textAttr("datadog.check.name", word)),
		record("datadog.service_check", textAttr("datadog.check.status", word)),
	}}}}}}

	n := newNoise()
	span := &tracepb.Span{TraceId: n.bytes(16), SpanId: n.bytes(8), Name: word + " span", Kind: tracepb.Span_SPAN_KIND_SERVER, TraceState: "a=" + word,
		StartTimeUnixNano: now() - 1e6, EndTimeUnixNano: now(), Attributes: append(attrs(), textAttr("http.url", "https://"+word+"/"), textAttr("db.query.text", "select "+word)),
		Events: []*tracepb.Span_Event{{TimeUnixNano: now(), Name: word, Attributes: attrs()}},
		Links:  []*tracepb.Span_Link{{TraceId: n.bytes(16), SpanId: n.bytes(8), TraceState: word, Attributes: attrs()}},
		Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: word}}
	traces = &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{Resource: resource, ScopeSpans: []*tracepb.ScopeSpans{{Scope: scope,
		Spans: []*tracepb.Span{span, {Name: word + " without ids", Attributes: attrs()}}}}}}}
	return metrics, logs, traces
}

// TestNoPayloadInTheLog: whatever the intakes answer about data, and whatever is wrong with it, a collector at debug level writes nothing of it.
func TestNoPayloadInTheLog(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) {
		o.Tenants, o.Setup = threeCustomers[2:], &world.Setup{}
		o.Args = []string{"--set=service.telemetry.logs.level=debug", "--set=service.telemetry.logs.sampling.enabled=false"}
		setIntakes(o, "traces.bucket_interval=1s", "sending_queue.batch.flush_timeout=50ms", "retry_on_failure.initial_interval=100ms", "retry_on_failure.max_interval=200ms", "retry_on_failure.max_elapsed_time=400ms")
	})
	connectAll(t, w)
	c := w.Customers[0]
	send := func() {
		metrics, logs, traces := marked()
		hand(t, w, c, "/v1/metrics", metrics)
		hand(t, w, c, "/v1/logs", logs)
		hand(t, w, c, "/v1/traces", traces)
	}
	paths := []string{"/api/v2/series", "/api/beta/sketches", "/api/v1/check_run", "/api/v1/events", "/api/v2/logs", "/api/v0.2/traces", "/api/v0.2/stats"}
	text := fmt.Sprintf("invalid tag %q: %s is too long", word+".key:"+word+" value", word+".gauge")
	object, err := json.Marshal(map[string]any{"errors": []any{map[string]string{"title": text, "detail": text}}})
	if err != nil {
		t.Fatal(err)
	}
	texts := fmt.Sprintf(`{"errors":[%q,%q]}`, text, base64.StdEncoding.EncodeToString([]byte(word)))
	for _, answer := range []struct {
		status      int
		media, body string
	}{
		{202, "application/json", texts}, {202, "application/json", string(object)}, {200, "text/html", "<html>" + text}, {202, "text/plain", text},
		{400, "application/json", texts}, {400, "application/json", string(object)}, {400, "text/plain", text}, {400, "text/html", text}, {400, word + "/" + word, text},
		{401, "application/json", texts}, {403, "application/json", texts}, {404, "text/plain", text}, {413, "application/json", texts}, {415, "text/plain", text},
		{302, "text/html", text}, {429, "application/json", texts}, {500, "text/plain", text}, {503, "application/json", texts},
	} {
		for _, path := range paths {
			if _, err := w.Standin.Faults().Add(faults.Fault{Path: path, Count: 1, Status: answer.status, Body: answer.body,
				Headers: map[string]string{"Content-Type": answer.media, "Location": "https://" + word + ":" + word + "/", "X-Echo": word}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	within(t, 60*time.Second, "every intake gives every answer", func() bool {
		send()
		left := 0
		for _, f := range w.Standin.Faults().List() {
			left += 1 - f.Applied
		}
		return left == 0
	})
	nobody := world.Customer{Tenant: "nobody"}
	metrics, _, _ := marked()
	_, _ = offer(t, w, nobody, "/v1/metrics", metrics) // counted as dropped, and logged
	if err := w.Collector.Stop(); err != nil {
		t.Fatal(err)
	}
	log := w.Log.String()
	for _, form := range []string{word, base64.StdEncoding.EncodeToString([]byte(word))[:12]} {
		if i := strings.Index(strings.ToLower(log), strings.ToLower(form)); i >= 0 {
			t.Errorf("the log holds a customer's data: …%s…", log[max(0, i-600):min(len(log), i+200)])
		}
	}
	for _, told := range []string{"an error text of", `\"invalid\"`, "a page of HTML", ": 400: ", ": 413: ", ": 404: ", "found fault with"} {
		if !strings.Contains(log, told) {
			t.Errorf("the log does not say %s, so the answers were not seen", told)
		}
	}
}
