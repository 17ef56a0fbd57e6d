package traces_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

func TestText(t *testing.T) {
	t.Parallel()
	for _, table := range []struct {
		name  string
		f     func(string) string
		cases [][2]string // in, out
	}{
		{"OperationName", traces.OperationName, [][2]string{
			{"Http Server--Request", "Http_Server_Request"}, {"a.b_.c", "a.b.c"}, {"9abc", "abc"}, {"foo_", "foo"}, {"é.a", "a"},
			{"", "unnamed_operation"}, {"123", "unnamed_operation"}, {"é", "unnamed_operation"}, {"a", "a"}, {"_a", "a"},
			{"a._b", "a._b"}, {"a._b-c", "a.b_c"}, {"a..b", "a..b"}, {"a- -b", "a_b"}, {"a--", "a"}, {"a._", "a."}, {"a é", "a"},
			{strings.Repeat("a", 101), strings.Repeat("a", 100)}, {strings.Repeat("a", 99) + "é", strings.Repeat("a", 99)},
		}},
		{"TagValue", traces.TagValue, [][2]string{
			{"Hello World!", "hello_world"}, {"9abc", "9abc"}, {"__a", "_a"}, {"!a", "_a"}, {"a_", "a"}, {"ÀB", "àb"},
			{"", ""}, {"!!", ""}, {"a_b", "a_b"}, {"a__b", "a_b"}, {"a:b/c.d-e", "a:b/c.d-e"}, {"日本語 テ", "日本語_テ"}, {"٣", "٣"},
			{"\xff\xfea", "_a"}, {"a\ufffdb", "a_b"}, {"İ", "İ"}, // its lower case is narrower
			{strings.Repeat("é", 300), strings.Repeat("é", 200)}, {strings.Repeat("a", 201), strings.Repeat("a", 200)},
			{"a" + strings.Repeat("🍣", 300) + "b", "a"}, {strings.Repeat("日", 200), strings.Repeat("日", 134)},
		}},
		{"ServiceName", traces.ServiceName, [][2]string{
			{"My Svc", "my_svc"}, {"!!", "unnamed-service"}, {"", "unnamed-service"}, {strings.Repeat("A", 101), strings.Repeat("a", 100)},
			{strings.Repeat("a", 99) + "é", strings.Repeat("a", 99)},
		}},
		{"RedisCommands", traces.RedisCommands, [][2]string{
			{"SET k v\nGET k", "SET GET"}, {"client list\nconfig get x\nfoo\nbar", "CLIENT LIST CONFIG GET FOO ..."}, {"", ""},
			{"  get   k  \n\n set k v", "GET SET"}, {"GET...", "..."}, {"GET k\nSE...", "GET ..."}, {"CONFIG GE...", "..."}, {"a\nb\nc", "A B C ..."},
			{"SE...\nGET k", "GET"}, {"client", "CLIENT"},
		}},
		{"CleanURL", traces.CleanURL, [][2]string{
			{"http://u:p@h/a/1?q=2#f", "http://h/a/1?q=2#f"}, {"https://h/a@b?x=y@z", "https://h/a@b?x=y@z"}, {"HTTP://h/a b", "http://h/a%20b"},
			{"http://u:p%zz@h/a", "http://h/a"}, {"//u:p@h", "//h"}, {"h/a", "h/a"}, {"", ""}, {"http://h/#", "http://h/"},
		}},
	} {
		for _, c := range table.cases {
			if got := table.f(c[0]); got != c[1] {
				t.Errorf("%s(%.120q) = %.120q, want %.120q", table.name, c[0], got, c[1])
			}
		}
	}
}

func TestSamplingProbability(t *testing.T) {
	t.Parallel()
	const none = -1
	for _, c := range []struct {
		traceState string
		want       float64
	}{
		{"ot=th:8", 0.5}, {"ot=th:0", 1}, {"ot=th:c", 0.25}, {"ot=th:FFFFFFFFFFFFFF", 0x1p-56}, {"a=b, ot=th:8 ", 0.5}, {"ot=p:3", 0.125},
		{"ot=p:0", 1}, {"ot=p:62", 0x1p-62}, {"ot=p:63", none}, {"ot=p:1;th:c", 0.25}, {"ot=p:;p:2", none}, {"ot=rv:00000000000000;th:8", 0.5},
		{"ot=rv:0;th:8", none}, {"ot=th:", none}, {"ot=th:8z", none}, {"ot=th:123456789012345", none}, {"ot=th:8;", none}, {"ot=th:8;;p:1", none},
		{"ot=8", none}, {"ot=TH:8", none}, {"a=b", none}, {"bad", none}, {"A=b,ot=th:8", none}, {"a= ,ot=th:8", none}, {",,ot=th:8", 0.5},
		{"t@v=x,ot=th:8", 0.5}, {"t@=x,ot=th:8", none}, {"a=b=c,ot=th:8", none}, {"ot=th:8,ot=th:c", 0.25}, {"", none},
		{strings.Repeat("a=b,", 30) + "ot=th:8", 0.5}, {strings.Repeat("a=b,", 31) + "ot=th:8", none}, {strings.Repeat("a=b,", 300), none},
	} {
		got, ok := traces.SamplingProbability(c.traceState)
		if !ok {
			got = none
		}
		if got != c.want {
			t.Errorf("%.60q: %v, want %v", c.traceState, got, c.want)
		}
	}
}

// FuzzText checks what every text must keep to, and that URLs without a password are left as net/url gives them.
func FuzzText(f *testing.F) {
	for _, s := range []string{"http://user:secret@host/p?q#f", "https://h%41/%2f", "Ünïcode \xff", "set k v\nget", "ot=th:8,a=b", "a._b--c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if name := traces.OperationName(s); name == "" || len(name) > 100 || traces.OperationName(name) != name {
			t.Errorf("operation name %q", name)
		}
		tag := traces.TagValue(s)
		if !utf8.ValidString(tag) || utf8.RuneCountInString(tag) > 200 || traces.TagValue(tag) != tag {
			t.Errorf("tag value %q", tag)
		}
		if p, ok := traces.SamplingProbability(s); ok && (p <= 0 || p > 1) {
			t.Errorf("probability %v", p)
		}
		traces.RedisCommands(s)
		got := traces.CleanURL(s)
		if u, err := url.Parse(s); err == nil {
			u.User = nil
			if want := u.String(); got != want {
				t.Errorf("CleanURL(%q) = %q, want %q", s, got, want)
			}
		} else if u, err := url.Parse(got); err == nil && u.User != nil {
			t.Errorf("CleanURL(%q) = %q", s, got)
		}
	})
}
