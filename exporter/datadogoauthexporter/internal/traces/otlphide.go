package traces

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// hideIn prepares hidden and hiddenName for a span that stays OTLP: what may be secret in its statements, commands and URLs is replaced as in the
// Agent's form (see obfuscate). It reports false for a span that has none of them.
func (g *mapping) hideIn(in ptrace.Span) bool {
	found := false
	for key := range in.Attributes().All() {
		if found = mayBeSecret(key) || key == "db.system" || key == "db.system.name"; found {
			break
		}
	}
	if !found {
		return false
	}
	g.text.reset()
	g.meta.reset()
	g.metrics.reset()
	g.meta.begin()
	g.metrics.begin()
	g.attrs = known{}
	for key, v := range in.Attributes().All() {
		g.attrs.note(attrKeyOf(key), v)
	}
	s := span{name: in.Name(), resource: in.Name(), typ: g.spanType(in.Kind(), g.concepts())}
	isStatement := languageOf(s.typ) == sqlLanguage && strings.ContainsAny(s.name, `'"0123456789`)
	for key, v := range in.Attributes().All() {
		if !mayBeSecret(key) && key != "db.type" {
			continue
		}
		text := g.text.value(v)
		g.meta.setIfEmpty(g.target(&g.text, attrKeyOf(key), key), text)
		isStatement = isStatement || text == s.name && text != ""
	}
	g.obfuscate(&s)
	g.hiddenName = in.Name()
	if isStatement {
		g.hiddenName = s.resource
	}
	return true
}

// hidden is what is sent in place of the value of an attribute of the span that hideIn was told of.
func (g *mapping) hidden(key string, v pcommon.Value) (text string, replaced bool) {
	if !mayBeSecret(key) {
		return "", false
	}
	text, ok := g.meta.get(g.target(&g.text, attrKeyOf(key), key))
	if !ok && v.AsString() != "" {
		text = "?"
	}
	return text, true
}

// mayBeSecret names the attributes that obfuscate treats.
func mayBeSecret(key string) bool {
	switch attrKeyOf(key) {
	case attrDBStatement, attrDBQueryText, attrURLFull, attrHTTPReferrer:
		return true
	case attrOther:
	default:
		return false
	}
	switch key {
	case "sql.query", "http.url", "http.target", "url.query", "http.referrer", "redis.raw_command", "valkey.raw_command", "mongodb.query",
		"elasticsearch.body", "opensearch.body", "memcached.command":
		return true
	}
	return isParameter(key)
}
