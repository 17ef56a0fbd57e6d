package traces

import "fmt"

// What the black-box tests reach inside for.
var (
	CutUserInfo         = cutUserInfo
	SamplingProbability = samplingProbability
	MemcachedCommand    = memcachedCommand
)

// CleanURL keeps the query, WithoutQuery does not.
func CleanURL(raw string) string {
	return (&mapping{Mapper: &Mapper{opts: Options{KeepQueryStrings: true}}}).cleanURL(raw)
}

func CleanURLWithoutQuery(raw string) string { return (&mapping{Mapper: &Mapper{}}).cleanURL(raw) }
func WithoutQuery(raw string) string         { return (&mapping{Mapper: &Mapper{}}).withoutQuery(raw) }

// TagValue and its like are the methods of the text arena, with an arena of their own.
func TagValue(s string) string              { return new(arena).tagValue(s) }
func ServiceName(s string) string           { return new(arena).service(s) }
func OperationName(s string) string         { return new(arena).operationName(s) }
func RedisCommands(s string) string         { return new(arena).redisCommands(s) }
func RedisWithoutValues(s string) string    { return new(arena).redisWithoutValues(s) }
func JSONWithoutValues(s string) string     { return new(arena).jsonWithoutValues(s) }
func DocumentWithoutValues(s string) string { return new(arena).documentWithoutValues(s) }

// SQLCacheBytes is about how much a cache holds after it was asked for n different statements of size bytes.
func SQLCacheBytes(n, size int) (total int) {
	o := newSQLObfuscator()
	for i := range n {
		o.obfuscate(new(arena), fmt.Sprintf("t%0*d", size-1, i), "")
	}
	for i := range o.cache.parts {
		p := &o.cache.parts[i]
		for _, generation := range []map[uint64]sqlCacheEntry{p.young, p.old} {
			for _, e := range generation {
				total += len(e.statement) + len(e.dialect) + len(e.out)
			}
		}
	}
	return total
}

// SQLShape is a statement with all literals of a kind alike, ObfuscateSQL what the lexer makes of a statement, and SQL what is sent of one after others.
func SQLShape(s string) string              { return new(arena).sqlShape(s) }
func ObfuscateSQL(s, dialect string) string { return newSQLObfuscator().compute(s, dialect) }

type SQL struct {
	obfuscator sqlObfuscator
	text       arena
}

func NewSQL() *SQL { return &SQL{obfuscator: newSQLObfuscator()} }

func (s *SQL) Obfuscate(statement, dialect string) string {
	return s.obfuscator.obfuscate(&s.text, statement, dialect)
}
