package traces

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/DataDog/go-sqllexer"
)

// nonParsableSQL stands for a statement of which obfuscation leaves nothing.
const nonParsableSQL = "Non-parsable SQL query"

// obfuscate takes what may be secret out of the span under conversion, by its type: literals out of SQL, arguments out of Redis
// commands, user information out of URLs.
func (g *mapping) obfuscate(s *span) {
	switch s.typ {
	case "sql", "cassandra":
		g.obfuscateSQL(s)
	case "redis", "valkey":
		if s.resource = g.text.redisCommands(s.resource); s.resource == "" {
			s.resource = s.name // the intake takes no empty resource, and one bad span must not cost the others of its body
		}
	}
	if e := g.meta.find(g.names.httpURL); e != nil && e.value != "" {
		if s.typ == "web" || s.typ == "http" {
			e.value = cleanURL(e.value)
		} else {
			e.value = cutUserInfo(e.value)
		}
		e.fits = false
	}
}

// obfuscateSQL treats the resource, and each entry that can hold the raw statement. Mostly that is the resource again.
func (g *mapping) obfuscateSQL(s *span) {
	dialect := g.dialect()
	raw := s.resource
	s.resource = g.sql.obfuscate(raw, dialect)
	for _, key := range [...]name{g.names.sqlQuery, g.names.dbStatement, g.names.dbQueryText} {
		switch e := g.meta.find(key); {
		case e == nil:
		case e.value == "":
			e.dead = key == g.names.sqlQuery
		case e.value == raw:
			e.value, e.fits = s.resource, false
		default:
			e.value, e.fits = g.sql.obfuscate(e.value, dialect), false
		}
	}
}

// dialect is the SQL dialect that a tracer of Datadog's names in db.type. Without it, MySQL and its like are recognised by their system,
// since there a text in double quotes is a literal. Other dialects make no difference to what is secret.
func (g *mapping) dialect() string {
	if dialect, _ := g.meta.get(g.names.dbType); dialect != "" {
		return dialect
	}
	switch (concepts{span: &g.attrs, res: &g.res.known}).dbSystem() {
	case "mysql", "mariadb":
		return string(sqllexer.DBMSMySQL)
	}
	return ""
}

// sqlObfuscator replaces the literals of SQL by "?" and brings statements that differ in nothing else into one form. It has the
// settings that Datadog's agent has by default, and is safe for concurrent use.
type sqlObfuscator struct {
	obfuscator *sqllexer.Obfuscator
	normalizer *sqllexer.Normalizer
}

func newSQLObfuscator() sqlObfuscator {
	return sqlObfuscator{
		obfuscator: sqllexer.NewObfuscator(
			sqllexer.WithReplacePositionalParameter(true),
			sqllexer.WithReplaceBoolean(true),
			sqllexer.WithReplaceNull(true),
		),
		normalizer: sqllexer.NewNormalizer(),
	}
}

// obfuscate treats one statement. dialect is a name such as "postgresql", empty for none in particular.
func (o sqlObfuscator) obfuscate(statement, dialect string) string {
	out, _, err := sqllexer.ObfuscateAndNormalize(statement, o.obfuscator, o.normalizer, sqllexer.WithDBMS(sqllexer.DBMSType(dialect)))
	if err != nil || out == "" {
		return nonParsableSQL
	}
	return out
}

// redisCommands is the names of the first commands of a pipeline, one a line, without their arguments: "SET GET", "CLIENT LIST ...".
// A name that its tracer cut short ("...") is left out.
func (a *arena) redisCommands(pipeline string) string {
	const maxCommands = 3
	from, commands, cut := len(a.buf), 0, false
	for rest := pipeline; rest != "" && commands < maxCommands; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		command, arguments, _ := strings.Cut(strings.Trim(line, " "), " ")
		if command == "" {
			continue
		}
		if cut = strings.HasSuffix(command, truncationMark); cut {
			continue
		}
		begin := len(a.buf)
		a.buf = appendUpper(append(a.buf, ' '), command)
		var sub string
		if isCompoundRedisCommand(a.since(begin + 1)) {
			sub, _, _ = strings.Cut(strings.TrimLeft(arguments, " "), " ")
			if cut = strings.HasSuffix(sub, truncationMark); cut {
				a.buf = a.buf[:begin]
				continue
			}
		}
		if sub != "" {
			a.buf = appendUpper(append(a.buf, ' '), sub)
		}
		commands++
	}
	if commands == maxCommands || cut {
		a.buf = append(a.buf, " ..."...)
	}
	return strings.Trim(a.since(from), " ")
}

func appendUpper(dst []byte, s string) []byte {
	for _, r := range s {
		dst = utf8.AppendRune(dst, unicode.ToUpper(r))
	}
	return dst
}

func isCompoundRedisCommand(command string) bool {
	switch command {
	case "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "SCRIPT":
		return true
	}
	return false
}

// cleanURL is a URL without user information and in the form that net/url gives it. Query and path are kept.
func cleanURL(raw string) string {
	if isPlainURL(raw) {
		return raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return cutUserInfo(raw)
	}
	u.User = nil
	return u.String()
}

// isPlainURL reports whether parsing and printing a URL would give the same URL again. It knows most of those that do, not all.
func isPlainURL(raw string) bool {
	rest, ok := strings.CutPrefix(raw, "http://")
	if !ok {
		if rest, ok = strings.CutPrefix(raw, "https://"); !ok {
			return false
		}
	}
	if rest == "" || rest[0] == '/' || rest[0] == '?' {
		return false // no host
	}
	inHost := true
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case isASCIILetter(c) || isASCIIDigit(c) || c == '.' || c == '-' || c == ':':
		case c == '/' || c == '?':
			inHost = false
		case !inHost && strings.IndexByte("_~&=%+,;", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// cutUserInfo removes user information without a change to anything else, from text that need not be a valid URL.
func cutUserInfo(raw string) string {
	_, rest, ok := strings.Cut(raw, "//")
	if !ok {
		return raw
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return raw
	}
	return raw[:len(raw)-len(rest)] + rest[at+1:]
}
