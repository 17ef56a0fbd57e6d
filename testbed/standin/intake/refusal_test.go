package intake_test

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"

	"github.com/DataDog/agent-payload/v5/gogen"
	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/tinylib/msgp/msgp"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

type refusalCase struct {
	name    string
	purpose string
	path    string
	headers headers
	body    []byte
	status  int
	says    string // part of the answer
}

// unknownField is a protobuf field that no message has.
var unknownField = protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1)

func asProto(encoding string) headers {
	return headers{"Content-Type": typeProto, "Content-Encoding": encoding}
}

func commonRefusals() []refusalCase {
	body := seriesBody(nil)
	with := func(k, v string) headers { return headers{"Content-Type": typeProto, k: v} }
	series := func(name string, hs headers, body []byte, status int, says string) refusalCase {
		return refusalCase{"common: " + name, "api", "/api/v2/series", hs, body, status, says}
	}
	return []refusalCase{
		series("no key", with("DD-API-KEY", ""), body, 401, `{"errors":["Unauthorized"]}`),
		series("wrong key", with("DD-API-KEY", "nope"), body, 403, `{"errors":["Forbidden"]}`),
		series("the key of another site", with("X-Site", siteUS), body, 403, `{"errors":["Forbidden"]}`),
		series("two keys", with("DD-API-KEY", keyEU+"\t"+keyEU), body, 400, "2 DD-API-KEY headers"),
		series("a bearer token instead of a key", with("Authorization", "Bearer all"), body, 401, "Unauthorized"),
		series("no target", with("X-Purpose", ""), body, 404, "no target host"),
		series("the wrong host for the path", with("X-Purpose", "logs"), body, 404, "does not imitate POST /api/v2/series"),
		series("a purpose without doors", with("X-Purpose", "app"), body, 404, "does not imitate"),
		series("no content type", headers{"Content-Type": ""}, body, 415, "content type"),
		series("unknown content type", headers{"Content-Type": "text/plain"}, body, 415, "text/plain"),
		series("two content types", headers{"Content-Type": typeProto + "\t" + typeJSON}, body, 400, "2 Content-Type headers"),
		series("unknown content encoding", asProto("br"), body, 415, "br"),
		series("a list of content encodings", asProto("gzip, gzip"), body, 415, "gzip, gzip"),
		series("two content encodings", asProto("gzip\tgzip"), body, 415, "compress once"),
		series("raw deflate", asProto("deflate"), body, 400, "not deflate"),
		series("gzip that is none", asProto("gzip"), body, 400, "not gzip"),
		series("zstd that is none", asProto("zstd"), body, 400, "not zstd"),
		series("gzip cut short", asProto("gzip"), gzipped(body)[:20], 400, "not gzip"),
		series("bytes after zlib", asProto("deflate"), append(zlibbed(body), 'x'), 400, "1 B follow"),
		series("an empty body", asProto(""), nil, 400, "empty"),
		series("one byte too many as sent", asProto(""), make([]byte, 512_001), 413, "512000"),
		series("a gzip bomb", asProto("gzip"), gzipped(make([]byte, 5_242_880)), 413, "after decompression"),
		series("a zlib bomb", asProto("deflate"), zlibbed(make([]byte, 50<<20)), 413, "after decompression"),
		series("a zstd bomb", asProto("zstd"), zstded(make([]byte, 200<<20)), 413, "after decompression"),
	}
}

func seriesRefusals() []refusalCase {
	type edit = func(*gogen.MetricPayload_MetricSeries)
	pbCase := func(name string, e edit, says string) refusalCase {
		return refusalCase{"series: " + name, "api", "/api/v2/series", asProto(""), seriesBody(e), 400, says}
	}
	jsonCase := func(name, series, says string) refusalCase {
		return refusalCase{"series as JSON: " + name, "api", "/api/v2/series", nil, []byte(series), 400, says}
	}
	return []refusalCase{
		pbCase("no name", func(s *gogen.MetricPayload_MetricSeries) { s.Metric = "" }, "without metric name"),
		pbCase("digit first", func(s *gogen.MetricPayload_MetricSeries) { s.Metric = "9a" }, "begin with a letter"),
		pbCase("long name", func(s *gogen.MetricPayload_MetricSeries) { s.Metric = strings.Repeat("a", 201) }, "200"),
		pbCase("name not UTF-8", func(s *gogen.MetricPayload_MetricSeries) { s.Metric = "a\xff" }, "UTF-8"),
		pbCase("tag not UTF-8", func(s *gogen.MetricPayload_MetricSeries) { s.Tags = []string{"a:\xff"} }, "UTF-8"),
		pbCase("host not UTF-8", func(s *gogen.MetricPayload_MetricSeries) { s.Resources[0].Name = "\xff" }, "UTF-8"),
		pbCase("unit not UTF-8", func(s *gogen.MetricPayload_MetricSeries) { s.Unit = "\xff" }, "UTF-8"),
		pbCase("unknown type", func(s *gogen.MetricPayload_MetricSeries) { s.Type = 4 }, "type"),
		pbCase("negative interval", func(s *gogen.MetricPayload_MetricSeries) { s.Interval = -1 }, "interval"),
		pbCase("no points", func(s *gogen.MetricPayload_MetricSeries) { s.Points = nil }, "no points"),
		pbCase("NaN", func(s *gogen.MetricPayload_MetricSeries) { s.Points[0].Value = math.NaN() }, "finite"),
		pbCase("infinity", func(s *gogen.MetricPayload_MetricSeries) { s.Points[0].Value = math.Inf(-1) }, "finite"),
		pbCase("resource without type", func(s *gogen.MetricPayload_MetricSeries) { s.Resources[0].Type = "" }, "resource"),
		pbCase("two hosts", func(s *gogen.MetricPayload_MetricSeries) { s.Resources = append(s.Resources, s.Resources[0]) }, "one host"),
		pbCase("unknown field in a series", func(s *gogen.MetricPayload_MetricSeries) { s.XXX_unrecognized = unknownField }, "does not know"),
		pbCase("unknown field in a point", func(s *gogen.MetricPayload_MetricSeries) { s.Points[0].XXX_unrecognized = unknownField }, "does not know"),
		pbCase("unknown field in a resource", func(s *gogen.MetricPayload_MetricSeries) { s.Resources[0].XXX_unrecognized = unknownField }, "does not know"),
		pbCase("unknown field in an origin", func(s *gogen.MetricPayload_MetricSeries) { s.Metadata.Origin.XXX_unrecognized = unknownField }, "does not know"),
		{"series: unknown field in the payload", "api", "/api/v2/series", asProto(""), append(seriesBody(nil), unknownField...), 400, "does not know"},
		{"series: not protobuf", "api", "/api/v2/series", asProto(""), []byte(`{"series":[]}`), 400, "MetricPayload"},
		jsonCase("not JSON", `{`, "JSON"),
		jsonCase("something after it", `{"series":[]} x`, "follows"),
		jsonCase("no series", `{}`, `no \"series\"`),
		jsonCase("unknown key", `{"series":[{"metric":"a","host":"h"}]}`, "host"),
		jsonCase("no timestamp", `{"series":[{"metric":"a","points":[{"value":1}]}]}`, "timestamp"),
		jsonCase("no value", `{"series":[{"metric":"a","points":[{"timestamp":1}]}]}`, "value"),
		jsonCase("value as text", `{"series":[{"metric":"a","points":[{"timestamp":1,"value":"1"}]}]}`, "JSON"),
		jsonCase("fraction of a second", `{"series":[{"metric":"a","points":[{"timestamp":1.5,"value":1}]}]}`, "JSON"),
		jsonCase("count without interval", `{"series":[{"metric":"a","type":1,"points":[{"timestamp":1,"value":1}]}]}`, "interval"),
		jsonCase("rate without interval", `{"series":[{"metric":"a","type":2,"points":[{"timestamp":1,"value":1}]}]}`, "interval"),
		jsonCase("origin out of range", `{"series":[{"metric":"a","metadata":{"origin":{"product":1001}}}]}`, "1001"),
	}
}

func sketchRefusals() []refusalCase {
	type (
		sketch = gogen.SketchPayload_Sketch
		dog    = gogen.SketchPayload_Sketch_Dogsketch
	)
	c := func(name string, e func(*sketch, *dog), says string) refusalCase {
		return refusalCase{"sketches: " + name, "api", "/api/beta/sketches", asProto(""), sketchBody(e), 400, says}
	}
	return []refusalCase{
		c("no name", func(s *sketch, _ *dog) { s.Metric = "" }, "without metric name"),
		c("host not UTF-8", func(s *sketch, _ *dog) { s.Host = "\xff" }, "UTF-8"),
		c("no dogsketches", func(s *sketch, _ *dog) { s.Dogsketches = nil }, "no dogsketches"),
		c("old distributions", func(s *sketch, _ *dog) { s.Distributions = make([]gogen.SketchPayload_Sketch_Distribution, 1) }, "distributions"),
		c("fewer counts than keys", func(_ *sketch, d *dog) { d.N = d.N[:1] }, "2 keys but 1 counts"),
		c("empty", func(_ *sketch, d *dog) { d.Cnt, d.K, d.N = 0, nil, nil }, "no observations"),
		c("keys out of order", func(_ *sketch, d *dog) { d.K[0] = 2000 }, "ascend"),
		c("key out of range", func(_ *sketch, d *dog) { d.K[1] = 40000 }, "out of range"),
		c("bin of zero", func(_ *sketch, d *dog) { d.N[0] = 0 }, "bin count"),
		c("bin above 65535", func(_ *sketch, d *dog) { d.N[0], d.Cnt = 65536, 65538 }, "bin count"),
		c("NaN", func(_ *sketch, d *dog) { d.Sum = math.NaN() }, "NaN"),
		c("unknown field", func(_ *sketch, d *dog) { d.XXX_unrecognized = unknownField }, "does not know"),
		{"sketches: not protobuf", "api", "/api/beta/sketches", asProto(""), []byte("{}"), 400, "SketchPayload"},
		{"sketches: JSON", "api", "/api/beta/sketches", nil, []byte("{}"), 415, "content type"},
		{"sketches: too large as sent", "api", "/api/beta/sketches", asProto(""), make([]byte, 2_621_441), 413, "2621440"},
		{"sketches: too large inside", "api", "/api/beta/sketches", asProto("zstd"), zstded(make([]byte, 4_194_305)), 413, "4194304"},
	}
}

func logRefusals() []refusalCase {
	c := func(name, body string, status int, says string) refusalCase {
		return refusalCase{"logs: " + name, "logs", "/api/v2/logs", nil, []byte(body), status, says}
	}
	return []refusalCase{
		{"logs: no key", "logs", "/api/v2/logs", headers{"DD-API-KEY": ""}, []byte("[]"), 401,
			`{"errors":[{"title":"Unauthorized","detail":"Unauthorized","status":"401"}]}`},
		{"logs: wrong key", "logs", "/api/v2/logs", headers{"DD-API-KEY": "x"}, []byte("[]"), 403,
			`{"errors":[{"title":"Forbidden","detail":"Forbidden","status":"403"}]}`},
		{"logs: text", "logs", "/api/v2/logs", headers{"Content-Type": "text/plain"}, []byte("hi"), 415, "text/plain"},
		c("not JSON", `[{"message":"a"}`, 400, "not JSON"),
		c("a number", `17`, 400, "not an object"),
		c("an array of strings", `["a"]`, 400, "not an object"),
		c("no message", `[{"message":"a"},{"ddtags":"a:b"}]`, 400, "log 1: message is missing"),
		c("the Agent's probe", `{}`, 400, "message is missing"),
		c("message is no string", `[{"message":{"a":1}}]`, 400, "message is not a string"),
		c("ddtags is an array", `[{"message":"a","ddtags":["a:b"]}]`, 400, "ddtags is not a string"),
		c("a key twice", `[{"message":"a","\u0073tatus":"x","status":"y"}]`, 400, "twice"),
		c("not UTF-8", "[{\"message\":\"\xff\"}]", 400, "UTF-8"),
		c("1001 items", "["+strings.Repeat(`{"message":"a"},`, 1000)+`{"message":"a"}]`, 400, "1001"),
		c("above 5 MB", `[{"message":"`+strings.Repeat("a", 5_000_000)+`"}]`, 413, "5000000"),
		{"logs: above 5 MB inside", "logs", "/api/v2/logs", headers{"Content-Encoding": "gzip"}, gzipped(bytes.Repeat([]byte(" "), 5_000_001)), 413, "5000000"},
	}
}

func traceRefusals() []refusalCase {
	c := func(name string, e func(*pb.AgentPayload, *pb.Span), says string) refusalCase {
		return refusalCase{"traces: " + name, "traces", "/api/v0.2/traces", asProto(""), traceBody(e), 400, says}
	}
	invalidUTF8 := traceBody(nil)
	invalidUTF8[bytes.Index(invalidUTF8, []byte("GET /cart"))] = 0xff
	msgpack := headers{"Content-Type": "application/msgpack"}
	stats := func(name string, body []byte, says string) refusalCase {
		return refusalCase{"stats: " + name, "traces", "/api/v0.2/stats", msgpack, body, 400, says}
	}
	misspelt := msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "agentEnv"), "x")
	return []refusalCase{
		c("trace id 0", func(_ *pb.AgentPayload, s *pb.Span) { s.TraceID = 0 }, "trace id 0"),
		c("two traces in a chunk", func(_ *pb.AgentPayload, s *pb.Span) { s.TraceID = 1 }, "two traces"),
		c("no service", func(_ *pb.AgentPayload, s *pb.Span) { s.Service = "" }, "none may be empty"),
		c("long name", func(_ *pb.AgentPayload, s *pb.Span) { s.Name = strings.Repeat("n", 101) }, "100 B"),
		c("long resource", func(_ *pb.AgentPayload, s *pb.Span) { s.Resource = strings.Repeat("n", 5001) }, "5001 B"),
		c("negative duration", func(_ *pb.AgentPayload, s *pb.Span) { s.Duration = -1 }, "duration -1"),
		c("empty chunk", func(p *pb.AgentPayload, _ *pb.Span) { p.TracerPayloads[0].Chunks[0].Spans = nil }, "without spans"),
		c("unknown field in a span", func(_ *pb.AgentPayload, s *pb.Span) { s.ProtoReflect().SetUnknown(unknownField) }, "datadog.trace.Span"),
		{"traces: text not UTF-8", "traces", "/api/v0.2/traces", asProto(""), invalidUTF8, 400, "AgentPayload"},
		{"traces: zstd", "traces", "/api/v0.2/traces", asProto("zstd"), zstded(traceBody(nil)), 415, "zstd"},
		{"traces: above 3.2 MB", "traces", "/api/v0.2/traces", asProto("gzip"), gzipped(make([]byte, 3_200_001)), 413, "3200000"},
		stats("unknown key", misspelt, "agentEnv"),
		stats("bytes after it", append(statsBody(nil), 0xc0), "1 B follow"),
		stats("cut short", statsBody(nil)[:30], "StatsPayload"),
		stats("bucket without start", statsBody(func(p *pb.StatsPayload) { p.Stats[0].Stats[0].Start = 0 }), "start 0"),
		stats("more errors than hits", groupBody(func(g *pb.ClientGroupedStats) { g.Errors = 5 }), "5 errors"),
		stats("a trace root that is neither", groupBody(func(g *pb.ClientGroupedStats) { g.IsTraceRoot = 3 }), "IsTraceRoot 3"),
		stats("no summary", groupBody(func(g *pb.ClientGroupedStats) { g.OkSummary = nil }), "OkSummary is no DDSketch: it has no mapping"),
		stats("a summary cut short", groupBody(func(g *pb.ClientGroupedStats) { g.ErrorSummary = sketchBytes[:20] }), "ErrorSummary is no DDSketch"),
		stats("a summary with another field", groupBody(func(g *pb.ClientGroupedStats) { g.OkSummary = append(slices.Clone(sketchBytes), 0x28, 1) }), "field 5"),
		stats("a summary that counts backwards", groupBody(func(g *pb.ClientGroupedStats) {
			g.OkSummary = bytes.ReplaceAll(sketchBytes, []byte{0xf8, 0x3f}, []byte{0xf8, 0xbf})
		}), "count -1.5"),
		{"stats: protobuf", "traces", "/api/v0.2/stats", asProto(""), []byte{1}, 415, "content type"},
	}
}

func otherRefusals() []refusalCase {
	check := func(name, body, says string) refusalCase {
		return refusalCase{"checks: " + name, "api", "/api/v1/check_run", nil, []byte(body), 400, says}
	}
	event := func(name, body, says string) refusalCase {
		return refusalCase{"events: " + name, "api", "/api/v1/events", nil, []byte(body), 400, says}
	}
	sum := func(monotonic bool, temporality metricspb.AggregationTemporality) []byte {
		return protoBytes(otlpMetrics(&metricspb.Metric{Name: "s", Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{
			IsMonotonic: monotonic, AggregationTemporality: temporality, DataPoints: make([]*metricspb.NumberDataPoint, 0),
		}}}))
	}
	return []refusalCase{
		check("an object", `{"check":"a"}`, "JSON"),
		check("no tags", `[{"check":"a","host_name":"h","status":0}]`, "required"),
		check("status 4", `[{"check":"a","host_name":"h","status":4,"tags":[]}]`, "status 4"),
		event("no text", `{"title":"t"}`, "required"),
		event("long text", `{"title":"t","text":"`+strings.Repeat("é", 4001)+`"}`, "4000"),
		event("long aggregation key", `{"title":"t","text":"x","aggregation_key":"`+strings.Repeat("a", 101)+`"}`, "100"),
		event("alert type", `{"title":"t","text":"x","alert_type":"loud"}`, "alert_type"),
		event("priority", `{"title":"t","text":"x","priority":"high"}`, "priority"),
		event("yesterday", fmt.Sprintf(`{"title":"t","text":"x","date_happened":%d}`, now0-18*3600-1), "18 h"),
		event("tomorrow", fmt.Sprintf(`{"title":"t","text":"x","date_happened":%d}`, now0+2*3600+1), "2 h ahead"),
		{"otlp: cumulative sum", "otlp", "/v1/metrics", asProto(""), sum(true, metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE), 400, "only delta"},
		{"otlp: metric without data", "otlp", "/v1/metrics", asProto(""), protoBytes(otlpMetrics(&metricspb.Metric{Name: "s"})), 400, "no data"},
		{"otlp: not protobuf", "otlp", "/v1/traces", asProto(""), []byte("{}"), 400, "ExportTraceServiceRequest"},
		{"otlp: JSON", "otlp", "/v1/logs", nil, []byte("{}"), 415, "content type"},
		{"otlp: metrics above 500 kB", "otlp", "/v1/metrics", asProto(""), make([]byte, 500_001), 413, "500000"},
		{"otlp: wrong key", "otlp", "/v1/logs", headers{"Content-Type": typeProto, "DD-API-KEY": "x"}, protoBytes(&logspb.LogsData{}), 403, "Forbidden"},
		{"not imitated: v1 series", "api", "/api/v1/series", nil, []byte("{}"), 404, "does not imitate POST /api/v1/series"},
	}
}

func otlpMetrics(m *metricspb.Metric) *metricspb.MetricsData {
	return &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{
		ScopeMetrics: []*metricspb.ScopeMetrics{{Metrics: []*metricspb.Metric{m}}},
	}}}
}

// Every refusal once: status, shape and reason. Nothing of a refused body may be kept.
func TestRefusesWhatDatadogRefuses(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, list := range [][]refusalCase{
		commonRefusals(), seriesRefusals(), sketchRefusals(), logRefusals(), traceRefusals(), otherRefusals(), hostMetadataRefusals(),
	} {
		for _, c := range list {
			t.Run(c.name, func(t *testing.T) {
				status, answer := h.send("POST", c.purpose, c.path, c.headers, c.body)
				if status != c.status || !strings.Contains(answer, c.says) || !strings.Contains(answer, `{"errors":[`) {
					t.Errorf("got %d %.300s; want %d with errors that say %q", status, answer, c.status, c.says)
				}
			})
		}
	}
	if got := h.Counts(orgEU); got != (intake.Counts{}) {
		t.Errorf("refused bodies left %+v", got)
	}
	if got := h.Dropped(orgEU); len(got) > 0 {
		t.Errorf("refused bodies were counted as dropped: %+v", got)
	}
}

// One bad series refuses the good ones beside it.
func TestRefusesAWholeBody(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	p := &gogen.MetricPayload{Series: []*gogen.MetricPayload_MetricSeries{gauge("good", now0, 1), gauge("9bad", now0, 1)}}
	if status, _ := h.send("POST", "api", "/api/v2/series", asProto(""), marshal(p)); status != http.StatusBadRequest {
		t.Fatalf("status %d", status)
	}
	if got := h.Counts(orgEU).Points; got != 0 {
		t.Errorf("%d points of the refused body were kept", got)
	}
}

// A client that sends a large body must get the refusal, not a reset, so the connection has to live on.
func TestARefusalOfALargeBodyLeavesTheConnectionOpen(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	body := make([]byte, 8<<20)
	for _, hs := range []headers{{"DD-API-KEY": "nope"}, {"Content-Encoding": "br"}, nil} {
		for range 2 {
			var reused bool
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
			h.sendCtx(ctx, "POST", "logs", "/api/v2/logs", hs, body)
			if _, answer := h.sendCtx(ctx, "POST", "logs", "/api/v2/logs", nil, []byte("{}")); !reused {
				t.Errorf("with %v the connection was closed; then %s", hs, answer)
			}
		}
	}
}
