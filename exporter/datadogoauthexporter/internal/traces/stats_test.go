package traces_test

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

// told counts what stats are told of, and keeps it when asked to.
type told struct {
	keep   bool
	spans  int
	chunks []traces.StatsChunk
	kept   []traces.StatsSpan
}

func (s *told) Chunk(c *traces.StatsChunk) {
	if s.keep {
		s.chunks = append(s.chunks, *c)
	}
}

func (s *told) Span(p *traces.StatsSpan) {
	s.spans++
	if s.keep {
		own := *p
		own.PeerTags = slices.Clone(p.PeerTags)
		if len(p.PeerTags) == 0 {
			own.PeerTags = nil
		}
		s.kept = append(s.kept, own)
	}
}

// TestStatsAreToldWhatIsSent has a trace with every entry that stats look at.
func TestStatsAreToldWhatIsSent(t *testing.T) {
	t.Parallel()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	for k, v := range map[string]string{
		"service.name": "Shop", "service.version": "V 1", "deployment.environment.name": "Prod", "host.name": "web-1", "container.id": "c1", "telemetry.sdk.language": "go",
	} {
		rs.Resource().Attributes().PutStr(k, v)
	}
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	span := func(id, parent byte, kind ptrace.SpanKind, attrs map[string]any) {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{15: 1})
		s.SetSpanID(pcommon.SpanID{7: id})
		s.SetParentSpanID(pcommon.SpanID{7: parent})
		s.SetKind(kind)
		s.SetName("name")
		s.SetStartTimestamp(start)
		s.SetEndTimestamp(start + 1000)
		if err := s.Attributes().FromRaw(attrs); err != nil {
			t.Fatal(err)
		}
	}
	span(1, 0, ptrace.SpanKindServer, map[string]any{
		"http.request.method": "GET", "http.response.status_code": 503, "_sample_rate": 0.5, "_dd.origin": "synthetics", "_dd.base_service": "Base", "_dd.git.commit.sha": "abc",
		"sampling.priority": -1, // not sent, and counted all the same
	})
	span(2, 1, ptrace.SpanKindClient, map[string]any{
		"db.system": "postgresql", "db.statement": "SELECT 1", "server.address": "pg", "db.namespace": "orders", "peer.service": "", "_dd.svc_src": "m", "_dd.measured": 1,
	})
	span(3, 1, ptrace.SpanKindInternal, map[string]any{"rpc.system.name": "grpc", "rpc.response.status_code": 14, "_dd.partial_version": 3, "service.name": "other"})
	spans.At(2).Status().SetCode(ptrace.StatusCodeError)
	var out intake.Payload
	var drops intake.Drops
	got := told{keep: true}
	traces.New(traces.Options{PeerTags: []string{"db.name", "db.system", "http.server_name", "peer.service", "server.address"}}).Map(rs, &out, &drops, &got)
	if want := []traces.StatsChunk{{
		Env: "prod", Hostname: "web-1", Version: "v_1", ContainerID: "c1", GitCommitSha: "abc", Lang: "go", BaseService: "base", Origin: "synthetics", SampleRate: 0.5,
	}}; !reflect.DeepEqual(got.chunks, want) {
		t.Errorf("chunks %+v, want %+v", got.chunks, want)
	}
	want := []traces.StatsSpan{
		{
			Service: "shop", Name: "http.server.request", Resource: "GET", Type: "web", Kind: "server", BaseService: "base", HTTPStatus: 503,
			Start: start, Duration: 1000, TraceRoot: true, TopLevel: true,
		},
		{
			Service: "shop", Name: "postgresql.query", Resource: "SELECT ?", Type: "sql", Kind: "client", ServiceSource: "m", Start: start, Duration: 1000, Measured: true,
			PeerTags: []traces.PeerTag{{Key: "db.name", Value: "orders"}, {Key: "db.system", Value: "postgresql"}, {Key: "http.server_name", Value: "pg"}},
		},
		{
			Service: "other", Name: "Internal", Resource: "name", Type: "custom", Kind: "internal", GRPCStatus: "14", Start: start, Duration: 1000,
			Failed: true, TopLevel: true, Partial: true,
		},
	}
	if !reflect.DeepEqual(got.kept, want) {
		t.Errorf("spans\n%+v\nwant\n%+v", got.kept, want)
	}
	if drops[intake.ReasonSampled] != 3 {
		t.Errorf("%d spans were dropped, want all", drops[intake.ReasonSampled])
	}
}

// The smallest integer of 64 bits is a status, if one that nobody counts, and hides what other keys say. The number after the largest is none.
func TestHTTPStatusAtTheEndsOfItsType(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status any
		want   int64
	}{
		"smallest":  {int64(math.MinInt64), math.MinInt64},
		"too large": {float64(1 << 63), 500},
		"fraction":  {200.5, 500},
	} {
		rs := service(1, 1, false).ResourceSpans().At(0)
		attrs := rs.ScopeSpans().At(0).Spans().At(0).Attributes()
		if err := attrs.FromRaw(map[string]any{"http.status_code": c.status, "http.response.status_code": "500"}); err != nil {
			t.Fatal(err)
		}
		var out intake.Payload
		var drops intake.Drops
		got := told{keep: true}
		traces.New(traces.Options{}).Map(rs, &out, &drops, &got)
		if len(got.kept) != 1 || got.kept[0].HTTPStatus != c.want {
			t.Errorf("%s: %+v, want the status %d", name, got.kept, c.want)
		}
	}
}

func TestStatsAreNotToldOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(ptrace.ResourceSpans)
		want   int
	}{
		"nothing is left out": {func(ptrace.ResourceSpans) {}, 2},
		"a resource whose stats were computed": {func(rs ptrace.ResourceSpans) {
			rs.Resource().Attributes().PutBool("_dd.stats_computed", true)
		}, 0},
		"a malformed chunk": {func(rs ptrace.ResourceSpans) {
			rs.ScopeSpans().At(0).Spans().At(0).SetSpanID(pcommon.SpanID{})
		}, 0},
	} {
		rs := service(1, 2, false).ResourceSpans().At(0)
		c.change(rs)
		m := traces.New(traces.Options{})
		var got told
		for range 2 { // the second time in the memory of the first
			var out intake.Payload
			var drops intake.Drops
			got = told{}
			m.Map(rs, &out, &drops, &got)
		}
		if got.spans != c.want {
			t.Errorf("%s: told of %d spans, want %d", name, got.spans, c.want)
		}
	}
}
