package store

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

// The server takes each value apart and sends it back, so it has understood it.
func TestTheDatabaseUnderstandsEveryValue(t *testing.T) {
	t.Parallel()
	conn := connectTo(t, pgtest.Shared(t).Database(t).Writer)
	for _, want := range []struct {
		yes   bool
		n     int64
		text  string
		bytes []byte
	}{
		{true, 0, "", []byte{}},
		{false, -1, "naïve 'quote' \\ \U0010FFFF", []byte("\x00\\x00\xff")},
		{true, math.MinInt64, "a", []byte{1}},
		{false, math.MaxInt64, "b", make([]byte, 100_000)},
	} {
		var (
			yes   bool
			n     int64
			text  string
			bytes []byte
		)
		err := queryRow(t.Context(), conn, []any{&yes, &n, &text, &bytes}, `SELECT $1, $2, $3, $4`,
			pgBool(want.yes), pgInt(want.n), pgText(want.text), pgBytes(want.bytes))
		if err != nil || yes != want.yes || n != want.n || text != want.text || !slices.Equal(bytes, want.bytes) || bytes == nil {
			t.Errorf("%v %d %q %d bytes, %v; want %v %d %q %d bytes", yes, n, text, len(bytes), err, want.yes, want.n, want.text, len(want.bytes))
		}
	}
}

func TestTheDatabaseUnderstandsArraysOfAnyLength(t *testing.T) {
	t.Parallel()
	conn := connectTo(t, pgtest.Shared(t).Database(t).Writer)
	for _, length := range []int{0, 1, 3, 1000} {
		ints, texts, byteas := make([]int64, length), make([]string, length), make([][]byte, length)
		for i := range length {
			ints[i] = int64(i) - 1
			texts[i] = strings.Repeat("ü", i%3)
			if i%2 == 1 { // the others are nil, which is no bytes
				byteas[i] = []byte{0, byte(i)}
			}
		}
		at := 0
		_, err := query(t.Context(), conn, func(r row) error {
			var (
				n     int64
				text  string
				bytes []byte
			)
			if err := r.scan(&n, &text, &bytes); err != nil {
				return err
			}
			if at >= length || n != ints[at] || text != texts[at] || !slices.Equal(bytes, byteas[at]) || bytes == nil {
				t.Errorf("element %d of %d: %d %q %q", at, length, n, text, bytes)
			}
			at++
			return nil
		}, `SELECT * FROM unnest($1, $2, $3)`, pgInts(ints), pgTexts(texts), pgByteas(byteas))
		if err != nil || at != length {
			t.Errorf("%d elements of %d, %v", at, length, err)
		}
	}
}

func TestAnAnswerOfAnotherShapeIsNotTaken(t *testing.T) {
	t.Parallel()
	eight := make([]byte, 8)
	for name, c := range map[string]struct {
		row  row
		dest []any
	}{
		"a column too many":     {row{eight, eight}, []any{new(int64)}},
		"a column too few":      {row{}, []any{new(int64)}},
		"NULL as a number":      {row{nil}, []any{new(int64)}},
		"NULL as a text":        {row{nil}, []any{new(string)}},
		"an integer of 4 bytes": {row{eight[:4]}, []any{new(int64)}},
		"a version of 2 bytes":  {row{eight[:2]}, []any{new(uint64)}},
		"a negative version":    {row{{0x80, 0, 0, 0, 0, 0, 0, 0}}, []any{new(uint64)}},
		"a long boolean":        {row{{1, 0}}, []any{new(bool)}},
		"an unknown type":       {row{eight}, []any{new(float64)}},
	} {
		if err := c.row.scan(c.dest...); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, column []byte) {
		var (
			version uint64
			n       int64
			yes     bool
			text    string
			bytes   []byte
		)
		if err := (row{column}).scan(&version); err == nil && !slices.Equal(pgInt(int64(version)).value, column) {
			t.Errorf("%x became version %d", column, version)
		}
		if err := (row{column}).scan(&n); err == nil && !slices.Equal(pgInt(n).value, column) {
			t.Errorf("%x became %d", column, n)
		}
		if err := (row{column}).scan(&yes); err == nil && len(column) != 1 {
			t.Errorf("%x became %t", column, yes)
		}
		if err := (row{column}).scan(&text); (err == nil) != (column != nil) || text != string(column) {
			t.Errorf("%x became %q, %v", column, text, err)
		}
		if err := (row{column}).scan(&bytes); err != nil || !slices.Equal(bytes, column) || (bytes == nil) != (column == nil) {
			t.Errorf("%x became %x, %v", column, bytes, err)
		}
	})
}

func connectTo(t *testing.T, dsn string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeSession(conn) })
	return conn
}
