package traces_test

import (
	"regexp"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

// namesOf are operation and resource of one span, as stats are told of it.
func namesOf(t *testing.T, o traces.Options, fill func(res pcommon.Map, scope pcommon.InstrumentationScope, s ptrace.Span)) (operation, resource string) {
	t.Helper()
	rs := ptrace.NewTraces().ResourceSpans().AppendEmpty()
	ss := rs.ScopeSpans().AppendEmpty()
	s := ss.Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{15: 1})
	s.SetSpanID(pcommon.SpanID{7: 1})
	s.SetKind(ptrace.SpanKindClient)
	s.SetStartTimestamp(start)
	s.SetEndTimestamp(start)
	fill(rs.Resource().Attributes(), ss.Scope(), s)
	got := told{keep: true}
	traces.New(o).Map(rs, new(intake.Payload), new(intake.Drops), &got)
	if len(got.kept) != 1 {
		t.Fatalf("%d spans", len(got.kept))
	}
	return got.kept[0].Name, got.kept[0].Resource
}

func TestNamesByTheFirstRules(t *testing.T) {
	t.Parallel()
	scoped := traces.Options{SpanNameRemappings: map[string]string{"lib.client": "Jdbc Call!", "unused": "x"}}
	named := traces.Options{SpanNameAsResourceName: true}
	both := traces.Options{SpanNameAsResourceName: true, SpanNameRemappings: map[string]string{"GET cart": "cart", "SELECT 's3cr3t'": "select secret"}}
	for name, c := range map[string]struct {
		opts                traces.Options
		fill                func(res pcommon.Map, scope pcommon.InstrumentationScope, s ptrace.Span)
		operation, resource string
	}{
		"no scope": {scoped, func(_ pcommon.Map, _ pcommon.InstrumentationScope, s ptrace.Span) { s.SetName("n") }, "opentelemetry.client", "n"},
		"kind that is not known": {scoped, func(_ pcommon.Map, scope pcommon.InstrumentationScope, s ptrace.Span) {
			scope.SetName("other")
			s.SetKind(9)
		}, "other.", "other."},
		"another name for scope and kind": {scoped, func(_ pcommon.Map, scope pcommon.InstrumentationScope, _ ptrace.Span) { scope.SetName("lib") }, "Jdbc_Call", "Jdbc_Call"},
		"attribute of the resource before that of the span": {named, func(res pcommon.Map, _ pcommon.InstrumentationScope, s ptrace.Span) {
			res.PutStr("operation.name", "of.resource")
			res.PutInt("resource.name", 7)
			s.Attributes().PutStr("operation.name", "of.span")
			s.Attributes().PutStr("resource.name", "of span")
		}, "of.resource", "7"},
		"an empty attribute hides the one after it": {named, func(_ pcommon.Map, _ pcommon.InstrumentationScope, s ptrace.Span) {
			s.SetName("n")
			s.Attributes().PutStr("http.request.method", "")
			s.Attributes().PutStr("http.method", "GET")
		}, "n", "n"},
		"route of any kind, and no database": {named, func(_ pcommon.Map, _ pcommon.InstrumentationScope, s ptrace.Span) {
			s.SetName("n")
			s.Attributes().PutStr("http.method", "_OTHER")
			s.Attributes().PutStr("http.route", "/r")
		}, "n", "_OTHER /r"},
		"no database": {named, func(_ pcommon.Map, _ pcommon.InstrumentationScope, s ptrace.Span) {
			s.SetName("find cart")
			s.Attributes().PutStr("db.system", "postgresql")
			s.Attributes().PutStr("db.statement", "SELECT 1")
		}, "find_cart", "find cart"},
		"another name for a name": {both, func(_ pcommon.Map, _ pcommon.InstrumentationScope, s ptrace.Span) { s.SetName("GET cart") }, "cart", "GET cart"},
		"another name for a statement": {both, func(_ pcommon.Map, _ pcommon.InstrumentationScope, s ptrace.Span) {
			s.SetName("SELECT 's3cr3t'")
			s.Attributes().PutStr("db.system", "postgresql")
		}, "select_secret", "SELECT ?"},
	} {
		operation, resource := namesOf(t, c.opts, c.fill)
		if operation != c.operation || resource != c.resource {
			t.Errorf("%s: %q on %q, want %q on %q", name, operation, resource, c.operation, c.resource)
		}
	}
}

// A name that is a statement or a command would show its values twice: as resource, where they are hidden in any case, and as operation.
func TestNoValueLeavesAsAName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ system, key, text, want string }{
		"SQL":                          {"postgresql", "", "SELECT 's3cr3t'", "SELECT"},
		"SQL with a number":            {"mysql", "", "SELECT a FROM t WHERE b = 123454321", "SELECT_a_FROM_t_WHERE_b"},
		"Redis":                        {"redis", "", "SET k s3cr3t", "SET_k"},
		"MongoDB":                      {"mongodb", "", `find {"a":"s3cr3t"}`, "find_a"},
		"memcached":                    {"memcached", "", "set k 0 0 6\r\ns3cr3t", "set_k_0_0_6"},
		"a system that is not known":   {"neo4j", "", "MATCH (n {name: 's3cr3t'})", "MATCH_n_name"},
		"what the statement says":      {"", "db.query.text", "GET s3cr3t = 's3cr3t'", "GET_s3cr3t"},
		"nothing that may be a secret": {"redis", "", "HGETALL", "HGETALL"},
		"no database":                  {"", "", "it's 5", "it_s_5"},
	} {
		got, _ := namesOf(t, traces.Options{SpanNameAsResourceName: true}, func(_ pcommon.Map, _ pcommon.InstrumentationScope, s ptrace.Span) {
			s.SetName(c.text)
			if c.system != "" {
				s.Attributes().PutStr("db.system", c.system)
			}
			if c.key != "" {
				s.Attributes().PutStr(c.key, c.text)
			}
		})
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestIgnoredResources has two traces. A resource is matched as it is before values are hidden, and that of the root only.
func TestIgnoredResources(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		expr string
		want int // spans that are ignored
	}{
		"root of both":             {"^GET /cart", 6},
		"no root":                  {"^SELECT", 0},
		"secret of one":            {"secret of 1", 3},
		"a part that is not there": {"cart$", 0},
	} {
		for _, public := range []bool{false, true} {
			td := service(2, 3, true)
			spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
			if name == "secret of one" {
				spans.At(0).Attributes().PutStr("resource.name", "SELECT 'secret of 1'")
				spans.At(0).Attributes().PutStr("span.type", "sql")
			}
			m := traces.New(traces.Options{Public: public, IgnoreResources: []*regexp.Regexp{regexp.MustCompile("^never$"), regexp.MustCompile(c.expr)}})
			var out intake.Payload
			var drops intake.Drops
			var got told
			m.Map(td.ResourceSpans().At(0), &out, &drops, &got)
			if drops[intake.ReasonIgnored] != c.want || got.spans != 6-c.want || strings.Count(string(out.Body), "cart/42") != 2-c.want/3 && name != "secret of one" {
				t.Errorf("%s, public: %t: %d ignored, %d told of, want %d ignored: %s", name, public, drops[intake.ReasonIgnored], got.spans, c.want, out.Body)
			}
			if (len(out.Body) == 0) != (c.want == 6) {
				t.Errorf("%s, public: %t: %d bytes", name, public, len(out.Body))
			}
		}
	}
}

func TestTopLevelBySpanKind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind          ptrace.SpanKind
		parent        bool
		attrs         map[string]any
		top, measured bool
	}{
		"internal root":            {ptrace.SpanKindInternal, false, nil, true, false},
		"internal":                 {ptrace.SpanKindInternal, true, nil, false, false},
		"server":                   {ptrace.SpanKindServer, true, nil, true, false},
		"consumer":                 {ptrace.SpanKindConsumer, true, nil, true, false},
		"client":                   {ptrace.SpanKindClient, true, nil, false, true},
		"producer root":            {ptrace.SpanKindProducer, false, nil, true, true},
		"measured":                 {ptrace.SpanKindInternal, true, map[string]any{"_dd.measured": 1}, false, true},
		"as a tracer of Datadog's": {ptrace.SpanKindInternal, true, map[string]any{"_dd.top_level": 1, "_top_level": 0}, true, false},
	} {
		rs := ptrace.NewTraces().ResourceSpans().AppendEmpty()
		s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetTraceID(pcommon.TraceID{15: 1})
		s.SetSpanID(pcommon.SpanID{7: 1})
		if c.parent {
			s.SetParentSpanID(pcommon.SpanID{7: 2}) // elsewhere, so that the default rule would enter the service here
		}
		s.SetKind(c.kind)
		if err := s.Attributes().FromRaw(c.attrs); err != nil {
			t.Fatal(err)
		}
		got := told{keep: true}
		traces.New(traces.Options{TopLevelBySpanKind: true}).Map(rs, new(intake.Payload), new(intake.Drops), &got)
		if len(got.kept) != 1 || got.kept[0].TopLevel != c.top || got.kept[0].Measured != c.measured {
			t.Errorf("%s: %+v", name, got.kept)
		}
	}
}

func TestNamingDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	td := service(4, 20, true)
	for i, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		if i%3 == 0 {
			s.SetName("SELECT 'a'")
		}
		s.Attributes().PutInt("rpc.method", 7)
	}
	for name, o := range map[string]traces.Options{
		"names":     {SpanNameAsResourceName: true, SpanNameRemappings: map[string]string{"GET /cart/{id}": "cart"}},
		"scopes":    {SpanNameRemappings: map[string]string{"go.opentelemetry.io/contrib/otelhttp.server": "http"}},
		"top level": {TopLevelBySpanKind: true},
		"ignored":   {IgnoreResources: []*regexp.Regexp{regexp.MustCompile("^POST /(a|b)$")}},
	} {
		m := traces.New(o)
		var out intake.Payload
		var drops intake.Drops
		if n := testing.AllocsPerRun(100, func() {
			out.Body, out.Items = out.Body[:0], out.Items[:0]
			m.Map(td.ResourceSpans().At(0), &out, &drops, nil)
		}); n != 0 {
			t.Errorf("%s: %v allocations for %d spans", name, n, td.SpanCount())
		}
	}
}
