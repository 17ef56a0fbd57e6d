package traces_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

func TestObfuscation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		f     func(string) string
		cases [][2]string
	}{
		{"RedisWithoutValues", traces.RedisWithoutValues, [][2]string{
			{"", ""}, {"  ", ""}, {"PING", "PING"}, {"GET key", "GET key"}, {"set key v", "set key ?"}, {"SET key v EX 10", "SET key ? EX 10"},
			{"AUTH user pw", "AUTH ?"}, {"HELLO 3 AUTH u p", "HELLO ?"}, {"ACL SETUSER me >pw", "ACL SETUSER ?"}, {"LPUSH l a b c", "LPUSH l ?"},
			{"HSET h f1 v1 f2 v2", "HSET h f1 ? f2 ?"}, {"MSET a 1 b 2", "MSET a ? b ?"}, {"GEOADD k 1 2 m 3 4 n", "GEOADD k 1 2 ? 3 4 ?"},
			{"SETEX k 60 v", "SETEX k 60 ?"}, {"LINSERT l BEFORE p v", "LINSERT l BEFORE p ?"}, {"CONFIG SET requirepass pw", "CONFIG SET requirepass ?"},
			{"CONFIG GET maxmemory", "CONFIG GET maxmemory"}, {"BITFIELD k GET u8 0 SET u8 0 7 SET u8 0 8", "BITFIELD k GET u8 0 SET u8 0 ? SET u8 0 8"},
			{"ZADD z NX CH 1 m 2 n", "ZADD z NX CH 1 ? 2 ?"}, {"ZADD z", "ZADD z"},
			{`SET k "a b\" c" EX 5`, "SET k ? EX 5"}, {"SET k \"two\nlines\"\nGET k", "SET k ?\nGET k"}, {"SET a 1\n\n  GET a\r\n", "SET a ?\nGET a"},
			{"EVAL script 1 k secret", "EVAL ?"}, {"PUBLISH c secret", "PUBLISH ?"}, {"\xff secret", "? ?"}, {"{\"a\":1}", "?"}, {"JSON.SET k $ secret", "JSON.SET ?"},
			{"SET  k \t v", "SET k ?"},
		}},
		{"JSONWithoutValues", traces.JSONWithoutValues, [][2]string{
			{"", "..."}, {" ", "..."}, {`{}`, `{}`}, {`[ ]`, `[]`}, {`"a"`, `"?"`}, {`1.5e3`, `"?"`}, {`1 2`, `"?" `},
			{`{"a": 1, "b": [true, null, "x"], "c": {"d": -0.5}}`, `{"a":"?","b":["?","?","?"],"c":{"d":"?"}}`},
			{`{"a":1}{"b":2}`, `{"a":"?"}{"b":"?"}`}, {`{"a":1} "s"`, `{"a":"?"} "?"`}, {`{"a\"b":"c\u00e9\n"}`, `{"a\"b":"?"}`},
			{`{"a":tru`, `{"a":"?"...`}, {`{"a":"open`, `{"a":"?"...`}, {`{"a`, `{"a...`}, {`{a:1}`, `{...`}, {`{"a":1,}`, `{"a":"?",...`},
			{`[1,2`, `["?","?"...`}, {`find`, `"?"...`}, {`x`, `...`}, {`{"a":1]`, `{"a":"?"...`}, {`01`, `"?"`}, {`[01]`, `["?"...`}, {`{"a":-}`, `{"a":"?"...`},
			{strings.Repeat("[", 300), strings.Repeat("[", 256) + "..."},
		}},
		{"DocumentWithoutValues", traces.DocumentWithoutValues, [][2]string{
			{`{"find":"users"}`, `{"find":"?"}`}, {"find", "find"}, {" users.find ", "users.find"}, {`find {"name":"bob"}`, `find {"name":"?"}`},
			{`aggregate [{"a":1}]`, `aggregate [{"a":"?"}]`}, {`find secret`, "find ?"}, {"db.users.find({name: 'bob'})", "db.users.find ?"}, {"'secret'", "..."},
		}},
		{"MemcachedCommand", traces.MemcachedCommand, [][2]string{{"set k 0 0 3\r\nabc", "set k 0 0 3"}, {"get k", "get k"}, {"\nabc", ""}}},
		{"WithoutQuery", traces.WithoutQuery, [][2]string{
			{"/a?b=c", "/a?"}, {"/a?b=c#f", "/a?#f"}, {"/a", "/a"}, {"/a?", "/a?"}, {"/a?#f?g", "/a?#f?g"}, {"/a#f?g=h", "/a#f?g=h"}, {"?b?c", "?"},
		}},
		{"CleanURLWithoutQuery", traces.CleanURLWithoutQuery, [][2]string{
			{"http://h/a?b=c", "http://h/a?"}, {"http://u:p@h/a?b=c#f", "http://h/a?#f"}, {"http://h/a b?c=d", "http://h/a%20b?"}, {"http://h/%zz?b=c", "?"}, {"http://h/", "http://h/"},
		}},
	} {
		for _, io := range c.cases {
			if got := c.f(io[0]); got != io[1] {
				t.Errorf("%s(%q) = %q, want %q", c.name, io[0], got, io[1])
			}
		}
	}
}

// TestNoValueLeaves puts a secret wherever a statement, a command, a parameter or a URL can be, on spans of every type, in every form of the intake.
func TestNoValueLeaves(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	statements := map[string][]string{
		"":              {"SELECT '" + secret + "'", `{"q":"` + secret + `"}`, "MATCH (n {name: '" + secret + "'}) RETURN n"},
		"postgresql":    {"SELECT '" + secret + "'"},
		"mysql":         {`SELECT "` + secret + `"`},
		"cassandra":     {"SELECT '" + secret + "'"},
		"dynamodb":      {"SELECT * FROM t WHERE a = '" + secret + "'"},
		"redis":         {"SET k " + secret, "EVAL x " + secret, "SET k '" + secret + "'\nAUTH " + secret},
		"valkey":        {"SET k " + secret},
		"mongodb":       {`{"find":"` + secret + `"}`, `find {"a":"` + secret + `"}`, "find " + secret},
		"elasticsearch": {`{"query":{"match":{"a":"` + secret + `"}}}`},
		"opensearch":    {`{"query":["` + secret + `"]}`},
		"memcached":     {"set k 0 0 3\r\n" + secret},
		"neo4j":         {"MATCH (n {name: '" + secret + "'}) RETURN n"},
	}
	m, public, otlp := traces.New(traces.Options{}), traces.New(traces.Options{Public: true}), traces.NewOTLP(traces.Options{})
	for system, texts := range statements {
		for _, statement := range texts {
			for _, kind := range []ptrace.SpanKind{ptrace.SpanKindClient, ptrace.SpanKindInternal, ptrace.SpanKindServer} {
				for _, typ := range []string{"", "custom", "web", "sql", "redis", "mongodb"} {
					for _, key := range []string{"db.statement", "db.query.text"} {
						td := ptrace.NewTraces()
						s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
						s.SetTraceID(pcommon.TraceID{15: 1})
						s.SetSpanID(pcommon.SpanID{7: 1})
						s.SetName("n")
						s.SetKind(kind)
						a := s.Attributes()
						if system != "" {
							a.PutStr("db.system", system)
						}
						if typ != "" {
							a.PutStr("span.type", typ)
						}
						a.PutStr(key, statement)
						a.PutStr("db.query.parameter.0", secret)
						a.PutStr("db.operation.parameter.id", secret)
						a.PutInt("db.query.parameter.1", 123454321)
						a.PutStr("redis.raw_command", "SET k "+secret)
						a.PutStr("valkey.raw_command", "XADD k "+secret)
						a.PutStr("mongodb.query", `{"a":"`+secret+`"}`)
						a.PutStr("elasticsearch.body", `["`+secret+`"]`)
						a.PutStr("opensearch.body", `["`+secret+`"]`)
						a.PutStr("memcached.command", "set k 0 0 3\r\n"+secret)
						a.PutStr("url.full", "https://u:"+secret+"@h/a?t="+secret)
						a.PutStr("http.target", "/a?t="+secret)
						a.PutStr("url.query", "t="+secret)
						a.PutStr("http.request.header.referrer", "https://h/?t="+secret)
						check := func(form string, text []byte) {
							if strings.Contains(string(text), secret) || strings.Contains(string(text), "1.23454321e+08") || strings.Contains(string(text), "123454321") {
								t.Errorf("%s, system %q, type %q, kind %s, %s: %s", form, system, typ, kind, key, text)
							}
						}
						text, err := json.Marshal(mapTraces(t, m, td))
						if err != nil {
							t.Fatal(err)
						}
						check("agent", text)
						again := ptrace.NewTraces()
						td.CopyTo(again)
						rs := again.ResourceSpans().At(0)
						s, a = rs.ScopeSpans().At(0).Spans().At(0), rs.ScopeSpans().At(0).Spans().At(0).Attributes()
						var lines, body intake.Payload
						public.Map(rs, &lines, new(intake.Drops), nil)
						check("public", lines.Body)
						s.SetName(statement)
						a.PutStr("resource.name", statement)
						m.Map(rs, &body, new(intake.Drops), nil)
						check("agent, named", body.Body)
						otlp.Map(rs, &body, new(intake.Drops))
						check("OTLP, named", body.Body)
						rs.Resource().Attributes().PutStr(key, statement)
						rs.Resource().Attributes().PutStr("url.full", "https://u:"+secret+"@h/a?t="+secret)
						otlp.Map(rs, &body, new(intake.Drops))
						check("OTLP, in the resource", body.Body)
						if len(lines.Items) != 1 || len(body.Items) != 3 {
							t.Fatalf("%d and %d items", len(lines.Items), len(body.Items))
						}
					}
				}
			}
		}
	}
}

func TestWithoutValuesNothingIsAllocated(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	m := traces.New(traces.Options{})
	td := service(4, 20, true)
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i, c := range [][2]string{
		{"redis", "SET k v\nEVAL x"}, {"mongodb", `{"find":"users","filter":{"a":[1,2]}}`}, {"memcached", "set k 0 0 3\r\nabc"}, {"mysql", `SELECT "a"`}, {"dynamodb", "SELECT 'a'"},
	} {
		a := spans.At(2 + i).Attributes()
		a.PutStr("db.system", c[0])
		a.PutStr("db.statement", c[1])
		a.PutStr("db.query.parameter.0", "v")
	}
	var out intake.Payload
	var drops intake.Drops
	if n := testing.AllocsPerRun(100, func() {
		out.Body, out.Items = out.Body[:0], out.Items[:0]
		m.Map(td.ResourceSpans().At(0), &out, &drops, nil)
	}); n != 0 {
		t.Errorf("%v allocations for %d spans", n, td.SpanCount())
	}
}

func TestTheSQLCacheIsBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{30, 1000, 16 << 10, 64 << 10} {
		if got := traces.SQLCacheBytes(max(40<<20/size, 1000)/4, size); got > 9<<20 {
			t.Errorf("%d bytes are held after statements of %d bytes", got, size)
		}
	}
}

// FuzzObfuscation: no panic, and of any text no string, number or word stays where a value is.
func FuzzObfuscation(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `[1,{"b":"c"}] "d"`, "SET k v\nGET k", `SET k "a b" EX 1`, "find {}", "ZADD z NX 1 m", "http://u:p@h/?q#f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, again := range []func(string) string{traces.RedisWithoutValues, traces.DocumentWithoutValues, traces.MemcachedCommand, traces.WithoutQuery} {
			again(text)
		}
		traces.CleanURLWithoutQuery(text)
		out := traces.JSONWithoutValues(text)
		if !json.Valid([]byte(text)) {
			return
		}
		var v any
		if err := json.Unmarshal([]byte(out), &v); err != nil {
			if strings.HasSuffix(out, "...") { // deeper than is read
				return
			}
			t.Fatalf("%q became %q: %v", text, out, err)
		}
		if left := valueLeft(v); left != "" {
			t.Errorf("%q became %q, in which %s is left", text, out, left)
		}
	})
}

// valueLeft is a value other than "?".
func valueLeft(v any) string {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			if left := valueLeft(inner); left != "" {
				return left
			}
		}
		return ""
	case []any:
		for _, inner := range v {
			if left := valueLeft(inner); left != "" {
				return left
			}
		}
		return ""
	case string:
		if v == "?" {
			return ""
		}
	}
	return fmt.Sprint(v)
}
