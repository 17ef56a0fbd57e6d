package logs_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/logs"
)

// repeated is a resource with an attribute of so many bytes, and so many records in scopes of ten with an attribute of their own.
func repeated(bytes, records int) plog.ResourceLogs {
	rl := plog.NewResourceLogs()
	rl.Resource().Attributes().PutStr("a", strings.Repeat("x", bytes))
	for range records / 10 {
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().Attributes().PutStr("b", "c")
		for range 10 {
			sl.LogRecords().AppendEmpty()
		}
	}
	return rl
}

func TestNothingIsAppendedToAFullPayload(t *testing.T) {
	t.Parallel()
	const limit, records = 200_000, 10_000
	for form, mapTo := range map[string]func(plog.ResourceLogs, *intake.Payload, *intake.Drops){
		"log API": logs.New(logs.Options{}).Map, "OTLP": logs.NewOTLP(logs.Options{}).Map,
	} {
		out := intake.Payload{Limit: limit}
		var drops intake.Drops
		mapTo(repeated(30_000, records), &out, &drops)
		if n := len(out.Body); n < limit || n > limit+31_000 {
			t.Errorf("%s: the payload has %d bytes, want about %d", form, n, limit)
		}
		if out.Count() == 0 || drops != (intake.Drops{intake.ReasonTooLarge: records - out.Count()}) {
			t.Errorf("%s: %d records sent, dropped are %v", form, out.Count(), drops)
		}
	}
}

// TestAResourceThatFillsABody: reading the resource once for each record or scope would take minutes.
func TestAResourceThatFillsABody(t *testing.T) {
	t.Parallel()
	const records = 50_000
	for form, mapTo := range map[string]func(plog.ResourceLogs, *intake.Payload, *intake.Drops){
		"log API": logs.New(logs.Options{}).Map, "OTLP": logs.NewOTLP(logs.Options{}).Map,
	} {
		var out intake.Payload
		var drops intake.Drops
		began := time.Now()
		mapTo(repeated(6_000_000, records), &out, &drops)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: took %v", form, took)
		}
		if len(out.Body) != 0 || drops != (intake.Drops{intake.ReasonTooLarge: records}) {
			t.Errorf("%s: %d bytes, dropped are %v", form, len(out.Body), drops)
		}
	}
}

// TestARecordIsNotWrittenToItsEnd: a key is repeated in each leaf below it.
func TestARecordIsNotWrittenToItsEnd(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("k", 100_000)
	fill := map[string]func(plog.LogRecord){
		"map":  func(lr plog.LogRecord) { leaves(lr.Attributes().PutEmptyMap(key).PutInt, 3000) },
		"maps": func(lr plog.LogRecord) { leaves(lr.Attributes().PutEmptyMap("a").PutEmptyMap(key).PutInt, 3000) },
		"array": func(lr plog.LogRecord) {
			for range 10 {
				leaves(lr.Attributes().PutEmptySlice("a").AppendEmpty().SetEmptyMap().PutEmptyMap(key).PutInt, 3000)
			}
		},
		"equal keys": func(lr plog.LogRecord) {
			for range 10 {
				leaves(lr.Attributes().PutEmptyMap(key).PutInt, 3000)
			}
		},
	}
	for name, f := range fill {
		rl := plog.NewResourceLogs()
		records := rl.ScopeLogs().AppendEmpty().LogRecords()
		records.AppendEmpty().Body().SetStr("before")
		f(records.AppendEmpty())
		records.AppendEmpty().Body().SetStr("after")
		var out intake.Payload
		var drops intake.Drops
		logs.New(logs.Options{}).Map(rl, &out, &drops)
		if n := cap(out.Body); n > 20<<20 {
			t.Errorf("%s: the payload grew to %d bytes", name, n)
		}
		if out.Count() != 2 || drops != (intake.Drops{intake.ReasonTooLarge: 1}) {
			t.Errorf("%s: %d records sent, dropped are %v", name, out.Count(), drops)
		}
		if body := string(out.Body); !strings.Contains(body, "before") || !strings.Contains(body, "after") || len(body) > 1000 {
			t.Errorf("%s: the neighbours are not there, in %d bytes", name, len(body))
		}
	}
}

func leaves(put func(string, int64), n int) {
	for i := range n {
		put(fmt.Sprint(i), 1)
	}
}

// TestManyEqualKeys: one look at all attributes for each of them takes about ten seconds.
func TestManyEqualKeys(t *testing.T) {
	t.Parallel()
	field := func(num int, b []byte) []byte {
		out := binary.AppendUvarint(nil, uint64(num)<<3|2)
		out = binary.AppendUvarint(out, uint64(len(b)))
		return append(out, b...)
	}
	many := func(num int, key string) []byte {
		one := field(num, append(field(1, []byte(key)), field(2, field(1, []byte("x")))...))
		return []byte(strings.Repeat(string(one), 100_000))
	}
	for _, key := range []string{"otel.library.name", "otel.library.version"} {
		record := field(2, field(2, many(6, key)))
		resource := append(field(1, many(1, key)), field(2, field(2, nil))...)
		for place, wire := range map[string][]byte{"record": record, "resource": resource} {
			ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(field(1, wire))
			if err != nil {
				t.Fatal(err)
			}
			var out intake.Payload
			began := time.Now()
			logs.New(logs.Options{}).Map(ld.ResourceLogs().At(0), &out, new(intake.Drops))
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%s of a %s: took %v", key, place, took)
			}
		}
	}
}
