package logs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/logs"
)

// items cuts a payload at its item ends and checks that each item is one object with unique names, followed by a comma.
func items(t testing.TB, p *intake.Payload) []json.RawMessage {
	t.Helper()
	var cut []json.RawMessage
	start := 0
	for _, item := range p.Items {
		one := p.Body[start:item.End]
		start = int(item.End)
		if err := uniqueNames(bytes.TrimSuffix(one, []byte(","))); err != nil || one[len(one)-1] != ',' {
			t.Fatalf("not an object and a comma: %v: %s", err, one)
		}
		cut = append(cut, json.RawMessage(one[:len(one)-1]))
	}
	if start != len(p.Body) {
		t.Fatalf("%d bytes belong to no item", len(p.Body)-start)
	}
	return cut
}

// uniqueNames reports whether text is one JSON object in which no object has a name twice.
func uniqueNames(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return fmt.Errorf("begins with %v: %w", tok, err)
	}
	if err := uniqueUpTo(d, '}'); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

func uniqueUpTo(d *json.Decoder, end json.Delim) error {
	seen := map[string]bool{}
	for {
		tok, err := d.Token()
		if err != nil {
			return err
		}
		if tok == end {
			return nil
		}
		if end == '}' {
			name := tok.(string)
			if seen[name] {
				return fmt.Errorf("name %q comes twice", name)
			}
			seen[name] = true
			if tok, err = d.Token(); err != nil {
				return err
			}
		}
		switch tok {
		case json.Delim('{'):
			err = uniqueUpTo(d, '}')
		case json.Delim('['):
			err = uniqueUpTo(d, ']')
		}
		if err != nil {
			return err
		}
	}
}

func decode(t testing.TB, text []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return m
}

// compare maps rl and checks it against the reference.
func compare(t testing.TB, m *logs.Mapper, rl plog.ResourceLogs) {
	t.Helper()
	var out intake.Payload
	var drops intake.Drops
	m.Map(rl, &out, &drops)
	got := items(t, &out)
	dropped := 0
	for _, want := range reference(rl) {
		if want == nil {
			dropped++
			continue
		}
		if len(got) == 0 {
			t.Fatalf("nothing is sent for %s", want)
		}
		if g, w := decode(t, got[0]), decode(t, want); !reflect.DeepEqual(g, w) {
			t.Fatalf("\n got %s\nwant %s\n%s", got[0], want, difference(g, w))
		}
		got = got[1:]
	}
	if len(got) > 0 {
		t.Fatalf("%d items too many, the first: %s", len(got), got[0])
	}
	if drops[intake.ReasonNotFinite] != dropped {
		t.Fatalf("%d counted as not finite, want %d", drops[intake.ReasonNotFinite], dropped)
	}
}

func difference(got, want map[string]any) string {
	var b strings.Builder
	for key, w := range want {
		if g := got[key]; !reflect.DeepEqual(g, w) {
			fmt.Fprintf(&b, "%q: got %#v, want %#v\n", key, g, w)
		}
	}
	for key, g := range got {
		if _, ok := want[key]; !ok {
			fmt.Fprintf(&b, "%q: got %#v, want none\n", key, g)
		}
	}
	return b.String()
}

func TestMapIsTheReference(t *testing.T) {
	t.Parallel()
	rounds := 20_000
	if testing.Short() {
		rounds = 2_000
	}
	m := logs.New(logs.Options{})
	g := generator{Rand: rand.New(rand.NewPCG(4, 2))}
	for range rounds {
		compare(t, m, g.resourceLogs())
	}
}

func TestMapKeepsManyAndEqualKeysApart(t *testing.T) {
	t.Parallel()
	rl := plog.NewResourceLogs()
	lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	array := lr.Attributes().PutEmptySlice("array")
	for i := range 500 {
		lr.Attributes().PutInt(fmt.Sprintf("key.%d", i), int64(i))
		lr.Attributes().PutEmptyMap("key").PutInt(fmt.Sprint(i/2), -1)
		entry := array.AppendEmpty().SetEmptyMap()
		entry.PutInt("a.b", 1)
		entry.PutEmptyMap("a").PutInt("b", int64(i))
	}
	compare(t, logs.New(logs.Options{}), rl)
}

func one(t testing.TB, opts logs.Options, fill func(res pcommon.Map, lr plog.LogRecord)) map[string]any {
	t.Helper()
	rl := plog.NewResourceLogs()
	fill(rl.Resource().Attributes(), rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
	var out intake.Payload
	logs.New(opts).Map(rl, &out, new(intake.Drops))
	got := items(t, &out)
	if len(got) != 1 {
		t.Fatalf("%d items", len(got))
	}
	return decode(t, got[0])
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		opts logs.Options
		fill func(res pcommon.Map, lr plog.LogRecord)
		want map[string]any
	}{
		{"defaults", logs.Options{}, func(pcommon.Map, plog.LogRecord) {},
			map[string]any{"ddsource": "otlp_log_ingestion", "ddtags": "otel_source:datadog_exporter", "message": "", "status": "info"}},
		{"all set", logs.Options{Source: "acme", FallbackHost: "collector", OTelSource: "acme_\"x\""}, func(pcommon.Map, plog.LogRecord) {},
			map[string]any{"ddsource": "acme", "ddtags": `otel_source:acme_"x"`, "hostname": "collector", "message": "", "status": "info"}},
		{"attributes go before options", logs.Options{Source: "acme", FallbackHost: "collector"}, func(res pcommon.Map, lr plog.LogRecord) {
			res.PutStr("host.name", "web-1")
			lr.Attributes().PutStr("datadog.log.source", "nginx")
		}, map[string]any{"ddsource": "nginx", "hostname": "web-1", "host.name": "web-1", "datadog.log.source": "nginx",
			"ddtags": "otel_source:datadog_exporter", "message": "", "status": "info"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := one(t, tc.opts, tc.fill); !reflect.DeepEqual(got, tc.want) {
				t.Error(difference(got, tc.want))
			}
		})
	}
}

func TestItemsExpireByTheirOwnTime(t *testing.T) {
	t.Parallel()
	rl := plog.NewResourceLogs()
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().SetTimestamp(1_700_000_000_999_999_999)
	records.AppendEmpty().SetObservedTimestamp(1_600_000_000_000_000_000)
	records.AppendEmpty()
	var out intake.Payload
	m := logs.New(logs.Options{Now: func() time.Time { return time.Unix(1_800_000_000, 5) }})
	m.Map(rl, &out, new(intake.Drops))
	for i, want := range []int64{1_700_000_000, 1_600_000_000, 1_800_000_000} {
		if got := out.Items[i]; got.Unix != want || got.Count != 1 {
			t.Errorf("item %d: unix %d count %d, want %d and 1", i, got.Unix, got.Count, want)
		}
	}
}

// TestALogOfTheLargestSizeIsWhole, and one that is a byte longer is cut.
func TestALogOfTheLargestSizeIsWhole(t *testing.T) {
	t.Parallel()
	empty := len(`{"ddsource":"otlp_log_ingestion","ddtags":"otel_source:datadog_exporter","message":"","status":"info"}`)
	rl := plog.NewResourceLogs()
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().Body().SetStr(strings.Repeat("x", maxLog-empty))
	records.AppendEmpty().Body().SetStr(strings.Repeat("x", maxLog-empty+1))
	var out intake.Payload
	var drops intake.Drops
	logs.New(logs.Options{}).Map(rl, &out, &drops)
	got := items(t, &out)
	if len(got) != 2 || len(got[0]) != maxLog || len(got[1]) != maxLog || drops != (intake.Drops{}) {
		t.Fatalf("%d items, dropped %v", len(got), drops)
	}
	if strings.Contains(string(got[0]), mark) || !strings.Contains(string(got[1]), "x"+mark+`"`) {
		t.Errorf("the first ends with %s, the second with %s", got[0][maxLog-50:], got[1][maxLog-50:])
	}
}

func TestAHostileDepthIsBounded(t *testing.T) {
	t.Parallel()
	rl := plog.NewResourceLogs()
	lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	for _, v := range []pcommon.Value{lr.Body(), lr.Attributes().PutEmpty("arrays"), rl.Resource().Attributes().PutEmpty("res")} {
		for range 50_000 {
			v = v.SetEmptySlice().AppendEmpty()
		}
	}
	v := lr.Attributes().PutEmpty("mixed")
	for range 50_000 {
		v = v.SetEmptySlice().AppendEmpty().SetEmptyMap().PutEmpty("k")
	}
	var out intake.Payload
	logs.New(logs.Options{}).Map(rl, &out, new(intake.Drops))
	if got := items(t, &out); len(got) != 1 || len(got[0]) > 10_000 {
		t.Errorf("%d items in %d bytes", len(got), len(out.Body))
	}
}

func TestMapAppendsAndIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	m := logs.New(logs.Options{})
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			g := generator{Rand: rand.New(rand.NewPCG(seed, 1))}
			var all intake.Payload
			var drops intake.Drops
			want := 0
			for range 200 {
				rl := g.resourceLogs()
				m.Map(rl, &all, &drops)
				for _, sl := range rl.ScopeLogs().All() {
					want += sl.LogRecords().Len()
				}
			}
			if got := len(items(t, &all)) + drops[intake.ReasonNotFinite]; got != want {
				t.Errorf("%d records are sent or counted, want %d", got, want)
			}
		})
	}
}
