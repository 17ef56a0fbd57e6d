package datadogoauthexporter

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.yaml.in/yaml/v3"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// figures compares the books of what came through the pipeline, whatever it became; see figuresOf for the stats made of spans.
func figures(t *testing.T, tel *componenttest.Telemetry, want string) {
	t.Helper()
	figuresOf(t, tel, "", want)
}

// figuresOf compares the books of one signal.
func figuresOf(t *testing.T, tel *componenttest.Telemetry, signal, want string) {
	t.Helper()
	if got := booksOf(t, tel, signal); got != want {
		t.Fatalf("the books say %q, want %q", got, want)
	}
}

// booksOf are the items accepted, delivered, expired, and dropped by reason, in that order, those that are not 0: of one signal, or of all but
// stats.
func booksOf(t *testing.T, tel *componenttest.Telemetry, signal string) string {
	t.Helper()
	var got []string
	add := func(label, name, reason string) {
		if n := counted(t, tel, name, signal, reason); n != 0 {
			got = append(got, fmt.Sprint(label, " ", n))
		}
	}
	for _, label := range []string{"accepted", "delivered", "expired"} {
		add(label, label+"_items", "")
	}
	for _, why := range intake.Reasons() {
		add(why.String(), "dropped_items", why.String())
	}
	return strings.Join(got, " ")
}

func counted(t *testing.T, tel *componenttest.Telemetry, name, signal, reason string) (total int64) {
	t.Helper()
	m, err := tel.GetMetric("otelcol_exporter_datadogoauth_" + name)
	if err != nil {
		return 0 // nothing was counted
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		why, _ := p.Attributes.Value("reason")
		of, _ := p.Attributes.Value("signal")
		if why.AsString() == reason && (of.AsString() == signal || signal == "" && of.AsString() != "stats") {
			total += p.Value
		}
	}
	return total
}

func TestEveryReasonIsDocumented(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("metadata.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Attributes map[string]struct{ Enum []string }
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, why := range intake.Reasons() {
		reasons = append(reasons, why.String())
	}
	if got := doc.Attributes["reason"].Enum; !reflect.DeepEqual(got, reasons) {
		t.Fatalf("metadata.yaml lists %v, the code has %v", got, reasons)
	}
	var given []string
	for _, r := range refusals {
		if !slices.Contains(given, r.reason) {
			given = append(given, r.reason)
		}
	}
	if got := doc.Attributes["refusal"].Enum; !slices.Equal(got, given) {
		t.Fatalf("metadata.yaml lists %v, the code has %v", got, given)
	}
}
