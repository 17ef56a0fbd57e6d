package traces_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

func TestSQLShape(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		"":                              "",
		"SELECT a FROM t WHERE id = $1": "SELECT a FROM t WHERE id = $1",
		"SELECT a FROM t12 WHERE id=42 AND b='x y'": "SELECT a FROM t12 WHERE id=0 AND b=''",
		"SELECT 7":                              "SELECT 0",
		"7":                                     "0",
		"'a'":                                   "''",
		"IN (1,2,3)":                            "IN (0,0,0)",
		"VALUES (1, 'a', 19.99), (0, '', 0.5);": "VALUES (0, '', 0), (0, '', 0);",
		"a <5 AND b>= 6 AND c<>'d'":             "a <0 AND b>= 0 AND c<>''",
		"5::int, 'x'::text":                     "0::int, ''::text",
		"LIMIT 10 OFFSET 20":                    "LIMIT 0 OFFSET 0",
		"1e5, 0x1f, 007, 0189, 08, 5-3, -5, +5, 5e": "1e5, 0x1f, 007, 0189, 08, 5-3, -5, +5, 5e",
		"1. 2, 2.3.4, 5..":                          "1. 2, 0, 5..",
		"$1 = 5 AND $23 = 'a'":                      "$1 = 0 AND $23 = ''",
		"AS 'alias', x AS 5":                        "AS '', x AS 0",
		"doc->5, doc->>'k', doc -> 'k'":             "doc->0, doc->>'', doc -> ''",
		`"users"."id" = 5 AND "t1" = 'a'`:           `"users"."id" = 0 AND "t1" = ''`,
		"`users`.`id` = 5":                          "`users`.`id` = 0",
		"a . 5, a.\n5, 6":                           "a . 5, a.\n5, 0",
		"a1 = b2 +3, 4*5":                           "a1 = b2 +3, 4*5",
		"x = 5 -- 5":                                "x = 5 -- 5",
		"x = 5 /* 5 */":                             "x = 5 /* 5 */",
		"x = 5 # 5":                                 "x = 5 # 5",
		"x = 'it''s'":                               "x = 'it''s'",
		`x = 'a\'b' AND c = 5`:                      `x = 'a\'b' AND c = 5`,
		"x = E'a', 5":                               "x = E'a', 5",
		"x = N'a', 5":                               "x = N'a', 5",
		"x = U&'a', 5":                              "x = U&'a', 5",
		"x = 'a' 'b', 5":                            "x = '' '', 0",
		"x = 'a'b, 5":                               "x = 'a'b, 5",
		"x = 'open, 5":                              "x = 'open, 5",
		"x = 'ü', 5":                                "x = 'ü', 5",
		"x = ü, 5":                                  "x = ü, 5",
		"x = 'a\x00b', 5":                           "x = 'a\x00b', 5",
		"x = $$5$$, 5":                              "x = $$5$$, 5",
		"x = a$1, 5":                                "x = a$1, 0",
		`x" " 5 " "`:                                `x" " 5 " "`,
		"/* ' */ 5 /* ' */ x":                       "/* ' */ 5 /* ' */ x",
		"-- ' 5 ' , 6":                              "-- ' 5 ' , 6",
		"x = @p1, 5":                                "x = @p1, 5",
		"x = ARRAY[1, 2], 5":                        "x = ARRAY[1, 2], 5",
		`x = "a b", 5`:                              `x = "a b", 5`,
		`x = "a`:                                    `x = "a`,
		"x IN ('a','b') AND y BETWEEN 1 AND 2\r\n;5": "x IN ('','') AND y BETWEEN 0 AND 0\r\n;5",
	} {
		if got := traces.SQLShape(statement); got != want {
			t.Errorf("the shape of %q is %q, want %q", statement, got, want)
		}
		checkShape(t, statement)
	}
}

var dialects = []string{"", "postgresql", "postgres", "mysql", "mssql", "sql-server", "oracle", "ibm_db2", "snowflake", "sqlite"}

// checkShape says that a statement and its shape become the same in each dialect, by the lexer and through the cache.
func checkShape(t testing.TB, statement string) {
	t.Helper()
	shape := traces.SQLShape(statement)
	if again := traces.SQLShape(shape); again != shape {
		t.Errorf("the shape %q of %q has the shape %q", shape, statement, again)
	}
	if len(shape) > len(statement) {
		t.Errorf("the shape of %q is longer: %q", statement, shape)
	}
	if shape == statement {
		return
	}
	for _, dialect := range dialects {
		want := traces.ObfuscateSQL(statement, dialect)
		if got := traces.ObfuscateSQL(shape, dialect); got != want {
			t.Errorf("%q: %q becomes %q, but its shape %q becomes %q", dialect, statement, want, shape, got)
		}
		sql := traces.NewSQL()
		sql.Obfuscate(shape, dialect)
		if got := sql.Obfuscate(statement, dialect); got != want {
			t.Errorf("%q: %q becomes %q, and from the cache %q", dialect, statement, want, got)
		}
	}
}

// sqlParts are what statements are made of here: those of real ones, and all that has a meaning of its own in a dialect.
var sqlParts = strings.Split("SELECT|FROM|WHERE|AND|IN|LIMIT|OFFSET|VALUES|INSERT INTO|UPDATE|SET|AS|WITH|EXTRACT(|count(|(|(|)|)|,|,|=|=|<|>|<=|<>|->|->>|;|"+
	"::|:|:name|:1|.|.|..|*|+|-|/|%|!|~|?|??|@|@@|@p1|@>|#|#>|$|$1|$12|$$|$tag$|[|]|[a]|{|}|--|/*|*/|\"|\"a\"|\"a b\"|\".\"|`|`a`|`a b`|`.`|'|''|'''|\\|\\'|"+
	"a|t1|t.a|t.|a_5|users|e|E|N|U&|B|X|x5|0x|null|true|é|\xff|\x00|\x0b|$func$|current_date|interval", "|")

func literal(r *rand.Rand) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	if r.IntN(2) == 0 {
		return pick("0", "5", "42", "100000", "9", "1.5", "0.5", "12.", "1.2.3", "1e5", "1e", "0x1f", "007", "0189", "08", "-5", "+5", "1e-5", "5.e", "00")
	}
	return pick("''", "'a'", "'a b'", "'12'", "'it''s'", `'a\'b'`, `'\'`, "'--'", "'/*'", "'a\"b'", "'`'", "'a,b'", "'SELECT'", "'ü'", "'(1)'", "'$1'", "'[x]'", "'\n'", "'\x00'")
}

// TestStatementsOfOneShapeBecomeTheSame draws statements at random.
func TestStatementsOfOneShapeBecomeTheSame(t *testing.T) {
	t.Parallel()
	n := 60_000
	if testing.Short() || raceEnabled {
		n = 6_000
	}
	r := rand.New(rand.NewPCG(1, 2))
	shaped := 0
	for range n {
		var b strings.Builder
		for i := range 1 + r.IntN(14) {
			if i > 0 {
				b.WriteString([...]string{" ", " ", " ", "", "", "\n", "\t ", ","}[r.IntN(8)])
			}
			if r.IntN(5) < 2 {
				b.WriteString(literal(r))
			} else if r.IntN(3) == 0 { // of the first parts, which most statements are made of
				b.WriteString(sqlParts[r.IntN(24)])
			} else {
				b.WriteString(sqlParts[r.IntN(len(sqlParts))])
			}
		}
		statement := b.String()
		if traces.SQLShape(statement) != statement {
			shaped++
		}
		checkShape(t, statement)
		if t.Failed() {
			return
		}
	}
	if shaped < n/10 {
		t.Errorf("%d of %d statements have another shape: too few to say something", shaped, n)
	}
}

// FuzzSQLShape reads any text as a statement.
func FuzzSQLShape(f *testing.F) {
	for _, s := range []string{
		"SELECT * FROM t WHERE a = 5 AND b = 'x' LIMIT 10", "SELECT a . 5, 6", `SELECT "a"."b", 'c', 1.5`, "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
		"SELECT `a` . `b` , 5 -- 6", "SELECT 'a'::text, $1, :x, @y, E'\\'5' , 5", "EXEC p 5, N'x', [a b]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, statement string) { checkShape(t, statement) })
}

func TestAShapeOnceSeenIsFoundWithoutAnAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	sql := traces.NewSQL()
	of := [...]string{"SELECT a FROM t WHERE id = 17 AND b IN ('x', 'y')", "SELECT a FROM t WHERE id = 4 AND b IN ('a b', '')"}
	first, i := sql.Obfuscate(of[0], "mysql"), 0
	if want := "SELECT a FROM t WHERE id = ? AND b IN ( ? )"; first != want {
		t.Errorf("got %q, want %q", first, want)
	}
	if n := testing.AllocsPerRun(100, func() {
		if i++; sql.Obfuscate(of[i%2], "mysql") != first {
			t.Error("statements of one shape differ")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestStatementsWithNewLiteralsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	m := traces.New(traces.Options{})
	of := [...]ptrace.Traces{service(4, 20, true), service(4, 20, true)}
	for i, s := range of[1].ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		if _, ok := s.Attributes().Get("db.statement"); ok {
			s.Attributes().PutStr("db.statement", fmt.Sprintf("SELECT id, price FROM items WHERE cart = 'other %d' LIMIT %d", i, i))
		}
	}
	var out intake.Payload
	var drops intake.Drops
	run := 0
	if n := testing.AllocsPerRun(100, func() {
		out.Body, out.Items = out.Body[:0], out.Items[:0]
		m.Map(of[run%2].ResourceSpans().At(0), &out, &drops, nil)
		run++
	}); n != 0 {
		t.Errorf("%v allocations for %d spans", n, of[0].SpanCount())
	}
}

// BenchmarkSQL measures a statement whose literals were never seen before, but whose shape was.
func BenchmarkSQL(b *testing.B) {
	sql := traces.NewSQL()
	const statement = "SELECT o.id, count(*) FROM shop_7 o JOIN items i ON i.order_id = o.id WHERE o.customer_id = '123456' AND o.state IN ('open', 'paid') GROUP BY o.id LIMIT 20"
	sql.Obfuscate(statement, "")
	b.SetBytes(int64(len(statement)))
	b.ReportAllocs()
	for b.Loop() {
		sql.Obfuscate(statement, "")
	}
}
