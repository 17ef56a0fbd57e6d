package e2e

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// noise makes text that hardly can be compressed.
type noise struct{ r *rand.ChaCha8 }

func newNoise() noise { return noise{rand.NewChaCha8([32]byte{7})} }

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func (n noise) text(length int) string {
	b := make([]byte, length)
	_, _ = n.r.Read(b)
	for i := range b {
		b[i] = letters[b[i]%64]
	}
	return string(b)
}

func (n noise) bytes(length int) []byte {
	b := make([]byte, length)
	_, _ = n.r.Read(b)
	return b
}

func textAttr(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

var service = &resourcepb.Resource{Attributes: []*commonpb.KeyValue{textAttr("service.name", "shop"), textAttr("host.name", "h1")}}

func now() uint64 { return uint64(time.Now().UnixNano()) }

// manyPoints are n gauges, and n histograms with buckets of their own.
func (n noise) manyPoints(points, histograms, checks int) *metricspb.MetricsData {
	gauge, sketch := &metricspb.Gauge{}, &metricspb.ExponentialHistogram{AggregationTemporality: metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA}
	check := &metricspb.Gauge{}
	for range points {
		gauge.DataPoints = append(gauge.DataPoints, &metricspb.NumberDataPoint{TimeUnixNano: now(), Value: &metricspb.NumberDataPoint_AsDouble{AsDouble: rand.Float64()},
			Attributes: []*commonpb.KeyValue{textAttr("a", n.text(150)), textAttr("b", n.text(150))}})
	}
	for range histograms {
		counts := make([]uint64, 150)
		total := uint64(0)
		for i := range counts {
			counts[i] = n.r.Uint64() % 50_000
			total += counts[i]
		}
		sketch.DataPoints = append(sketch.DataPoints, &metricspb.ExponentialHistogramDataPoint{TimeUnixNano: now(), Count: total, Sum: proto.Float64(float64(total)), Scale: 3,
			Positive: &metricspb.ExponentialHistogramDataPoint_Buckets{BucketCounts: counts}, Attributes: []*commonpb.KeyValue{textAttr("a", n.text(150)), textAttr("b", n.text(150))}})
	}
	for i := range checks {
		check.DataPoints = append(check.DataPoints, &metricspb.NumberDataPoint{TimeUnixNano: now(), Value: &metricspb.NumberDataPoint_AsInt{AsInt: int64(i % 4)},
			Attributes: []*commonpb.KeyValue{textAttr("datadog.type", "service_check"), textAttr("a", n.text(150)), textAttr("b", n.text(150))}})
	}
	return &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{Resource: service, ScopeMetrics: []*metricspb.ScopeMetrics{{Metrics: []*metricspb.Metric{
		{Name: "noise.gauge", Data: &metricspb.Metric_Gauge{Gauge: gauge}},
		{Name: "noise.histogram", Data: &metricspb.Metric_ExponentialHistogram{ExponentialHistogram: sketch}},
		{Name: "noise.check", Data: &metricspb.Metric_Gauge{Gauge: check}},
	}}}}}}
}

// manyLogs are small ones, large ones whose body is bytes, one that is longer than the intake keeps, and events.
func (n noise) manyLogs(small, large, events int) *logspb.LogsData {
	scope := &logspb.ScopeLogs{}
	add := func(r *logspb.LogRecord) { scope.LogRecords = append(scope.LogRecords, r) }
	for i := range small {
		add(&logspb.LogRecord{TimeUnixNano: now(), Body: textAttr("", fmt.Sprint("small ", i)).Value})
	}
	for range large {
		add(&logspb.LogRecord{TimeUnixNano: now(), Body: &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: n.bytes(300_000)}}})
	}
	add(&logspb.LogRecord{TimeUnixNano: now(), Body: textAttr("", n.text(1_500_000)).Value})
	for range events {
		add(&logspb.LogRecord{TimeUnixNano: now(), EventName: "datadog.event", Body: textAttr("", n.text(3900)).Value})
	}
	return &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{Resource: service, ScopeLogs: []*logspb.ScopeLogs{scope}}}}
}

// manySpans are traces of one span each, with a resource of its own, so that each is a group of stats.
func (n noise) manySpans(spans int) *tracepb.TracesData {
	scope := &tracepb.ScopeSpans{}
	for range spans {
		scope.Spans = append(scope.Spans, &tracepb.Span{TraceId: n.bytes(16), SpanId: n.bytes(8), Name: n.text(50), Kind: tracepb.Span_SPAN_KIND_SERVER,
			StartTimeUnixNano: now() - 1e6, EndTimeUnixNano: now(), Attributes: []*commonpb.KeyValue{textAttr("a", n.text(1000)), textAttr("b", hex.EncodeToString(n.bytes(100)))}})
	}
	return &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{Resource: service, ScopeSpans: []*tracepb.ScopeSpans{scope}}}}
}

// hand gives one call to the collector, which takes all of it.
func hand(t *testing.T, w *world.World, c world.Customer, path string, data proto.Message) {
	t.Helper()
	if status, answer := offer(t, w, c, path, data); status != http.StatusOK || len(answer) > 2 { // a partial success is longer
		t.Fatalf("%s: %d: %s", path, status, answer)
	}
}

// offer makes one call.
func offer(t *testing.T, w *world.World, c world.Customer, path string, data proto.Message) (status int, answer []byte) {
	t.Helper()
	body, err := proto.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.OTLPHTTP+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set(world.TenantHeader, c.Tenant)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// TestNoIntakeSeesABodyAboveItsLimits sends each family several bodies' worth of what hardly can be compressed, in calls and batches that are larger than
// any body may be. All of it arrives, and Datadog, which the stand-in plays strictly, refuses nothing and drops nothing after a 202.
func TestNoIntakeSeesABodyAboveItsLimits(t *testing.T) {
	t.Parallel()
	const batch = "sending_queue.batch.max_size=40000000"
	for _, form := range []struct {
		name  string
		args  []string
		paths []string // that must have been used
		want  intake.Counts
	}{
		{"agent", []string{batch, "traces.bucket_interval=1s", "logs.compression=none"},
			[]string{"/api/v2/series", "/api/beta/sketches", "/api/v1/check_run", "/api/v2/logs", "/api/v1/events", "/api/v0.2/traces", "/api/v0.2/stats"},
			intake.Counts{Points: 12_000, Sketches: 5000, Checks: 5000, Logs: 3021, Events: 30, Spans: 6000, Stats: 6000}},
		{"otlp", []string{batch, "metrics.intake=otlp", "logs.intake=otlp", "traces.intake=otlp"},
			[]string{"/v1/metrics", "/v1/logs", "/v1/traces"},
			intake.Counts{OTLPPoints: 17_000, Checks: 5000, OTLPLogs: 3021, Events: 30, OTLPSpans: 6000}},
		{"public", []string{batch, "traces.intake=public", "traces.bucket_interval=1s"}, []string{"/api/v2/spans"},
			intake.Counts{Points: 12_000, Sketches: 5000, Checks: 5000, Logs: 3021, Events: 30, PublicSpans: 6000, Stats: 6000}},
	} {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			w := start(t, func(o *world.Options) {
				o.Tenants, o.Setup = threeCustomers[2:], &world.Setup{}
				setIntakes(o, form.args...)
			})
			connectAll(t, w)
			c, n := w.Customers[0], newNoise()
			hand(t, w, c, "/v1/metrics", n.manyPoints(12_000, 5000, 5000))
			hand(t, w, c, "/v1/logs", n.manyLogs(3000, 20, 30))
			hand(t, w, c, "/v1/traces", n.manySpans(6000))
			awaitCounts(t, w, c, form.want)
			if got := w.Standin.Intake().Counts(c.Org.ID); got != form.want {
				t.Errorf("Datadog has %+v, want %+v", got, form.want)
			}
			if drops := w.Standin.Intake().Dropped(c.Org.ID); len(drops) != 0 {
				t.Errorf("Datadog dropped %+v", drops)
			}
			bodies := map[string]int{}
			within(t, 10*time.Second, "each intake has two bodies at least, or no limit is tested", func() bool { // the stand-in notes a call after it answered
				clear(bodies)
				for _, e := range w.Standin.History().List(history.Filter{Org: c.Org.ID, Method: http.MethodPost}) {
					if e.Auth == "key" {
						bodies[e.Path]++
					}
				}
				return !slices.ContainsFunc(form.paths, func(path string) bool { return bodies[path] < 2 })
			})
			for _, e := range w.Standin.History().List(history.Filter{Org: c.Org.ID, Method: http.MethodPost}) {
				if e.Auth == "key" && e.Status/100 != 2 {
					t.Errorf("%s: a body of %d bytes was answered with %d", e.Path, e.RequestBytes, e.Status)
				}
			}
			cut := 0
			for _, l := range w.Standin.Intake().Received(c.Org.ID).Logs {
				if strings.HasSuffix(l.Message, "…[truncated]") {
					cut++
				}
			}
			if want := min(form.want.Logs, 1); cut != want {
				t.Errorf("%d logs were cut, want %d", cut, want)
			}
		})
	}
}
