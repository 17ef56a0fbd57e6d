package attributes_test

import (
	"encoding/json"
	"math"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

func valueOf(t testing.TB, raw any) pcommon.Value {
	t.Helper()
	v := pcommon.NewValueEmpty()
	if err := v.FromRaw(raw); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAppendValueIsAsString(t *testing.T) {
	t.Parallel()
	many := map[string]any{}
	for c := range 40 {
		many[string(rune('a'+39-c))+"\x00"] = c
	}
	for _, raw := range []any{
		nil, "", "text", "not \xff UTF-8", true, false, int64(math.MinInt64), int64(0), 1.0, -0.5, math.Copysign(0, -1),
		1e20, 1e21, 1e-6, 1e-7, 9.999999999999999e22, 1.5e-300, math.MaxFloat64, math.SmallestNonzeroFloat64,
		math.NaN(), math.Inf(1), math.Inf(-1), []byte{}, []byte("\x00\x01\xfe\xff"), make([]byte, 1000),
		[]any{}, map[string]any{}, many,
		[]any{nil, "a\"b\\c<>&\u2028\u2029\b\f\n\r\t\x01\x7f\xff\ufffd", true, int64(-7), 1e-7, []byte{}, []byte("b"), []any{}, map[string]any{}},
		map[string]any{"z": 1, "a": map[string]any{"é": "ü", "\xff": nil}, "": []any{[]any{int64(1)}}},
		map[string]any{"deep": []any{math.NaN()}},
		[]any{"x", math.Inf(-1)},
	} {
		v := valueOf(t, raw)
		if got, want := string(attributes.AppendValue([]byte("before "), v)), "before "+v.AsString(); got != want {
			t.Errorf("%v:\n got %q\nwant %q", raw, got, want)
		}
	}
}

func TestAppendValueTakesTheLaterOfTwoEqualKeys(t *testing.T) {
	t.Parallel()
	// Only the wire can carry a key twice: pcommon.Map has no method that makes one.
	const twice = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"kvlistValue":{"values":[
		{"key":"b","value":{"intValue":"1"}},{"key":"a","value":{"stringValue":"x"}},{"key":"b","value":{"intValue":"2"}}]}}}]}]}]}`
	v := bodyOf(t, []byte(twice))
	if got := string(attributes.AppendValue(nil, v)); got != `{"a":"x","b":2}` {
		t.Errorf("got %s", got)
	}
}

func TestAppendValueBoundsItsDepth(t *testing.T) {
	t.Parallel()
	v := pcommon.NewValueEmpty()
	inner := v
	for range 100_000 {
		inner = inner.SetEmptySlice().AppendEmpty()
	}
	got := attributes.AppendValue(nil, v)
	if !json.Valid(got) || len(got) > 1000 {
		t.Errorf("%d bytes, valid JSON: %t", len(got), json.Valid(got))
	}
}

func bodyOf(t testing.TB, otlpJSON []byte) pcommon.Value {
	t.Helper()
	ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(otlpJSON)
	if err != nil {
		t.Fatal(err)
	}
	return ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body()
}

// FuzzAppendValue compares the text of any value that the OTLP wire can carry with pdata's own.
func FuzzAppendValue(f *testing.F) {
	f.Add([]byte{}, 0.0)
	for _, raw := range []any{
		"text", 1e-7, []byte("bytes"), []any{nil, "\u2028\xff", true, int64(1), 2.5, []byte{}},
		map[string]any{"b": map[string]any{"\x00": "<&>"}, "a": []any{[]any{}}},
	} {
		ld := plog.NewLogs()
		valueOf(f, raw).CopyTo(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body())
		wire, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire, math.Pi)
	}
	f.Fuzz(func(t *testing.T, wire []byte, double float64) {
		check := func(v pcommon.Value) {
			if depth(v) > 100 {
				return // beyond this the two differ on purpose
			}
			if got, want := string(attributes.AppendValue(nil, v)), v.AsString(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		check(pcommon.NewValueDouble(double))
		check(pcommon.NewValueStr(string(wire)))
		check(valueOf(t, []any{string(wire), double, wire}))
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
		if err != nil {
			return
		}
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					check(lr.Body())
				}
			}
		}
	})
}

func depth(v pcommon.Value) int {
	deepest := 0
	switch v.Type() {
	case pcommon.ValueTypeMap:
		for _, e := range v.Map().All() {
			deepest = max(deepest, depth(e))
		}
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			deepest = max(deepest, depth(e))
		}
	}
	return deepest + 1
}

func TestAppendValueDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	values := []pcommon.Value{
		valueOf(t, "text"), valueOf(t, true), valueOf(t, int64(1234567)), valueOf(t, 1.25e-9), valueOf(t, []byte("some bytes")),
		valueOf(t, map[string]any{"b": 1, "a": []any{"x", 2.5}}),
	}
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() {
		dst = dst[:0]
		for _, v := range values {
			dst = attributes.AppendValue(dst, v)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendValue(b *testing.B) {
	v := valueOf(b, map[string]any{"method": "GET", "path": "/a/b", "sizes": []any{1, 2, 3}, "ratio": 0.25})
	dst := attributes.AppendValue(nil, v)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = attributes.AppendValue(dst[:0], v)
	}
}
