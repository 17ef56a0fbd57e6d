package intake_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/DataDog/agent-payload/v5/gogen"
	"google.golang.org/protobuf/proto"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

func TestTakesEveryContentEncoding(t *testing.T) {
	t.Parallel()
	plain := func(b []byte) []byte { return b }
	for encoding, compress := range map[string]func([]byte) []byte{
		"": plain, "identity": plain, "gzip": gzipped, "deflate": zlibbed, "zstd": zstded, "zstd1": zstded,
	} {
		for _, c := range []struct {
			purpose, path, contentType string
			body                       []byte
			want                       intake.Counts
		}{
			{"api", "/api/v2/series", typeProto, seriesBody(nil), intake.Counts{Points: 1}},
			{"api", "/api/beta/sketches", typeProto, sketchBody(nil), intake.Counts{Sketches: 1}},
			{"logs", "/api/v2/logs", typeJSON, []byte(`[{"message":"a"}]`), intake.Counts{Logs: 1}},
			{"traces", "/api/v0.2/traces", typeProto, traceBody(nil), intake.Counts{Spans: 2}},
		} {
			if c.purpose == "traces" && strings.HasPrefix(encoding, "zstd") {
				continue
			}
			t.Run(c.path+" "+encoding, func(t *testing.T) {
				t.Parallel()
				h := newHarness(t)
				hs := headers{"Content-Type": c.contentType, "Content-Encoding": encoding}
				if status, answer := h.send("POST", c.purpose, c.path, hs, compress(c.body)); status != 202 {
					t.Fatalf("%d %s", status, answer)
				}
				if got := h.Counts(orgEU); got != c.want {
					t.Errorf("counts %+v, want %+v", got, c.want)
				}
			})
		}
	}
}

func TestSeriesAreKeptOnePerSecond(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	same := gauge("a.b", now0, 2)
	same.Tags = []string{"team:core", "env:prod", "team:core"} // the same tags as Datadog keeps them
	other := gauge("a.b", now0, 3)
	other.Resources = nil
	for _, s := range []*gogen.MetricPayload_MetricSeries{gauge("a.b", now0, 1), same, other} {
		answer := h.post("api", "/api/v2/series", typeProto, marshal(&gogen.MetricPayload{Series: []*gogen.MetricPayload_MetricSeries{s}}))
		if answer != `{"errors":[]}` {
			t.Errorf("answer %s", answer)
		}
	}
	type kept struct {
		host  string
		value float64
		tags  string
	}
	var got []kept
	for _, p := range h.Received(orgEU).Series {
		got = append(got, kept{p.Host, p.Value, strings.Join(p.Tags, ",")})
	}
	want := []kept{{"", 3, "env:prod,team:core"}, {"web-1", 2, "env:prod,team:core"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("kept %+v, want %+v", got, want)
	}
	if c, a := h.Counts(orgEU).Points, h.Accepted(orgEU).Points; c != 2 || a != 3 {
		t.Errorf("counted %d, accepted %d; want 2 and 3", c, a)
	}
}

func TestSeriesAsJSONAreTheSameAsProtobuf(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.post("api", "/api/v2/series", typeProto, seriesBody(func(s *gogen.MetricPayload_MetricSeries) {
		s.Type, s.Interval, s.Unit = gogen.MetricPayload_COUNT, 0, "byte"
	}))
	viaProto := h.Received(orgEU).Series
	h.Reset(orgEU)
	h.post("api", "/api/v2/series", typeJSON+"; charset=utf-8", fmt.Appendf(nil, `{"series":[{"metric":"a.b","type":1,"interval":0,
		"unit":"byte","points":[{"timestamp":%d,"value":1}],"resources":[{"name":"web-1","type":"host"}],
		"tags":["env:prod","Team:Core"],"metadata":{"origin":{"product":19}}}]}`, now0))
	viaJSON := h.Received(orgEU).Series
	if len(viaProto) != 1 || !reflect.DeepEqual(viaProto, viaJSON) {
		t.Errorf("protobuf %+v\nJSON     %+v", viaProto, viaJSON)
	}
}

func TestPointsOutsideTheWindowAreDroppedSilently(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, ts := range []int64{now0 - 3601, now0 - 3600, now0, now0 + 600, now0 + 601} {
		h.post("api", "/api/v2/series", typeProto, marshal(&gogen.MetricPayload{Series: []*gogen.MetricPayload_MetricSeries{gauge("a.b", ts, 1)}}))
		h.post("api", "/api/beta/sketches", typeProto, sketchBody(func(_ *gogen.SketchPayload_Sketch, d *gogen.SketchPayload_Sketch_Dogsketch) { d.Ts = ts }))
	}
	h.post("logs", "/api/v2/logs", typeJSON, fmt.Appendf(nil, `[{"message":"old","timestamp":%d},{"message":"young","timestamp":%d}]`,
		(now0-18*3600)*1000-1, (now0-18*3600)*1000))
	h.post("api", "/api/v1/check_run", typeJSON, fmt.Appendf(nil, `[{"check":"c","host_name":"h","status":1,"tags":[],"timestamp":%d}]`, now0-601))
	// In one body of OTLP.
	var points []*metricspb.NumberDataPoint
	for _, ts := range []uint64{now0 - 3601, now0 - 3600, now0, now0 + 600, now0 + 601} {
		points = append(points, number(0, ts*1e9, 1))
	}
	h.post("otlp", "/v1/metrics", typeProto, protoBytes(otlpMetrics(&metricspb.Metric{Name: "o", Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: points}}})))
	const oldest = (now0 - 18*3600) * 1e9
	h.post("otlp", "/v1/logs", typeProto, protoBytes(&logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{
		LogRecords: []*logspb.LogRecord{{TimeUnixNano: oldest}, {TimeUnixNano: oldest - 1}, {ObservedTimeUnixNano: oldest - 1}, {TimeUnixNano: oldest, ObservedTimeUnixNano: oldest - 1}, {}},
	}}}}}))
	want := []intake.Drop{
		{Kind: intake.KindChecks, Reason: intake.DropTooOld, Name: "c", Count: 1},
		{Kind: intake.KindLogs, Reason: intake.DropTooOld, Count: 1},
		{Kind: intake.KindOTLP, Reason: intake.DropTooNew, Name: "o", Count: 1},
		{Kind: intake.KindOTLP, Reason: intake.DropTooOld, Count: 2},
		{Kind: intake.KindOTLP, Reason: intake.DropTooOld, Name: "o", Count: 1},
		{Kind: intake.KindSeries, Reason: intake.DropTooNew, Name: "a.b", Count: 1},
		{Kind: intake.KindSeries, Reason: intake.DropTooOld, Name: "a.b", Count: 1},
		{Kind: intake.KindSketches, Reason: intake.DropTooNew, Name: "lat", Count: 1},
		{Kind: intake.KindSketches, Reason: intake.DropTooOld, Name: "lat", Count: 1},
	}
	if got := h.Dropped(orgEU); !reflect.DeepEqual(got, want) {
		t.Errorf("dropped %+v\nwant    %+v", got, want)
	}
	if got, want := h.Counts(orgEU), (intake.Counts{Points: 3, Sketches: 3, Logs: 1, OTLPPoints: 3, OTLPLogs: 3}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}

func TestSketchesOfOneSecondMerge(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.post("api", "/api/beta/sketches", typeProto, sketchBody(nil))
	h.post("api", "/api/beta/sketches", typeProto, sketchBody(func(_ *gogen.SketchPayload_Sketch, d *gogen.SketchPayload_Sketch_Dogsketch) {
		// A key repeats where its count passes 65535.
		d.K, d.N, d.Cnt, d.Sum, d.Min, d.Max = []int32{1442, 1442}, []uint32{65535, 1}, 65536, 20, -1, 4
	}))
	got := h.Received(orgEU).Sketches
	if len(got) != 1 {
		t.Fatalf("%d sketches, want 1", len(got))
	}
	s := got[0]
	if s.Cnt != 65539 || s.Sum != 29 || s.Min != -1 || s.Max != 5 || !reflect.DeepEqual(s.Bins, map[int32]uint64{1338: 1, 1442: 65538}) {
		t.Errorf("merged into %+v", s)
	}
}

func TestNamesAndTagsAreKeptAsDatadogDoes(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.post("api", "/api/v2/series", typeProto, seriesBody(func(s *gogen.MetricPayload_MetricSeries) {
		s.Metric = "http.latência-p/99"
		s.Tags = []string{"Env:PROD", "path:/x y", "1st:a", "empty:", "café:ü", "b:" + strings.Repeat("x", 300), "!!"}
	}))
	p := h.Received(orgEU).Series[0]
	want := []string{"b:" + strings.Repeat("x", 198), "café:ü", "empty", "env:prod", "path:/x_y", "st:a"}
	if p.Metric != "http.lat_ncia_p_99" || !reflect.DeepEqual(p.Tags, want) {
		t.Errorf("kept %q %q", p.Metric, p.Tags)
	}
	if got := h.Dropped(orgEU); len(got) != 1 || got[0].Reason != intake.DropTags || got[0].Count != 2 {
		t.Errorf("dropped %+v, want 2 tags cut or lost", got)
	}
}

func TestLogsAreReadLikeDatadogDoes(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	inner := `{"@timestamp":"2027-01-15T07:59:58.123Z","message":"cart \"x\"","status":"Error","http":{"code":500},"service.name":"s"}`
	quoted, _ := json.Marshal(inner)
	answer := h.post("logs", "/api/v2/logs?ddtags=team:core", typeJSON, fmt.Appendf(nil,
		`[{"message":%s,"status":"info","timestamp":%d,"hostname":"web-1","service":"shop","ddsource":"otlp","ddtags":"env:prod, a:b"}]`,
		quoted, int64(now0)*1000))
	h.post("logs", "/api/v2/logs", typeJSON, []byte(` {"message":"plain","extra":12345678901234567890} `))
	if answer != "{}" {
		t.Errorf("answer %s", answer)
	}
	logs := h.Received(orgEU).Logs
	if len(logs) != 2 {
		t.Fatalf("%d logs, want 2", len(logs))
	}
	l := logs[0]
	if l.Message != `cart "x"` || l.Status != "error" || l.Service != "shop" || l.Host != "web-1" || l.Source != "otlp" ||
		l.Time.UnixMilli() != 1799999998123 || !reflect.DeepEqual(l.Tags, []string{"env:prod", "a:b", "team:core"}) ||
		l.Item["message"] != inner {
		t.Errorf("log read as %+v", l)
	}
	plain := logs[1]
	if plain.Message != "plain" || plain.Status != "info" || !plain.Time.Equal(h.now()) || plain.Attributes["extra"] != json.Number("12345678901234567890") {
		t.Errorf("log read as %+v", plain)
	}
}

func TestALogAboveOneMegabyteIsCutAndTaken(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.post("logs", "/api/v2/logs", typeJSON, []byte(`[{"message":"`+strings.Repeat("é", 600_000)+`","service":"s"}]`))
	l := h.Received(orgEU).Logs[0]
	if n := len(l.Message); n < 990_000 || n > 1_000_000 || l.Service != "s" || strings.Trim(l.Message, "é") != "" {
		t.Errorf("cut to %d B, service %q", n, l.Service)
	}
	if got := h.Dropped(orgEU); len(got) != 1 || got[0].Reason != intake.DropTruncated {
		t.Errorf("dropped %+v, want one truncated", got)
	}
}

func TestSpansAndStatsAreKeptAsSent(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.post("traces", "/api/v0.2/traces", typeProto, traceBody(nil))
	h.post("traces", "/api/v0.2/stats", "application/msgpack", statsBody(nil))
	r := h.Received(orgEU)
	want := agentPayload()
	if len(r.Spans) != 2 || !proto.Equal(r.Spans[0].Agent, want) || r.Spans[1].Span != r.Spans[1].Chunk.Spans[1] {
		t.Errorf("spans %+v", r.Spans)
	}
	if len(r.Stats) != 1 || r.Stats[0].Stats[0].Stats[0].Stats[0].Hits != 4 || h.Counts(orgEU).Stats != 1 {
		t.Errorf("stats %+v", r.Stats)
	}
}

func TestOTLPIsTakenWhenDelta(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	upDown := &metricspb.Metric{Name: "s", Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{
		AggregationTemporality: metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE,
		DataPoints:             []*metricspb.NumberDataPoint{number(1, now0*1e9, 3), number(0, now0*1e9, 3)},
	}}}
	h.post("otlp", "/v1/metrics", typeProto, protoBytes(otlpMetrics(upDown)))
	h.post("otlp", "/v1/traces", typeProto, protoBytes(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{Name: "a", TraceId: bytes.Repeat([]byte{1}, 16), SpanId: bytes.Repeat([]byte{1}, 8)}}}},
	}}}))
	if answer := h.post("otlp", "/v1/logs", typeProto, protoBytes(&logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{
		ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{{}, {}, {}}}},
	}}})); answer != "" {
		t.Errorf("answer %q", answer)
	}
	if got, want := h.Counts(orgEU), (intake.Counts{OTLPPoints: 2, OTLPSpans: 1, OTLPLogs: 3}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	if r := h.Received(orgEU); len(r.OTLPMetrics) != 1 || len(r.OTLPTraces) != 1 || len(r.OTLPLogs) != 1 {
		t.Errorf("received %+v", r)
	}
}

func TestChecksAreKept(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	answer := h.post("api", "/api/v1/check_run", typeJSON,
		[]byte(`[{"check":"app.ok","host_name":"h","status":2,"tags":["a:b"],"message":"down"},{"check":"app.ok","host_name":"h","status":0,"tags":[],"message":"fine"}]`))
	want := []intake.Check{
		{Name: "app.ok", Host: "h", Status: 2, Tags: []string{"a:b"}, Message: "down", Time: h.now()},
		{Name: "app.ok", Host: "h", Status: 0, Tags: []string{}, Time: h.now()},
	}
	if got := h.Received(orgEU).Checks; !reflect.DeepEqual(got, want) || answer != `{"status":"ok"}` {
		t.Errorf("answer %s, kept %+v", answer, got)
	}
}
