package logs_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/logs"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire/otlpwiretest"
)

const maxOTLPBody = 5_000_000

// oneByOne is each record with its resource and scope, as JSON.
func oneByOne(t testing.TB, all plog.Logs) []string {
	t.Helper()
	var texts []string
	for _, rl := range all.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				one := plog.NewLogs()
				r := one.ResourceLogs().AppendEmpty()
				rl.Resource().CopyTo(r.Resource())
				r.SetSchemaUrl(rl.SchemaUrl())
				s := r.ScopeLogs().AppendEmpty()
				sl.Scope().CopyTo(s.Scope())
				s.SetSchemaUrl(sl.SchemaUrl())
				lr.CopyTo(s.LogRecords().AppendEmpty())
				text, err := (&plog.JSONMarshaler{}).MarshalLogs(one)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, string(text))
			}
		}
	}
	return texts
}

func logsOf(rls ...plog.ResourceLogs) plog.Logs {
	all := plog.NewLogs()
	for _, rl := range rls {
		rl.CopyTo(all.ResourceLogs().AppendEmpty())
	}
	return all
}

// sentAsOTLP maps all, checks the items, and decodes them as whoever gets them would.
func sentAsOTLP(t testing.TB, m *logs.OTLPMapper, all plog.Logs) (plog.Logs, *intake.Drops, *intake.Payload) {
	t.Helper()
	var out intake.Payload
	var drops intake.Drops
	for _, rl := range all.ResourceLogs().All() {
		m.Map(rl, &out, &drops)
	}
	count := otlpwiretest.Items(t, &out, maxOTLPBody)
	if dropped := drops[intake.ReasonTooLarge]; count+dropped != all.LogRecordCount() {
		t.Fatalf("%d records: %d sent, %d dropped", all.LogRecordCount(), count, dropped)
	}
	req := plogotlp.NewExportRequest()
	if err := req.UnmarshalProto(out.Body); err != nil {
		t.Fatal(err)
	}
	return req.Logs(), &drops, &out
}

func TestOTLPRecordsComeOutAsTheyWentIn(t *testing.T) {
	t.Parallel()
	m := logs.NewOTLP(logs.Options{})
	for seed := range uint64(300) {
		g := generator{rand.New(rand.NewPCG(seed, 9))}
		in := logsOf(g.resourceLogs(), g.resourceLogs())
		got, _, _ := sentAsOTLP(t, m, in)
		otlpwiretest.Same(t, oneByOne(t, in), oneByOne(t, got))
	}
}

func TestOTLPKeepsEveryField(t *testing.T) {
	t.Parallel()
	rl := plog.NewResourceLogs()
	rl.SetSchemaUrl("https://schema/resource")
	rl.Resource().SetDroppedAttributesCount(3)
	rl.Resource().Attributes().PutStr("service.name", "a")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.SetSchemaUrl("https://schema/scope")
	sl.Scope().SetName("lib")
	sl.Scope().SetVersion("1")
	sl.Scope().SetDroppedAttributesCount(4)
	sl.Scope().Attributes().PutBool("x", false)
	lr := sl.LogRecords().AppendEmpty()
	lr.SetTimestamp(1)
	lr.SetObservedTimestamp(2)
	lr.SetSeverityNumber(plog.SeverityNumberError)
	lr.SetSeverityText("ERROR")
	lr.SetTraceID([16]byte{1})
	lr.SetSpanID([8]byte{2})
	lr.SetFlags(plog.DefaultLogRecordFlags.WithIsSampled(true))
	lr.SetDroppedAttributesCount(5)
	lr.SetEventName("device.app.crash")
	lr.Body().SetEmptyMap().PutEmptySlice("list").AppendEmpty().SetEmptyBytes().FromRaw([]byte{1, 2, 255})
	lr.Attributes().PutInt("int", -1)
	lr.Attributes().PutDouble("double", 0)
	lr.Attributes().PutEmpty("empty")
	lr.Attributes().PutStr("long", strings.Repeat("é", 20_000))
	in := logsOf(rl)
	got, _, out := sentAsOTLP(t, logs.NewOTLP(logs.Options{}), in)
	otlpwiretest.Same(t, oneByOne(t, in), oneByOne(t, got))
	want, err := plogotlp.NewExportRequestFromLogs(in).MarshalProto()
	if err != nil || len(want) != len(out.Body) {
		t.Errorf("%d bytes, the collector's own encoder writes %d, %v", len(out.Body), len(want), err)
	}
}

func TestOTLPElementsAreCutAndRepeatTheirResource(t *testing.T) {
	t.Parallel()
	rl := benchLogs()
	records := rl.ScopeLogs().At(0).LogRecords()
	for range 19 {
		benchLogs().ScopeLogs().At(0).LogRecords().MoveAndAppendTo(records)
	}
	in := logsOf(rl)
	got, _, out := sentAsOTLP(t, logs.NewOTLP(logs.Options{}), in)
	otlpwiretest.Same(t, oneByOne(t, in), oneByOne(t, got))
	if n := len(out.Items); n < 8 || n > 12 {
		t.Errorf("%d bytes are in %d items", len(out.Body), n)
	}
}

func TestOTLPRecordThatNoBodyHoldsCostsNoNeighbour(t *testing.T) {
	t.Parallel()
	rl := benchLogs()
	records := rl.ScopeLogs().At(0).LogRecords()
	records.At(1).Body().SetStr(strings.Repeat("x", maxOTLPBody))
	records.At(3).Body().SetStr(strings.Repeat("y", maxOTLPBody-5_000)) // fits only alone
	in := logsOf(rl)
	got, drops, out := sentAsOTLP(t, logs.NewOTLP(logs.Options{}), in)
	want := oneByOne(t, in)
	otlpwiretest.Same(t, append(want[:1:1], want[2:]...), oneByOne(t, got))
	if drops[intake.ReasonTooLarge] != 1 || len(out.Items) < 3 {
		t.Errorf("%d dropped, %d items", drops[intake.ReasonTooLarge], len(out.Items))
	}
}

func TestOTLPAddsHostAndSourceOnlyWhereNoneIsNamed(t *testing.T) {
	t.Parallel()
	m := logs.NewOTLP(logs.Options{FallbackHost: "gateway", Source: "partner", Now: func() time.Time { return time.Unix(77, 0) }})
	bare, named := plog.NewResourceLogs(), plog.NewResourceLogs()
	bare.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	named.Resource().Attributes().PutStr("host.name", "web-1")
	named.Resource().Attributes().PutStr("datadog.log.source", "nginx")
	named.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().SetObservedTimestamp(pcommon.Timestamp(88e9))
	got, _, out := sentAsOTLP(t, m, logsOf(bare, named))
	for i, want := range []map[string]any{
		{"host.name": "gateway", "datadog.log.source": "partner"}, {"host.name": "web-1", "datadog.log.source": "nginx"},
	} {
		attrs := got.ResourceLogs().At(i).Resource().Attributes().AsRaw()
		if len(attrs) != len(want) || attrs["host.name"] != want["host.name"] || attrs["datadog.log.source"] != want["datadog.log.source"] {
			t.Errorf("resource %d: %v", i, attrs)
		}
	}
	if out.Items[0].Unix != 77 || out.Items[1].Unix != 88 {
		t.Errorf("items are dated %+v", out.Items)
	}
}

func TestOTLPDeepValuesBecomeText(t *testing.T) {
	t.Parallel()
	rl := plog.NewResourceLogs()
	v := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body()
	for range 100 { // what lies 128 deeper than the text begins is null in it
		v = v.SetEmptyMap().PutEmpty("m")
	}
	v.SetStr("bottom")
	got, _, _ := sentAsOTLP(t, logs.NewOTLP(logs.Options{}), logsOf(rl))
	depth := 0
	v = got.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body()
	for v.Type() == pcommon.ValueTypeMap {
		v, _ = v.Map().Get("m")
		depth++
	}
	if depth != 24 || v.Type() != pcommon.ValueTypeStr || !strings.Contains(v.Str(), "bottom") {
		t.Errorf("depth %d, then %v", depth, v.Type())
	}
}

func FuzzOTLP(f *testing.F) {
	for seed := range uint64(10) {
		g := generator{rand.New(rand.NewPCG(seed, 3))}
		raw, err := (&plog.ProtoMarshaler{}).MarshalLogs(logsOf(g.resourceLogs()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	m := logs.NewOTLP(logs.Options{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		in, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(raw)
		if err != nil {
			return
		}
		got, _, _ := sentAsOTLP(t, m, in)
		if len(raw) < 100 { // too short for the depth at which values become text
			otlpwiretest.Same(t, oneByOne(t, in), oneByOne(t, got))
		}
	})
}

func TestOTLPDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, rl := range map[string]plog.ResourceLogs{"flat": benchLogs(), "nested": nestedLogs()} {
		m := logs.NewOTLP(logs.Options{FallbackHost: "h", Source: "partner"})
		var out intake.Payload
		var drops intake.Drops
		m.Map(rl, &out, &drops)
		if n := testing.AllocsPerRun(50, func() {
			out.Body, out.Items = out.Body[:0], out.Items[:0]
			m.Map(rl, &out, &drops)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkOTLP(b *testing.B) {
	rl := benchLogs()
	m := logs.NewOTLP(logs.Options{})
	var out intake.Payload
	var drops intake.Drops
	m.Map(rl, &out, &drops)
	b.SetBytes(int64(len(out.Body)))
	b.ReportAllocs()
	for b.Loop() {
		out.Body, out.Items = out.Body[:0], out.Items[:0]
		m.Map(rl, &out, &drops)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRecords), "ns/record")
}
