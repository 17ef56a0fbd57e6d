package events_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/events"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

var update = flag.Bool("update", false, "write what is mapped to testdata/golden")

// now is shortly after the records of the golden files.
var now = time.Unix(1_700_000_060, 0)

func newMapper() *events.Mapper {
	return events.New(events.Options{
		Events: true, Checks: true, Source: "my-integration", FallbackHost: "fallback", Now: func() time.Time { return now },
	})
}

// mapped is what one mapping came to.
type mapped struct {
	Events, Checks outcome
}

type outcome struct {
	Items   []json.RawMessage `json:"items,omitempty"`
	Times   []int64           `json:"times,omitempty"`
	Dropped map[string]int    `json:"dropped,omitempty"`
}

// TestGolden maps each <name>.otlp.json of testdata/golden and compares it with <name>.datadog.json.
func TestGolden(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/golden/*.otlp.json")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no input: %v", err)
	}
	for _, input := range inputs {
		base := strings.TrimSuffix(input, ".otlp.json")
		t.Run(filepath.Base(base), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(mapFile(t, text), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			if *update {
				if err := os.WriteFile(base+".datadog.json", got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(base + ".datadog.json")
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s.datadog.json differs; where this is meant, run the test with -update; got\n%s", base, got)
			}
		})
	}
}

func mapFile(t *testing.T, text []byte) mapped {
	t.Helper()
	m := newMapper()
	var out events.Outputs
	if bytes.Contains(text, []byte("resourceMetrics")) {
		md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, rm := range md.ResourceMetrics().All() {
			m.MapGauges(rm, &out.Checks)
		}
	} else {
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, rl := range ld.ResourceLogs().All() {
			m.MapLogs(rl, &out)
		}
	}
	return mapped{read(t, &out.Events, ""), read(t, &out.Checks, ",")}
}

// read cuts an output into its items, each of which ends with end, and checks that each record is accounted for.
func read(t testing.TB, out *events.Output, end string) outcome {
	t.Helper()
	var got outcome
	begin := uint32(0)
	for _, item := range out.Items {
		one, ok := strings.CutSuffix(string(out.Body[begin:item.End]), end)
		if begin = item.End; !ok || !json.Valid([]byte(one)) || item.Count != 1 {
			t.Fatalf("not one item: %s", one)
		}
		got.Items, got.Times = append(got.Items, json.RawMessage(one)), append(got.Times, item.Unix)
	}
	records := len(out.Items)
	for why, n := range out.Drops {
		if n != 0 {
			if got.Dropped == nil {
				got.Dropped = map[string]int{}
			}
			got.Dropped[intake.Reason(why).String()] = n
			records += n
		}
	}
	if int(begin) != len(out.Body) || records != out.Records {
		t.Fatalf("%d of %d bytes are items, %d of %d records are accounted for", begin, len(out.Body), records, out.Records)
	}
	return got
}
