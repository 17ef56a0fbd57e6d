package traces

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// reading is how the attributes of what is written as OTLP are read: those of a resource and its scopes, or of a span with its events and links.
type reading struct {
	language queryLanguage // of statements
	dialect  string        // of SQL
	sqlQuery string        // a statement of the span
	ofSpan   bool
	ofHTTP   bool // the span is of a type of which http.url is read as a URL
}

// hideInResource prepares hidden for a resource and its scopes. Their statements are those of spans that may name another system, so one whose
// language the resource does not name is hidden as a whole.
func (g *mapping) hideInResource() {
	g.text.reset()
	g.attrs.has = 0
	g.hide = reading{language: g.systemLanguage(languageOf(g.res.str(attrSpanType))), dialect: g.dialect()}
}

// hideInSpan prepares hidden and hiddenName for a span, its events and its links.
func (g *mapping) hideInSpan(in ptrace.Span) {
	g.text.reset()
	g.attrs.has = 0
	g.hide = reading{ofSpan: true}
	for key, v := range in.Attributes().All() {
		id := attrKeyOf(key)
		switch {
		case id != attrOther:
			g.attrs.note(id, v)
		case key == "sql.query":
			g.hide.sqlQuery = v.Str()
		case key == "db.type":
			g.hide.dialect = v.Str()
		}
	}
	typ := g.spanType(in.Kind(), g.concepts())
	g.hide.ofHTTP = typ == "web" || typ == "http"
	if g.hide.language = g.systemLanguage(unknownLanguage); g.hide.language == unknownLanguage {
		g.hide.language = languageOf(typ)
	}
	if g.hide.dialect == "" {
		g.hide.dialect = g.dialect()
	}
}

// hiddenName is what is sent in place of the name of a span or resource, which may be a statement or a command. It is never empty if text is not.
func (g *mapping) hiddenName(text string) string {
	if text == "" {
		return ""
	}
	if hidden := g.nameWithoutValues(text); hidden != "" {
		return hidden
	}
	return "?"
}

func (g *mapping) nameWithoutValues(text string) string {
	switch language := g.hide.language; {
	case g.isStatement(text):
		return g.hiddenStatement(text)
	case !g.mayHoldValues(text, language):
		return text
	case language == sqlLanguage || language == unknownLanguage:
		return g.sqlWithoutValues(text, g.hide.dialect)
	default:
		return g.withoutValues(text, language)
	}
}

// isStatement reports whether text, which is not empty, is one of the statements of the span or of its resource.
func (g *mapping) isStatement(text string) bool {
	for _, from := range [...]*known{&g.attrs, &g.res.known} {
		if text == from.str(attrDBStatement) || text == from.str(attrDBQueryText) {
			return true
		}
	}
	return text == g.hide.sqlQuery
}

func (g *mapping) hiddenStatement(text string) string {
	switch g.hide.language {
	case sqlLanguage:
	case unknownLanguage:
		if !g.hide.ofSpan {
			return "?"
		}
	default:
		return g.withoutValues(text, g.hide.language)
	}
	return g.sqlWithoutValues(text, g.hide.dialect)
}

// hidden is what is sent in place of the value of an attribute that may be secret (see obfuscate). Each is told by its own key, so one value never
// stands in for another.
func (g *mapping) hidden(key string, v pcommon.Value) (text string, replaced bool) {
	secret := secretOf(key)
	switch {
	case secret == noSecret:
		return "", false
	case secret == secretName && v.Type() != pcommon.ValueTypeStr: // is no name
		return "", false
	case g.opts.KeepQueryStrings && (secret == secretQuery || secret == secretTarget):
		return "", false
	}
	if text = g.text.value(v); text == "" {
		return "", false
	}
	switch secret {
	case secretName:
		return g.hiddenName(text), true
	case secretStatement:
		return g.hiddenStatement(text), true
	case secretRedis:
		return g.text.redisWithoutValues(text), true
	case secretJSON:
		return g.text.jsonWithoutValues(text), true
	case secretMemcached:
		return memcachedCommand(text), true
	case secretURL:
		if g.hide.ofHTTP {
			return g.cleanURL(text), true
		}
		return g.withoutQuery(cutUserInfo(text)), true
	case secretTarget:
		return g.withoutQuery(cutUserInfo(text)), true
	}
	return "?", true
}

// secretKind says where in the value of an attribute a secret may be.
type secretKind uint8

const (
	noSecret        secretKind = iota
	secretName                 // the name of a resource, which may be a statement
	secretStatement            // in the language of the database system
	secretRedis
	secretJSON
	secretMemcached
	secretURL
	secretTarget // a part of a URL, or another page's
	secretQuery  // a query without its URL
	secretValue
)

// secretOf names the attributes that obfuscate treats, by the keys that they come with.
func secretOf(key string) secretKind {
	switch attrKeyOf(key) {
	case attrResourceName:
		return secretName
	case attrDBStatement, attrDBQueryText:
		return secretStatement
	case attrURLFull:
		return secretURL
	case attrHTTPReferrer:
		return secretTarget
	case attrOther:
	default:
		return noSecret
	}
	switch key {
	case "sql.query":
		return secretStatement
	case "http.url":
		return secretURL
	case "http.target", "http.referrer":
		return secretTarget
	case "url.query":
		return secretQuery
	case "redis.raw_command", "valkey.raw_command":
		return secretRedis
	case "mongodb.query", "elasticsearch.body", "opensearch.body":
		return secretJSON
	case "memcached.command":
		return secretMemcached
	}
	if isParameter(key) {
		return secretValue
	}
	return noSecret
}
