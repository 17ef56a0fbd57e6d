package traces_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

var update = flag.Bool("update", false, "rewrite the expected files of testdata/golden")

// goldenOptions are the cases that differ from the defaults.
var goldenOptions = map[string]traces.Options{
	"resource": {FallbackHost: "fallback"},
	"times":    {Now: func() time.Time { return time.Unix(1_800_000_000, 0) }},
}

// golden is what an expected file holds.
type golden struct {
	decodedPayload
	Items []goldenItem   `json:"items"`
	Drops map[string]int `json:"drops,omitempty"`
}

type goldenItem struct {
	Count uint32 `json:"count"`
	Unix  int64  `json:"unix"`
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
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := marshal(mapTraces(t, traces.New(goldenOptions[name]), td))
			if err != nil {
				t.Fatal(err)
			}
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

func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return buf.Bytes(), err
}

// mapTraces maps all resources into one payload, as the exporter does for one tenant, and decodes it.
func mapTraces(t testing.TB, m *traces.Mapper, td ptrace.Traces) golden {
	t.Helper()
	td.MarkReadOnly()
	var out intake.Payload
	var drops intake.Drops
	for _, rs := range td.ResourceSpans().All() {
		m.Map(rs, &out, &drops, nil)
	}
	return decodeMapped(t, out, drops, td.SpanCount())
}

// decodeMapped decodes what Map made of spans spans, and checks that it keeps its promises.
func decodeMapped(t testing.TB, out intake.Payload, drops intake.Drops, spans int) golden {
	t.Helper()
	var g golden
	begin := uint32(0)
	for _, item := range out.Items {
		if item.End < begin || int(item.End) > len(out.Body) {
			t.Fatalf("item ends at %d, begins at %d of %d", item.End, begin, len(out.Body))
		}
		body := out.Body[begin:item.End]
		begin = item.End
		if len(body) > 3_200_000-1024 {
			t.Fatalf("item of %d bytes does not fit into a body", len(body))
		}
		p, err := decodePayload(body)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.TracerPayloads) != 1 {
			t.Fatalf("item holds %d TracerPayloads", len(p.TracerPayloads))
		}
		var count uint32
		var newest int64
		for _, c := range p.TracerPayloads[0].Chunks {
			for _, s := range c.Spans {
				count++
				newest = max(newest, (s.Start+s.Duration)/1e9)
			}
		}
		if count != item.Count || newest != item.Unix {
			t.Fatalf("item says %d spans until %d, holds %d until %d", item.Count, item.Unix, count, newest)
		}
		g.Items = append(g.Items, goldenItem{item.Count, item.Unix})
		g.TracerPayloads = append(g.TracerPayloads, p.TracerPayloads...)
	}
	if int(begin) != len(out.Body) {
		t.Fatalf("items end at %d of %d", begin, len(out.Body))
	}
	dropped := 0
	for _, r := range intake.Reasons() {
		if drops[r] != 0 {
			if g.Drops == nil {
				g.Drops = map[string]int{}
			}
			g.Drops[r.String()] = drops[r]
			dropped += drops[r]
		}
	}
	if out.Count()+dropped != spans {
		t.Fatalf("%d spans sent and %d dropped of %d", out.Count(), dropped, spans)
	}
	return g
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
			return "line " + string(line) + ":\n got " + string(a) + "\nwant " + string(b)
		}
	}
	return "no line"
}
