package datadogoauthexporter

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.yaml.in/yaml/v3"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// figures compares the books: items accepted, delivered, expired, and dropped by reason, in that order, those that are not 0.
func figures(t *testing.T, tel *componenttest.Telemetry, want string) {
	t.Helper()
	var got []string
	if n := counted(t, tel, "accepted_items", ""); n != 0 {
		got = append(got, fmt.Sprint("accepted ", n))
	}
	if n := counted(t, tel, "delivered_items", ""); n != 0 {
		got = append(got, fmt.Sprint("delivered ", n))
	}
	if n := counted(t, tel, "expired_items", ""); n != 0 {
		got = append(got, fmt.Sprint("expired ", n))
	}
	for _, why := range intake.Reasons() {
		if n := counted(t, tel, "dropped_items", why.String()); n != 0 {
			got = append(got, fmt.Sprint(why, " ", n))
		}
	}
	if text := strings.Join(got, " "); text != want {
		t.Fatalf("the books say %q, want %q", text, want)
	}
}

func counted(t *testing.T, tel *componenttest.Telemetry, name, reason string) (total int64) {
	t.Helper()
	m, err := tel.GetMetric("otelcol_exporter_datadogoauth_" + name)
	if err != nil {
		return 0 // nothing was counted
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		if v, _ := p.Attributes.Value("reason"); v.AsString() == reason {
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
}
