package logs_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/logs"
)

var update = flag.Bool("update", false, "write what is mapped to testdata/golden")

// TestGolden maps each <name>.otlp.json of testdata/golden and compares it with <name>.datadog.json: the items, keys sorted.
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
			ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(text)
			if err != nil {
				t.Fatal(err)
			}
			var out intake.Payload
			m := logs.New(logs.Options{})
			for _, rl := range ld.ResourceLogs().All() {
				m.Map(rl, &out, new(intake.Drops))
			}
			got := sortedItems(t, &out)
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
				t.Errorf("%s.datadog.json differs; where this is meant, run the test with -update\n%s", base, firstDifference(got, want))
			}
		})
	}
}

func sortedItems(t *testing.T, p *intake.Payload) []byte {
	t.Helper()
	decoded := []map[string]any{}
	for _, item := range items(t, p) {
		decoded = append(decoded, decode(t, item))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(decoded); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return "one is longer than the other"
}
