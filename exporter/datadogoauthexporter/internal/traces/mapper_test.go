package traces_test

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

const start = 1_700_000_000_000_000_000

// service is a resource with chunks traces of spansEach spans as an instrumented HTTP service makes them. With sql, all but the first span
// of a trace are database calls.
func service(chunks, spansEach int, sql bool) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	res := rs.Resource().Attributes()
	for k, v := range map[string]string{
		"service.name": "checkout", "service.version": "1.4.2", "deployment.environment.name": "prod", "host.name": "ip-10-0-0-1",
		"k8s.pod.name": "checkout-5d9f", "k8s.namespace.name": "shop", "telemetry.sdk.language": "go", "telemetry.sdk.version": "1.30.0",
	} {
		res.PutStr(k, v)
	}
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("go.opentelemetry.io/contrib/otelhttp")
	ss.Scope().SetVersion("0.60.0")
	for c := range chunks {
		for i := range spansEach {
			s := ss.Spans().AppendEmpty()
			s.SetTraceID(pcommon.TraceID{1, 2, 3, 14: byte((c + 1) >> 8), 15: byte(c + 1)})
			s.SetSpanID(pcommon.SpanID{6: byte((i + 1) >> 8), 7: byte(i + 1)})
			s.SetParentSpanID(pcommon.SpanID{6: byte(i >> 8), 7: byte(i)})
			s.SetName("GET /cart/{id}")
			s.SetStartTimestamp(pcommon.Timestamp(start + i))
			s.SetEndTimestamp(pcommon.Timestamp(start + i + 5_000_000))
			a := s.Attributes()
			if sql && i > 0 {
				s.SetKind(ptrace.SpanKindClient)
				a.PutStr("db.system", "postgresql")
				a.PutStr("db.statement", "SELECT id, price FROM items WHERE cart = 'c"+strconv.Itoa(i)+"' LIMIT 10")
				a.PutStr("server.address", "db-1")
				a.PutInt("server.port", 5432)
				continue
			}
			s.SetKind(ptrace.SpanKindServer)
			a.PutStr("http.request.method", "GET")
			a.PutStr("http.route", "/cart/{id}")
			a.PutStr("url.full", "https://shop.example.com/cart/42?full=1")
			a.PutInt("http.response.status_code", 200)
			a.PutStr("user_agent.original", "Mozilla/5.0")
		}
	}
	return td
}

func TestItemsAreSmallEnoughToSplitARequest(t *testing.T) {
	t.Parallel()
	td := service(200, 25, false)
	var out intake.Payload
	var drops intake.Drops
	traces.New(traces.Options{}).Map(td.ResourceSpans().At(0), &out, &drops, nil)
	decodeMapped(t, out, drops, 5000)
	begin := uint32(0)
	for i, item := range out.Items {
		size := item.End - begin
		begin = item.End
		if size > 257<<10 || (size < 200<<10 && i+1 < len(out.Items)) {
			t.Errorf("item %d has %d bytes", i, size)
		}
	}
	if len(out.Items) < 5 {
		t.Errorf("%d bytes in %d items", len(out.Body), len(out.Items))
	}
}

// TestAnItemIsOfOneTime: an item expires as a whole, so traces that ended at other times are in others. A trace goes by its latest span.
func TestAnItemIsOfOneTime(t *testing.T) {
	t.Parallel()
	const now = start / 1_000_000_000
	for name, c := range map[string]struct {
		ends []int64 // of traces, in seconds
		want []goldenItem
	}{
		"within a minute":     {[]int64{now, now + 60, now - 60}, []goldenItem{{6, now + 60}}},
		"a minute is over":    {[]int64{now, now + 61}, []goldenItem{{2, now}, {2, now + 61}}},
		"old ones in between": {[]int64{now, now - 7200, now - 7210, now}, []goldenItem{{2, now}, {4, now - 7200}, {2, now}}},
	} {
		td := service(len(c.ends), 2, false)
		spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
		for i, end := range c.ends {
			for j, length := range []int64{86_400, 1} { // the first one a day before the other, which is the latest
				s := spans.At(2*i + j)
				s.SetStartTimestamp(pcommon.Timestamp((end - length) * 1e9))
				s.SetEndTimestamp(pcommon.Timestamp((end - length + 1) * 1e9))
			}
		}
		if got := mapTraces(t, traces.New(traces.Options{}), td); !reflect.DeepEqual(got.Items, c.want) {
			t.Errorf("%s: items %+v, want %+v", name, got.Items, c.want)
		}
	}
}

func TestAChunkTooLargeForABodyBecomesSeveral(t *testing.T) {
	t.Parallel()
	td := service(1, 300, false)
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i := range spans.Len() {
		spans.At(i).Attributes().PutStr("large", strings.Repeat("x", 24_000))
	}
	for i := range 140 { // one span that no body can hold
		spans.At(7).Attributes().PutStr(fmt.Sprint("k", i), strings.Repeat("x", 24_000))
	}
	got := mapTraces(t, traces.New(traces.Options{}), td)
	if want := map[string]int{"too_large": 1}; !reflect.DeepEqual(got.Drops, want) {
		t.Errorf("dropped %v, want %v", got.Drops, want)
	}
	top := 0
	for _, p := range got.TracerPayloads {
		for _, c := range p.Chunks {
			if c.Priority != 1 || c.Tags["_dd.p.dm"] != "-9" {
				t.Errorf("chunk with priority %d, tags %v", c.Priority, c.Tags)
			}
			for _, s := range c.Spans {
				top += int(s.Metrics["_top_level"])
			}
		}
	}
	if top != 1 || len(got.TracerPayloads) < 3 {
		t.Errorf("%d spans are top level in %d items, want 1 in 3", top, len(got.TracerPayloads))
	}
}

func TestAMapperIsSafeForConcurrentUseAndRepeatsItself(t *testing.T) {
	t.Parallel()
	m := traces.New(traces.Options{})
	inputs := []ptrace.Traces{service(3, 4, true), service(1, 40, false), service(9, 1, false)}
	var want [3]intake.Payload
	var drops intake.Drops
	for i, td := range inputs {
		td.MarkReadOnly()
		m.Map(td.ResourceSpans().At(0), &want[i], &drops, nil)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := range 60 {
				var got intake.Payload
				var drops intake.Drops
				i := n % len(inputs)
				m.Map(inputs[i].ResourceSpans().At(0), &got, &drops, nil)
				if !reflect.DeepEqual(got, want[i]) {
					t.Errorf("input %d is mapped differently the next time", i)
				}
			}
		})
	}
	wg.Wait()
}

func TestNoResourceIsEmptyAfterObfuscation(t *testing.T) {
	t.Parallel()
	td := ptrace.NewTraces()
	sp := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	sp.SetTraceID([16]byte{15: 1})
	sp.SetSpanID([8]byte{7: 3})
	sp.SetKind(ptrace.SpanKindClient)
	sp.SetName(" ")
	sp.Attributes().PutStr("db.system", "redis")
	var out intake.Payload
	var drops intake.Drops
	traces.New(traces.Options{}).Map(td.ResourceSpans().At(0), &out, &drops, nil)
	p, err := decodePayload(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.TracerPayloads[0].Chunks[0].Spans[0]; got.Resource != "redis.query" {
		t.Errorf("resource %q of %q, want the operation name", got.Resource, got.Name)
	}
}

func TestAppendHeader(t *testing.T) {
	t.Parallel()
	got, err := decodePayload(traces.AppendHeader(nil, traces.Header{Hostname: "h", Env: "none", AgentVersion: "otelcol-datadogoauth-1.0.0"}))
	if err != nil {
		t.Fatal(err)
	}
	want := decodedPayload{HostName: "h", Env: "none", AgentVersion: "otelcol-datadogoauth-1.0.0", TargetTPS: 10, ErrorTPS: 10}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if empty, err := decodePayload(traces.AppendHeader(nil, traces.Header{})); err != nil || empty.HostName != "" || math.IsNaN(empty.TargetTPS) {
		t.Errorf("empty header: %+v, %v", empty, err)
	}
}

func TestMapDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	m := traces.New(traces.Options{PeerTags: []string{"peer.service"}})
	td := service(4, 20, false)
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(3)
	span.Attributes().PutEmptyMap("m").PutInt("a", 1)
	span.Attributes().PutEmptyBytes("b").FromRaw([]byte("bytes"))
	span.Attributes().PutStr("http.request.header.via", "proxy")
	span.Attributes().PutStr("peer.service", "Peer Svc")
	span.Status().SetCode(ptrace.StatusCodeError)
	span.TraceState().FromRaw("ot=th:8")
	event := span.Events().AppendEmpty()
	event.SetName("exception")
	event.Attributes().PutStr("exception.message", "<none>")
	span.Links().AppendEmpty().Attributes().PutInt("k", 7)
	var out intake.Payload
	var drops intake.Drops
	for _, stats := range []traces.Stats{nil, &told{}} {
		if n := testing.AllocsPerRun(100, func() {
			out.Body, out.Items = out.Body[:0], out.Items[:0]
			m.Map(td.ResourceSpans().At(0), &out, &drops, stats)
		}); n != 0 {
			t.Errorf("%v allocations for %d spans, stats told: %t", n, td.SpanCount(), stats != nil)
		}
	}
}

func BenchmarkMap(b *testing.B) {
	for _, bm := range []struct {
		name              string
		chunks, spansEach int
		sql               bool
		stats             traces.Stats
	}{
		{"http/1_span_a_trace", 800, 1, false, nil},
		{"http/8_spans_a_trace", 100, 8, false, nil},
		{"http/8_spans_a_trace/stats", 100, 8, false, &told{}},
		{"http/800_spans_a_trace", 1, 800, false, nil},
		{"sql/8_spans_a_trace", 100, 8, true, nil},
		{"sql/8_spans_a_trace/stats", 100, 8, true, &told{}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			td := service(bm.chunks, bm.spansEach, bm.sql)
			rs := td.ResourceSpans().At(0)
			m := traces.New(traces.Options{PeerTags: []string{"db.name", "db.system", "peer.service", "server.address"}})
			var out intake.Payload
			var drops intake.Drops
			m.Map(rs, &out, &drops, bm.stats)
			spans := float64(out.Count())
			b.SetBytes(int64(len(out.Body)))
			b.ReportAllocs()
			for b.Loop() {
				out.Body, out.Items = out.Body[:0], out.Items[:0]
				m.Map(rs, &out, &drops, bm.stats)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
			b.ReportMetric(float64(len(out.Body))/spans, "wire-B/span")
		})
	}
}
