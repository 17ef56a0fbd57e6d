package traces_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire/otlpwiretest"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

const maxOTLPBody = 3_200_000

// secretKeys are the attributes whose values may be replaced.
var secretKeys = strings.Fields(`resource.name db.statement db.query.text url.full http.request.header.referrer sql.query http.url http.target url.query http.referrer
	redis.raw_command valkey.raw_command mongodb.query elasticsearch.body opensearch.body memcached.command`)

// withoutSecrets takes out of a span, its resource and its scope what may be replaced: those attributes, and a name that may be a statement.
func withoutSecrets(res pcommon.Resource, scope pcommon.InstrumentationScope, s ptrace.Span) {
	found := false
	remove := func(all pcommon.Map) {
		for _, key := range []string{"db.system", "db.system.name", "span.type"} {
			_, ofDatabase := all.Get(key)
			found = found || ofDatabase
		}
		all.RemoveIf(func(key string, _ pcommon.Value) bool {
			secret := slices.Contains(secretKeys, key) || strings.HasPrefix(key, "db.query.parameter.") || strings.HasPrefix(key, "db.operation.parameter.")
			found = found || secret
			return secret
		})
	}
	remove(res.Attributes())
	remove(scope.Attributes())
	remove(s.Attributes())
	if found {
		s.SetName("")
	}
	for _, e := range s.Events().All() {
		remove(e.Attributes())
	}
	for _, l := range s.Links().All() {
		remove(l.Attributes())
	}
}

// oneByOne is each valid span with its resource and scope, as JSON, but for what may be secret in it.
func oneByOne(t testing.TB, all ptrace.Traces) []string {
	t.Helper()
	var texts []string
	for _, rs := range all.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if s.TraceID().IsEmpty() || s.SpanID().IsEmpty() {
					continue
				}
				one := ptrace.NewTraces()
				r := one.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(r.Resource())
				r.SetSchemaUrl(rs.SchemaUrl())
				sc := r.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(sc.Scope())
				sc.SetSchemaUrl(ss.SchemaUrl())
				s.CopyTo(sc.Spans().AppendEmpty())
				withoutSecrets(r.Resource(), sc.Scope(), sc.Spans().At(0))
				text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(one)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, string(text))
			}
		}
	}
	return texts
}

// sentAsOTLP maps all, checks the items, and decodes them as whoever gets them would.
func sentAsOTLP(t testing.TB, m *traces.OTLPMapper, all ptrace.Traces) (ptrace.Traces, *intake.Drops, *intake.Payload) {
	t.Helper()
	var out intake.Payload
	var drops intake.Drops
	for _, rs := range all.ResourceSpans().All() {
		m.Map(rs, &out, &drops)
	}
	count := otlpwiretest.Items(t, &out, maxOTLPBody)
	if dropped := drops[intake.ReasonTooLarge] + drops[intake.ReasonMalformed]; count+dropped != all.SpanCount() {
		t.Fatalf("%d spans: %d sent, %d dropped", all.SpanCount(), count, dropped)
	}
	req := ptraceotlp.NewExportRequest()
	if err := req.UnmarshalProto(out.Body); err != nil {
		t.Fatal(err)
	}
	return req.Traces(), &drops, &out
}

func TestOTLPSpansComeOutAsTheyWentIn(t *testing.T) {
	t.Parallel()
	m := traces.NewOTLP(traces.Options{})
	malformed := 0
	for seed := range uint64(100) {
		in := randomTraces(rand.New(rand.NewPCG(seed, 9)))
		got, drops, _ := sentAsOTLP(t, m, in)
		otlpwiretest.Same(t, oneByOne(t, in), oneByOne(t, got))
		malformed += drops[intake.ReasonMalformed]
	}
	if malformed == 0 {
		t.Error("no span without ids was among them")
	}
}

func TestOTLPHidesWhatMayBeSecret(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	in := ptrace.NewTraces()
	rs := in.ResourceSpans().AppendEmpty()
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	add := func(kind ptrace.SpanKind, name string, kv ...string) {
		s := spans.AppendEmpty()
		s.SetTraceID([16]byte{1})
		s.SetSpanID([8]byte{byte(spans.Len())})
		s.SetKind(kind)
		s.SetName(name)
		for i := 0; i < len(kv); i += 2 {
			s.Attributes().PutStr(kv[i], kv[i+1])
		}
	}
	client, server := ptrace.SpanKindClient, ptrace.SpanKindServer
	add(client, "SELECT users", "db.system.name", "postgresql", "db.query.text", "SELECT * FROM users WHERE pw = 's3cr3t'", "db.query.parameter.0", secret, "sql.query", "select 's3cr3t'")
	add(client, "SELECT * FROM users WHERE pw = 's3cr3t'", "db.system", "mysql", "db.statement", "SELECT * FROM users WHERE pw = 's3cr3t'")
	add(client, "SELECT 's3cr3t'", "db.system", "postgresql")
	add(client, "SET", "db.system", "redis", "db.statement", "SET key s3cr3t", "redis.raw_command", "SET key s3cr3t")
	add(client, "find", "db.system", "mongodb", "db.statement", `{"find":"users","pw":"s3cr3t"}`, "mongodb.query", `{"find":"users","pw":"s3cr3t"}`)
	add(server, "GET /", "url.full", "https://me:s3cr3t@shop.example/?token=s3cr3t", "url.query", "token=s3cr3t", "http.target", "/?token=s3cr3t")
	add(server, "GET /", "http.url", "https://me:s3cr3t@shop.example/?token=s3cr3t", "http.request.header.referrer", "https://x/?s3cr3t")
	add(client, "get", "db.system", "memcached", "memcached.command", "set k 0 0 6\ns3cr3t", "elasticsearch.body", `{"q":"s3cr3t"}`)
	for range 3 { // what a span before had is not remembered
		add(server, "plain", "k", "v")
	}
	got, _, _ := sentAsOTLP(t, traces.NewOTLP(traces.Options{}), in)
	text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(got)
	if err != nil || strings.Contains(string(text), secret) {
		t.Fatalf("%v: %s", err, text)
	}
	sent := got.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i, want := range []string{"SELECT users", "SELECT * FROM users WHERE pw = ?", "SELECT ?", "SET", "find", "GET /", "GET /", "get", "plain", "plain", "plain"} {
		if s := sent.At(i); s.Name() != want || s.Attributes().Len() != spans.At(i).Attributes().Len() {
			t.Errorf("span %d: %q with %v", i, s.Name(), s.Attributes().AsRaw())
		}
	}
	for i, want := range map[int][2]string{0: {"db.query.text", "SELECT * FROM users WHERE pw = ?"}, 3: {"db.statement", "SET key ?"}, 5: {"url.full", "https://shop.example/?"}} {
		if v, _ := sent.At(i).Attributes().Get(want[0]); v.Str() != want[1] {
			t.Errorf("span %d: %s is %q", i, want[0], v.Str())
		}
	}
	kept, _, _ := sentAsOTLP(t, traces.NewOTLP(traces.Options{KeepQueryStrings: true}), in)
	if v, _ := kept.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(5).Attributes().Get("url.query"); v.Str() != "token=s3cr3t" {
		t.Errorf("with query strings: %q", v.Str())
	}
}

// TestOTLPHidesEverywhere puts a secret wherever it is not an attribute of the span that the other tests treat.
func TestOTLPHidesEverywhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fill func(res, scope pcommon.Map, s ptrace.Span)
		want string // of what is sent, as JSON
	}{
		"statement as resource name": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("db.system", "postgresql")
			s.Attributes().PutStr("resource.name", "SELECT 's3cr3t'")
		}, `{"key":"resource.name","value":{"stringValue":"SELECT ?"}}`},
		"command as resource name": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("span.type", "redis")
			s.Attributes().PutStr("resource.name", "SET k s3cr3t")
		}, `{"key":"resource.name","value":{"stringValue":"SET k ?"}}`},
		"URL of a resource": {func(res, _ pcommon.Map, _ ptrace.Span) {
			res.PutStr("http.url", "http://u:s3cr3t@h/?a=s3cr3t")
		}, `"http://h/?"`},
		"statement of a resource": {func(res, _ pcommon.Map, _ ptrace.Span) {
			res.PutStr("db.system", "postgresql")
			res.PutStr("db.statement", "SELECT 's3cr3t'")
		}, `"SELECT ?"`},
		"statement of a resource in the language of its spans": {func(res, _ pcommon.Map, s ptrace.Span) {
			res.PutStr("db.statement", "SET k s3cr3t")
			s.Attributes().PutStr("db.system", "redis")
		}, `{"key":"db.statement","value":{"stringValue":"?"}}`},
		"scope": {func(_, scope pcommon.Map, _ ptrace.Span) {
			scope.PutStr("mongodb.query", `{"find":"s3cr3t"}`)
		}, `{\"find\":\"?\"}`},
		"event": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("db.system", "mysql")
			s.Events().AppendEmpty().Attributes().PutStr("db.statement", `SELECT "s3cr3t"`)
		}, `"SELECT ?"`},
		"link": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Links().AppendEmpty().Attributes().PutStr("url.full", "http://h/?s3cr3t")
		}, `"http://h/?"`},
		"name of redis": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("db.system", "redis")
			s.SetName("SET k s3cr3t")
		}, `"SET k ?"`},
		"name that is no command": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("db.system", "redis")
			s.SetName("{s3cr3t} of")
		}, `"name":"? ?"`},
		"name of redis, which the resource names": {func(res, _ pcommon.Map, s ptrace.Span) {
			res.PutStr("db.system.name", "redis")
			s.SetName("SET k s3cr3t")
		}, `"SET k ?"`},
		"name of mongodb": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("db.system", "mongodb")
			s.SetName(`{"find":"s3cr3t"}`)
		}, `{\"find\":\"?\"}`},
		"name of mongodb after its operation": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("db.system", "mongodb")
			s.SetName(`find {"name":"s3cr3t"}`)
		}, `find {\"name\":\"?\"}`},
		"name of memcached": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("db.system", "memcached")
			s.SetName("set k 0 0 6\r\ns3cr3t")
		}, `"set k 0 0 6"`},
		"name in a language that is not known": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("db.system", "neo4j")
			s.SetName("MATCH (n {name: 's3cr3t'}) RETURN n")
		}, `MATCH ( n { name : ? } ) RETURN n`},
		"name of an internal span": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.SetKind(ptrace.SpanKindInternal)
			s.Attributes().PutStr("db.system", "postgresql")
			s.SetName("SELECT 's3cr3t'")
		}, `"SELECT ?"`},
		"name that a statement repeats": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("sql.query", "SELECT 's3cr3t'")
			s.SetName("SELECT 's3cr3t'")
		}, `"name":"SELECT ?"`},
		"name of a span without a secret": {func(res, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("db.system", "mongodb")
			s.SetName("find users")
		}, `"name":"find users"`},
		"two URLs": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("http.url", "http://h/a?x=s3cr3t")
			s.Attributes().PutStr("url.full", "http://h/b?x=s3cr3t")
		}, `{"key":"http.url","value":{"stringValue":"http://h/a?"}},{"key":"url.full","value":{"stringValue":"http://h/b?"}}`},
		"two referrers": {func(_, _ pcommon.Map, s ptrace.Span) {
			s.Attributes().PutStr("http.referrer", "http://h/a?x=s3cr3t")
			s.Attributes().PutStr("http.request.header.referrer", "http://h/b?x=s3cr3t")
		}, `{"key":"http.referrer","value":{"stringValue":"http://h/a?"}},{"key":"http.request.header.referrer","value":{"stringValue":"http://h/b?"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := ptrace.NewTraces()
			rs := in.ResourceSpans().AppendEmpty()
			ss := rs.ScopeSpans().AppendEmpty()
			s := ss.Spans().AppendEmpty()
			s.SetTraceID([16]byte{15: 1})
			s.SetSpanID([8]byte{1})
			s.SetKind(ptrace.SpanKindClient)
			c.fill(rs.Resource().Attributes(), ss.Scope().Attributes(), s)
			got, _, _ := sentAsOTLP(t, traces.NewOTLP(traces.Options{}), in)
			text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(got)
			if err != nil || strings.Contains(string(text), "s3cr3t") || !strings.Contains(string(text), c.want) {
				t.Errorf("%v: %s", err, text)
			}
		})
	}
}

func TestOTLPKeepsEveryFieldOfASpan(t *testing.T) {
	t.Parallel()
	in := ptrace.NewTraces()
	rs := in.ResourceSpans().AppendEmpty()
	rs.SetSchemaUrl("https://schema/resource")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.SetSchemaUrl("https://schema/scope")
	s := ss.Spans().AppendEmpty()
	s.SetTraceID([16]byte{1})
	s.SetSpanID([8]byte{2})
	s.SetParentSpanID([8]byte{3})
	s.TraceState().FromRaw("ot=th:8")
	s.SetFlags(0x301)
	s.SetName("GET /")
	s.SetKind(ptrace.SpanKindServer)
	s.SetStartTimestamp(1e18)
	s.SetEndTimestamp(1e18 + 5e9)
	s.SetDroppedAttributesCount(1)
	s.SetDroppedEventsCount(2)
	s.SetDroppedLinksCount(3)
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage("no")
	e := s.Events().AppendEmpty()
	e.SetName("exception")
	e.SetTimestamp(7)
	e.SetDroppedAttributesCount(4)
	e.Attributes().PutStr("exception.message", strings.Repeat("x", 500))
	l := s.Links().AppendEmpty()
	l.SetTraceID([16]byte{9})
	l.SetSpanID([8]byte{8})
	l.TraceState().FromRaw("a=b")
	l.SetFlags(1)
	l.SetDroppedAttributesCount(5)
	l.Attributes().PutBool("yes", true)
	got, _, out := sentAsOTLP(t, traces.NewOTLP(traces.Options{}), in)
	otlpwiretest.Same(t, oneByOne(t, in), oneByOne(t, got))
	want, err := ptraceotlp.NewExportRequestFromTraces(in).MarshalProto()
	if err != nil || len(want) != len(out.Body) {
		t.Errorf("%d bytes, the collector's own encoder writes %d, %v", len(out.Body), len(want), err)
	}
	if out.Items[0].Unix != 1_000_000_005 {
		t.Errorf("dated %d", out.Items[0].Unix)
	}
}

func TestOTLPSpanThatNoBodyHoldsCostsNoNeighbour(t *testing.T) {
	t.Parallel()
	in := service(1, 8, false)
	spans := in.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	spans.At(0).SetName(strings.Repeat("x", maxOTLPBody))
	spans.At(2).SetName(strings.Repeat("y", maxOTLPBody-10_000))
	got, drops, _ := sentAsOTLP(t, traces.NewOTLP(traces.Options{}), in)
	otlpwiretest.Same(t, oneByOne(t, in)[1:], oneByOne(t, got))
	if drops[intake.ReasonTooLarge] != 1 {
		t.Errorf("%d dropped", drops[intake.ReasonTooLarge])
	}
}

func FuzzOTLP(f *testing.F) {
	for seed := range uint64(10) {
		f.Add(wire(f, randomTraces(rand.New(rand.NewPCG(seed, 2)))))
	}
	m := traces.NewOTLP(traces.Options{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		in, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(raw)
		if err != nil {
			return
		}
		got, _, _ := sentAsOTLP(t, m, in)
		if len(raw) < 100 { // too short for the depth at which values become text
			otlpwiretest.Same(t, oneByOne(t, in), oneByOne(t, got))
		}
	})
}

func TestOTLPDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	td := service(4, 20, true)
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(3)
	span.Attributes().PutEmptyMap("m").PutEmptySlice("a").AppendEmpty().SetInt(1)
	span.Events().AppendEmpty().SetName("exception")
	span.Links().AppendEmpty().Attributes().PutInt("k", 7)
	m := traces.NewOTLP(traces.Options{FallbackHost: "h"})
	var out intake.Payload
	var drops intake.Drops
	if n := testing.AllocsPerRun(100, func() {
		out.Body, out.Items = out.Body[:0], out.Items[:0]
		m.Map(td.ResourceSpans().At(0), &out, &drops)
	}); n != 0 {
		t.Errorf("%v allocations for %d spans", n, td.SpanCount())
	}
}

func BenchmarkOTLP(b *testing.B) {
	td := service(100, 8, true)
	m := traces.NewOTLP(traces.Options{})
	var out intake.Payload
	var drops intake.Drops
	m.Map(td.ResourceSpans().At(0), &out, &drops)
	b.SetBytes(int64(len(out.Body)))
	b.ReportAllocs()
	for b.Loop() {
		out.Body, out.Items = out.Body[:0], out.Items[:0]
		m.Map(td.ResourceSpans().At(0), &out, &drops)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*td.SpanCount()), "ns/span")
}
