package traces_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

// envelope is a line of the public span intake. Members are decoded one by one, so that one that occurs twice shows.
type envelope struct {
	Spans []map[string]any `json:"spans"`
	Env   string           `json:"env"`
}

// sentAsPublic maps all and decodes the lines.
func sentAsPublic(t testing.TB, m *traces.Mapper, all ptrace.Traces) ([]envelope, *intake.Drops) {
	t.Helper()
	var out intake.Payload
	var drops intake.Drops
	for _, rs := range all.ResourceSpans().All() {
		m.Map(rs, &out, &drops, nil)
	}
	var lines []envelope
	begin := uint32(0)
	for i, it := range out.Items {
		line := out.Body[begin:it.End]
		begin = it.End
		if it.Count != 1 || len(line) > 3_200_000 || line[len(line)-1] != '\n' || bytes.Count(line, []byte("\n")) != 1 || !utf8.Valid(line) {
			t.Fatalf("item %d counts %d, %q", i, it.Count, line[:min(len(line), 2000)])
		}
		var e envelope
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil || len(e.Spans) != 1 {
			t.Fatalf("item %d: %v, %d spans", i, err, len(e.Spans))
		}
		if n := memberCount(t, line); n != len(e.Spans[0]) {
			t.Fatalf("item %d: a span of %d members, %d of them different", i, n, len(e.Spans[0]))
		}
		lines = append(lines, e)
	}
	lost := 0
	for _, n := range drops {
		lost += n
	}
	if int(begin) != len(out.Body) || len(lines)+lost != all.SpanCount() {
		t.Fatalf("%d spans: %d sent, %d dropped", all.SpanCount(), len(lines), lost)
	}
	return lines, &drops
}

// memberCount is how many members the span of a line has, whether their names are different or not.
func memberCount(t testing.TB, line []byte) (n int) {
	d := json.NewDecoder(bytes.NewReader(line[len(`{"spans":[`):]))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		var value json.RawMessage
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestPublicSpan(t *testing.T) {
	t.Parallel()
	in := ptrace.NewTraces()
	rs := in.ResourceSpans().AppendEmpty()
	for key, value := range map[string]string{
		"service.name": "shop", "deployment.environment.name": "prod", "host.name": "web-1", "telemetry.sdk.version": "1.2", "service.version": "7",
	} {
		rs.Resource().Attributes().PutStr(key, value)
	}
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	root := spans.AppendEmpty()
	root.SetTraceID([16]byte{0: 0xab, 15: 0x1f})
	root.SetSpanID([8]byte{7: 0x2a})
	root.SetKind(ptrace.SpanKindServer)
	root.SetName("GET /")
	root.SetStartTimestamp(1_700_000_000_000_000_001)
	root.SetEndTimestamp(1_700_000_000_000_001_001)
	root.Attributes().PutStr("http.request.method", "GET")
	root.Attributes().PutStr(`quote"and\`, "line\nend")
	root.Attributes().PutDouble("ratio", 0.5)
	root.Attributes().PutDouble("nothing", math.NaN())
	child := spans.AppendEmpty()
	root.CopyTo(child)
	child.SetSpanID([8]byte{7: 0x2b})
	child.SetParentSpanID(root.SpanID())
	child.SetKind(ptrace.SpanKindInternal)
	child.Status().SetCode(ptrace.StatusCodeError)
	got, _ := sentAsPublic(t, traces.New(traces.Options{Public: true}), in)
	want := map[string]any{
		"trace_id": "1f", "span_id": "2a", "parent_id": "0", "name": "http.server.request", "service": "shop", "resource": "GET", "type": "web",
		"start": json.Number("1700000000000000001"), "duration": json.Number("1000"), "error": json.Number("0"),
		"metrics._top_level": json.Number("1"), "metrics._sampling_priority_v1": json.Number("1"), "metrics.ratio": json.Number("0.5"), "metrics.nothing": nil,
		"meta._dd.p.tid": "ab00000000000000", "meta._dd.p.dm": "-9", "meta._dd.hostname": "web-1", "meta.tracer.version": "otlp-1.2",
		"meta.env": "prod", "meta.version": "7", `meta.quote"and\`: "line\nend", "meta.span.kind": "server",
	}
	for key, value := range want {
		if got[0].Spans[0][key] != value {
			t.Errorf("%s is %v, want %v", key, got[0].Spans[0][key], value)
		}
	}
	if s := got[1].Spans[0]; s["parent_id"] != "2a" || s["type"] != "custom" || s["error"] != json.Number("1") || s["metrics._top_level"] != nil || s["meta._dd.p.dm"] != "-9" {
		t.Errorf("child: %v", s)
	}
	if got[0].Env != "prod" || got[1].Env != "prod" {
		t.Errorf("env %q, %q", got[0].Env, got[1].Env)
	}
}

func TestPublicLimits(t *testing.T) {
	t.Parallel()
	in := service(1, 3, true)
	spans := in.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i := range 300 {
		spans.At(0).Attributes().PutStr(fmt.Sprint("key", i), "value")
		spans.At(0).Attributes().PutInt(fmt.Sprint("number", i), 1)
	}
	for i := range 130 { // in the limits of meta, above those of a line
		spans.At(1).Attributes().PutStr(fmt.Sprint("key", i), strings.Repeat("é", 12_500))
	}
	got, drops := sentAsPublic(t, traces.New(traces.Options{Public: true}), in)
	if drops[intake.ReasonTooLarge] != 0 || len(got) != 3 {
		t.Errorf("%d dropped, %d sent", drops[intake.ReasonTooLarge], len(got))
	}
	for _, e := range got {
		attributes := 0
		for key := range e.Spans[0] {
			if strings.HasPrefix(key, "meta.") || strings.HasPrefix(key, "metrics.") {
				attributes++
			}
		}
		if attributes > 128 || attributes < 10 {
			t.Errorf("%d attributes", attributes)
		}
	}
}

func TestPublicSpanThatNoBodyHoldsCostsNoNeighbour(t *testing.T) {
	t.Parallel()
	in := service(1, 3, false)
	span := in.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1)
	for i := range 120 {
		span.Attributes().PutStr(fmt.Sprint("key", i), strings.Repeat("\x01", 24_900)) // six bytes each in JSON
	}
	got, drops := sentAsPublic(t, traces.New(traces.Options{Public: true}), in)
	if drops[intake.ReasonTooLarge] != 1 || len(got) != 2 {
		t.Errorf("%d dropped, %d sent", drops[intake.ReasonTooLarge], len(got))
	}
}

func TestRandomPublicSpans(t *testing.T) {
	t.Parallel()
	m := traces.New(traces.Options{Public: true})
	for seed := range uint64(100) {
		sentAsPublic(t, m, randomTraces(rand.New(rand.NewPCG(seed, 4))))
	}
}

func FuzzPublic(f *testing.F) {
	for seed := range uint64(10) {
		f.Add(wire(f, randomTraces(rand.New(rand.NewPCG(seed, 5)))))
	}
	m := traces.New(traces.Options{Public: true})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if in, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(raw); err == nil {
			sentAsPublic(t, m, in)
		}
	})
}

func TestPublicDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	td := service(4, 20, false)
	m := traces.New(traces.Options{Public: true})
	var out intake.Payload
	var drops intake.Drops
	if n := testing.AllocsPerRun(100, func() {
		out.Body, out.Items = out.Body[:0], out.Items[:0]
		m.Map(td.ResourceSpans().At(0), &out, &drops, nil)
	}); n != 0 {
		t.Errorf("%v allocations for %d spans", n, td.SpanCount())
	}
}

func BenchmarkPublic(b *testing.B) {
	td := service(100, 8, false)
	m := traces.New(traces.Options{Public: true})
	var out intake.Payload
	var drops intake.Drops
	m.Map(td.ResourceSpans().At(0), &out, &drops, nil)
	b.SetBytes(int64(len(out.Body)))
	b.ReportAllocs()
	for b.Loop() {
		out.Body, out.Items = out.Body[:0], out.Items[:0]
		m.Map(td.ResourceSpans().At(0), &out, &drops, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*td.SpanCount()), "ns/span")
}
