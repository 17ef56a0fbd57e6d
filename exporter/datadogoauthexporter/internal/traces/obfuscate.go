package traces

import (
	"strings"
	"unicode/utf8"
)

// queryLanguage is what a statement is written in, which says where its values are.
type queryLanguage uint8

const (
	unknownLanguage queryLanguage = iota
	sqlLanguage
	redisLanguage
	documentLanguage // JSON, perhaps after the name of an operation: MongoDB, Elasticsearch
	memcachedLanguage
)

// languageOf is the language of a span's statements, told by its type (see databaseType).
func languageOf(typ string) queryLanguage {
	switch typ {
	case "sql", "cassandra":
		return sqlLanguage
	case "redis", "valkey":
		return redisLanguage
	case "mongodb", "elasticsearch", "opensearch":
		return documentLanguage
	case "memcached":
		return memcachedLanguage
	}
	return unknownLanguage
}

// obfuscate takes what may be secret out of the span under conversion: values out of statements, user information and queries out of URLs.
//
// Datadog's agent goes by the span's type alone, and by default leaves everything but SQL, Redis resources and user information. Here
// a statement is one whatever the type of its span, and its language is that of the database system, if one is named.
func (g *mapping) obfuscate(s *span) {
	ofType := languageOf(s.typ)
	language := g.systemLanguage(ofType)
	raw := s.resource
	if ofType == sqlLanguage && (language == sqlLanguage || language == unknownLanguage) {
		g.obfuscateSQL(s)
	} else {
		g.obfuscateStatements(s, language)
	}
	if ofType == redisLanguage {
		if language == redisLanguage && !beginsLikeJSON(raw) {
			s.resource = raw
		}
		g.obfuscateRedisResource(s)
	}
	g.obfuscateCommands()
	g.obfuscateURLs(s.typ == "web" || s.typ == "http")
}

// systemLanguage is that of the database system that the span or its resource names, and otherwise where none is named.
func (g *mapping) systemLanguage(otherwise queryLanguage) queryLanguage {
	system := g.concepts().dbSystem()
	if system == "" {
		return otherwise
	}
	if system = g.text.tagValue(system); system == "valkey" {
		return redisLanguage
	}
	return languageOf(databaseType(system))
}

// obfuscateStatements treats the statements of a span, and its resource where that is one of them or looks like one.
func (g *mapping) obfuscateStatements(s *span, language queryLanguage) {
	raw := s.resource
	same, statements := false, false
	for _, key := range [...]name{g.names.dbStatement, g.names.dbQueryText, g.names.sqlQuery} {
		e := g.meta.find(key)
		if e == nil || e.value == "" {
			continue
		}
		statements = true
		statement := e.value
		e.value, e.fits = g.withoutValues(statement, language), false
		// A resource is cut before it comes here.
		if !same && (statement == raw || len(raw) > maxResourceBytes-utf8.UTFMax && strings.HasPrefix(statement, raw)) {
			same, s.resource = true, e.value
		}
	}
	if !same && isRawCommand(raw, language) {
		s.resource = g.withoutValues(raw, language)
	}
	if s.resource == "" {
		s.resource = s.name // the intake takes no empty resource, and one bad span must not cost the others of its body
	}
	if statements || language != unknownLanguage {
		g.hideParameters()
	}
}

// isRawCommand reports whether a resource that is no known statement is a command with its values all the same.
func isRawCommand(resource string, language queryLanguage) bool {
	switch language {
	case documentLanguage:
		return beginsLikeJSON(resource)
	case memcachedLanguage:
		return strings.IndexByte(resource, '\n') >= 0
	}
	return false
}

func beginsLikeJSON(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n")
	return text != "" && (text[0] == '{' || text[0] == '[')
}

// withoutValues is a statement with "?" in the place of its values. One in an unknown language is read as SQL, whose literals most
// languages share.
func (g *mapping) withoutValues(statement string, language queryLanguage) string {
	switch language {
	case redisLanguage:
		return g.text.redisWithoutValues(statement)
	case documentLanguage:
		return g.text.documentWithoutValues(statement)
	case memcachedLanguage:
		return memcachedCommand(statement)
	}
	return g.sqlWithoutValues(statement, g.dialect())
}

// mayHoldValues reports whether the name of a span, which is most often none, looks like a statement or a command in a language.
func (g *mapping) mayHoldValues(name string, language queryLanguage) bool {
	switch language {
	case sqlLanguage:
		return strings.ContainsAny(name, `'"0123456789`)
	case redisLanguage:
		return strings.ContainsAny(name, " \t\r\n")
	case documentLanguage:
		return strings.ContainsAny(name, "{[")
	case memcachedLanguage:
		return strings.Contains(name, "\n")
	}
	return g.concepts().dbSystem() != "" && strings.ContainsAny(name, `'"`)
}

// obfuscateCommands treats the entries in which Datadog's tracers put raw commands.
func (g *mapping) obfuscateCommands() {
	for _, key := range [...]name{g.names.redisCommand, g.names.valkeyCommand} {
		if e := g.meta.find(key); e != nil {
			e.value, e.fits = g.text.redisWithoutValues(e.value), false
		}
	}
	for _, key := range [...]name{g.names.mongoQuery, g.names.elasticBody, g.names.openSearchBody} {
		if e := g.meta.find(key); e != nil && e.value != "" {
			e.value, e.fits = g.text.jsonWithoutValues(e.value), false
		}
	}
	if e := g.meta.find(g.names.memcachedCommand); e != nil {
		e.value = memcachedCommand(e.value)
	}
}

// memcachedCommand is a command without the data after its line.
func memcachedCommand(command string) string {
	line, _, _ := strings.Cut(command, "\n")
	return strings.TrimSpace(line)
}

// hideParameters takes the values out of db.query.parameter.<key> and db.operation.parameter.<key>. Numbers, which go elsewhere, are left out.
// https://opentelemetry.io/docs/specs/semconv/registry/attributes/db/
func (g *mapping) hideParameters() {
	for i := g.meta.first; i < len(g.meta.all); i++ {
		if e := &g.meta.all[i]; !e.ours && isParameter(e.text) {
			e.value, e.fits = "?", false
		}
	}
	for i := g.metrics.first; i < len(g.metrics.all); i++ {
		if e := &g.metrics.all[i]; !e.ours && isParameter(e.text) {
			e.dead = true
		}
	}
}

func isParameter(key string) bool {
	return strings.HasPrefix(key, "db.query.parameter.") || strings.HasPrefix(key, "db.operation.parameter.")
}
