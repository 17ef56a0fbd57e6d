package metrics_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

var update = flag.Bool("update", false, "rewrite the expected files of testdata/golden")

// goldenOptions are the cases that differ from the defaults.
var goldenOptions = map[string]func(*metrics.Options){
	"worked_example":     func(o *metrics.Options) { o.SendAggregations = true },
	"histogram_counters": func(o *metrics.Options) { o.HistogramMode = metrics.HistogramCounters },
	"resource_attributes_as_tags": func(o *metrics.Options) {
		o.ResourceAttributesAsTags = true
		o.ScopeTags = false
	},
	"remapping": func(o *metrics.Options) { o.Remapping, o.ScopeTags, o.DropResourceHost = metrics.RemapAll, false, true },
	"intervals": func(o *metrics.Options) { o.InferDeltaInterval, o.ScopeTags, o.Units = true, false, false },
}

// TestGolden maps testdata/golden/<case>.otlp.json and compares with <case>.datadog.json.
func TestGolden(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/golden/*.otlp.json")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no golden input: %v", err)
	}
	for _, input := range inputs {
		name := strings.TrimSuffix(filepath.Base(input), ".otlp.json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			o := testOptions()
			if change := goldenOptions[name]; change != nil {
				change(&o)
			}
			got, err := json.MarshalIndent(mapAndCommit(t, metrics.New(o), "tenant", parse(t, in)), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			expected := strings.TrimSuffix(input, ".otlp.json") + ".datadog.json"
			if *update {
				if err := os.WriteFile(expected, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("differs from %s at %s", expected, firstDifference(got, want))
			}
		})
	}
}

// firstDifference is the first line in which two texts differ, with its number.
func firstDifference(got, want []byte) string {
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range max(len(g), len(w)) {
		var a, b []byte
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if !bytes.Equal(a, b) {
			line, _ := json.Marshal(i + 1)
			return "line " + string(line) + ":\n-" + string(b) + "\n+" + string(a)
		}
	}
	return "nowhere"
}
