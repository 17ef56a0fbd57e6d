package traces

import (
	"github.com/DataDog/go-sqllexer"
)

// nonParsableSQL stands for a statement of which obfuscation leaves nothing.
const nonParsableSQL = "Non-parsable SQL query"

// obfuscateSQL treats the resource, and each entry that can hold the raw statement. Mostly that is the resource again.
func (g *mapping) obfuscateSQL(s *span) {
	dialect := g.dialect()
	raw := s.resource
	s.resource = g.sqlWithoutValues(raw, dialect)
	for _, key := range [...]name{g.names.sqlQuery, g.names.dbStatement, g.names.dbQueryText} {
		switch e := g.meta.find(key); {
		case e == nil:
		case e.value == "":
			e.dead = key == g.names.sqlQuery
		case e.value == raw:
			e.value, e.fits = s.resource, false
		default:
			e.value, e.fits = g.sqlWithoutValues(e.value, dialect), false
		}
	}
	g.hideParameters()
}

// sqlWithoutValues is a statement of SQL with "?" in the place of values. Text that begins like JSON is read as such: to SQL it is full of names.
func (g *mapping) sqlWithoutValues(statement, dialect string) string {
	if beginsLikeJSON(statement) {
		return g.text.jsonWithoutValues(statement)
	}
	return g.sql.obfuscate(&g.text, statement, dialect)
}

// dialect is the SQL dialect that a tracer of Datadog's names in db.type. Without it, MySQL and its like are recognised by their system,
// since there a text in double quotes is a literal. Other dialects make no difference to what is secret.
func (g *mapping) dialect() string {
	if dialect, _ := g.meta.get(g.names.dbType); dialect != "" {
		return dialect
	}
	switch g.concepts().dbSystem() {
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
	cache      *sqlCache
}

func newSQLObfuscator() sqlObfuscator {
	return sqlObfuscator{
		cache: newSQLCache(),
		obfuscator: sqllexer.NewObfuscator(
			sqllexer.WithReplacePositionalParameter(true),
			sqllexer.WithReplaceBoolean(true),
			sqllexer.WithReplaceNull(true),
		),
		normalizer: sqllexer.NewNormalizer(),
	}
}

// obfuscate treats one statement. dialect is a name such as "postgresql", empty for none in particular.
// On a hit in the cache nothing is allocated; a is for the shape that is looked for.
func (o sqlObfuscator) obfuscate(a *arena, statement, dialect string) string {
	if len(statement)+len(dialect) > maxCachedStatement {
		return o.compute(statement, dialect)
	}
	from := len(a.buf)
	shape := a.sqlShape(statement)
	hash := o.cache.hash(shape, dialect)
	out, ok := o.cache.get(hash, shape, dialect)
	if !ok {
		out = o.compute(shape, dialect)
		o.cache.put(hash, shape, dialect, out)
	}
	a.buf = a.buf[:from]
	return out
}

func (o sqlObfuscator) compute(statement, dialect string) string {
	out, _, err := sqllexer.ObfuscateAndNormalize(statement, o.obfuscator, o.normalizer, sqllexer.WithDBMS(sqllexer.DBMSType(dialect)))
	if err != nil || out == "" {
		return nonParsableSQL
	}
	return out
}
