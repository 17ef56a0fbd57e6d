package oracle

import (
	"cmp"
	"encoding/json"
	"maps"
	"strings"

	"github.com/DataDog/datadog-agent/pkg/obfuscate"
	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/DataDog/datadog-agent/pkg/trace/config"
)

// obfuscation is what obfuscationIsOn turns on.
func obfuscation() *config.ObfuscationConfig {
	return &config.ObfuscationConfig{
		ES: obfuscate.JSONConfig{Enabled: true}, OpenSearch: obfuscate.JSONConfig{Enabled: true}, Mongo: obfuscate.JSONConfig{Enabled: true},
		Redis: obfuscate.RedisConfig{Enabled: true}, Valkey: obfuscate.ValkeyConfig{Enabled: true},
		Memcached: obfuscate.MemcachedConfig{Enabled: true, KeepCommand: true}, HTTP: obfuscate.HTTPConfig{RemoveQueryString: true},
	}
}

// rawSpan is what a span held before Datadog's agent obfuscated it.
type rawSpan struct {
	resource string
	meta     map[string]string
}

func newRawSpan(s *pb.Span) rawSpan { return rawSpan{s.Resource, maps.Clone(s.Meta)} }

// languages of statements, by type of span.
var languages = map[string]string{
	"sql": "sql", "cassandra": "sql", "redis": "redis", "valkey": "redis", "mongodb": "document", "elasticsearch": "document", "opensearch": "document",
	"memcached": "memcached",
}

// systems are the database systems of the generator that are of another type than their name.
var systems = map[string]string{"postgresql": "sql", "mysql": "sql", "mariadb": "sql", "mssql": "sql"}

// hideStatements does what statementsOfAnySpan and its like say.
func (a *traceAgent) hideStatements(s *pb.Span) {
	raw, known := a.raw[s]
	if !known || a.used.off == obfuscationIsOn {
		return
	}
	ofType := languages[s.Type]
	language := ofType
	system := strings.ToLower(cmp.Or(raw.meta["db.system.name"], raw.meta["db.system"]))
	if system != "" {
		language = languages[cmp.Or(systems[system], system)]
	}
	hidden := func(text string) string { return a.withoutValues(text, language, system, raw.meta["db.type"]) }
	statements := false
	if ofType != "sql" || language != "sql" && language != "" {
		same, resource := false, raw.resource
		for _, key := range []string{"db.statement", "db.query.text", "sql.query"} {
			text := raw.meta[key]
			if text == "" {
				continue
			}
			statements = true
			a.set(&s.Meta, key, hidden(text))
			if text == raw.resource && !same {
				same, resource = true, a.named(hidden(text), s)
			}
		}
		if !same && (language == "document" && likeJSON(raw.resource) || language == "memcached" && strings.Contains(raw.resource, "\n")) {
			resource = a.named(hidden(raw.resource), s)
		}
		switch {
		case ofType != "redis":
		case language == "redis" && !likeJSON(raw.resource):
			resource = a.named(a.obfuscator.QuantizeRedisString(raw.resource), s)
		default:
			resource = a.named(a.obfuscator.QuantizeRedisString(resource), s)
		}
		if resource != raw.resource {
			a.setResource(s, resource)
		}
	} else {
		statements = true
		for _, key := range sqlKeys {
			if likeJSON(raw.meta[key]) {
				a.set(&s.Meta, key, hidden(raw.meta[key]))
			}
		}
		if likeJSON(raw.resource) {
			a.setResource(s, hidden(raw.resource))
		}
	}
	for key, text := range raw.meta {
		switch {
		case text == "":
		case key == "redis.raw_command" || key == "valkey.raw_command":
			a.set(&s.Meta, key, a.redis(text))
		case key == "mongodb.query" || key == "elasticsearch.body" || key == "opensearch.body":
			a.set(&s.Meta, key, a.obfuscator.ObfuscateMongoDBString(text))
		case key == "memcached.command":
			a.set(&s.Meta, key, a.obfuscator.ObfuscateMemcachedString(text))
		case isParameter(key) && (statements || language != "") && a.used.off != parametersAreHidden:
			a.used.use(parametersAreHidden)
			s.Meta[key] = "?"
		}
	}
	if (statements || language != "") && a.used.off != parametersAreHidden {
		maps.DeleteFunc(s.Metrics, func(key string, _ float64) bool { return isParameter(key) })
	}
}

// named does what emptyResourceIsName says.
func (a *traceAgent) named(resource string, s *pb.Span) string {
	if resource != "" || a.used.off == emptyResourceIsName {
		return resource
	}
	a.used.use(emptyResourceIsName)
	return s.Name
}

func (a *traceAgent) set(meta *map[string]string, key, text string) {
	if (*meta)[key] != text && a.used.off != statementsOfAnySpan {
		a.used.use(statementsOfAnySpan)
		(*meta)[key] = text
	}
}

func (a *traceAgent) setResource(s *pb.Span, text string) {
	if s.Resource != text && a.used.off != statementsOfAnySpan {
		a.used.use(statementsOfAnySpan)
		s.Resource = text
	}
}

func isParameter(key string) bool {
	return strings.HasPrefix(key, "db.query.parameter.") || strings.HasPrefix(key, "db.operation.parameter.")
}

func likeJSON(text string) bool {
	return strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") || strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "[")
}

// withoutValues is what Datadog's own functions make of a statement in a language.
func (a *traceAgent) withoutValues(text, language, system, dialect string) string {
	switch {
	case language == "redis":
		return a.redis(text)
	case language == "document":
		return a.document(text)
	case language == "memcached":
		line, _, _ := strings.Cut(text, "\n")
		return a.obfuscator.ObfuscateMemcachedString(line)
	case likeJSON(text):
		return a.documents(text)
	}
	if dialect == "" && (system == "mysql" || system == "mariadb") {
		dialect = "mysql"
	}
	q, err := a.obfuscator.ObfuscateSQLStringForDBMS(text, dialect)
	if err != nil || q.Query == "" {
		return "Non-parsable SQL query"
	}
	return q.Query
}

// document keeps the name of an operation before, or in the place of, a document.
func (a *traceAgent) document(text string) string {
	trimmed := strings.TrimSpace(text)
	name := trimmed
	if i := strings.IndexFunc(trimmed, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.')
	}); i >= 0 {
		name = trimmed[:i]
	}
	if name == "" || strings.ContainsAny(name[:1], "0123456789_.") {
		return a.documents(text)
	}
	rest := strings.TrimSpace(trimmed[len(name):])
	switch {
	case rest == "":
		return name
	case likeJSON(rest):
		return name + " " + a.obfuscator.ObfuscateMongoDBString(rest)
	}
	return name + " ?"
}

// documents is text that begins with a document. A number or word after it, which Datadog leaves, is a value too.
func (a *traceAgent) documents(text string) string {
	i := strings.LastIndexByte(text, ' ')
	if i > 0 && json.Valid([]byte(text[:i])) && json.Valid([]byte(text[i:])) && !likeJSON(text[i:]) {
		return a.obfuscator.ObfuscateMongoDBString(text[:i]) + ` "?"`
	}
	return a.obfuscator.ObfuscateMongoDBString(text)
}

// redis is what Datadog makes of a pipeline of commands without quoted line ends, but for commands that the generator has and neither side knows.
func (a *traceAgent) redis(text string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" {
			continue
		}
		command, rest, more := strings.Cut(line, " ")
		if known := map[string]bool{"SET": true, "GET": true, "AUTH": true, "HSET": true, "ZADD": true, "LPUSH": true, "EXPIRE": true}; known[strings.ToUpper(command)] || a.used.off == unknownRedisCommands {
			lines = append(lines, a.obfuscator.ObfuscateRedisString(line))
			continue
		}
		a.used.use(unknownRedisCommands)
		if strings.IndexFunc(command, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.' || r == '-')
		}) >= 0 {
			command = "?"
		}
		if more && strings.TrimLeft(rest, " \t\r") != "" {
			command += " ?"
		}
		lines = append(lines, command)
	}
	return strings.Join(lines, "\n")
}

// hideURLs does what urlsOfAnySpan says.
func (a *traceAgent) hideURLs(s *pb.Span) {
	if a.used.off == urlsOfAnySpan || a.used.off == obfuscationIsOn {
		return
	}
	for _, key := range []string{"http.url", "http.target", "http.referrer"} {
		raw := s.Meta[key]
		if key == "http.url" && (s.Type == "web" || s.Type == "http") {
			continue
		}
		if text := withoutQuery(withoutUser(raw)); text != raw {
			a.used.use(urlsOfAnySpan)
			s.Meta[key] = text
		}
	}
	if s.Meta["url.query"] != "" {
		a.used.use(urlsOfAnySpan)
		s.Meta["url.query"] = "?"
	}
}

// withoutQuery cuts what is between a question mark and a fragment.
func withoutQuery(raw string) string {
	url, fragment, hasFragment := strings.Cut(raw, "#")
	url, _, hasQuery := strings.Cut(url, "?")
	if hasQuery {
		url += "?"
	}
	if hasFragment {
		url += "#" + fragment
	}
	return url
}

// withoutUser cuts user information out of what looks like a URL.
func withoutUser(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "//")
	if !ok {
		return raw
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	return scheme + "//" + rest[strings.LastIndexByte(rest[:end], '@')+1:]
}
