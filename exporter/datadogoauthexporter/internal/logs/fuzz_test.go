package logs_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/logs"
)

// FuzzMap maps any request that the OTLP wire can carry: each record is one JSON object with unique names or is counted as
// dropped, and the items make one JSON array when framed.
func FuzzMap(f *testing.F) {
	inputs, err := filepath.Glob("testdata/golden/*.otlp.json")
	if err != nil {
		f.Fatal(err)
	}
	add := func(ld plog.Logs) {
		wire, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	for _, input := range inputs {
		text, err := os.ReadFile(input)
		if err != nil {
			f.Fatal(err)
		}
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(text)
		if err != nil {
			f.Fatal(err)
		}
		add(ld)
	}
	g := generator{Rand: rand.New(rand.NewPCG(8, 8))}
	for range 20 {
		ld := plog.NewLogs()
		g.resourceLogs().CopyTo(ld.ResourceLogs().AppendEmpty())
		add(ld)
	}
	m := logs.New(logs.Options{})
	f.Fuzz(func(t *testing.T, wire []byte) {
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
		if err != nil {
			return
		}
		records := ld.LogRecordCount()
		var out intake.Payload
		var drops intake.Drops
		for _, rl := range ld.ResourceLogs().All() {
			m.Map(rl, &out, &drops)
		}
		sent := len(items(t, &out))
		if sent+drops[intake.ReasonNotFinite]+drops[intake.ReasonTooLarge] != records {
			t.Errorf("%d of %d records are sent, %v dropped", sent, records, drops)
		}
		if sent == 0 {
			return
		}
		framed := append([]byte("["), out.Body...)
		framed[len(framed)-1] = ']'
		if !json.Valid(framed) {
			t.Errorf("not JSON: %s", framed)
		}
	})
}
