package metrics_test

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

func TestNamesThatNoIntakeTakes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]intake.Drops{
		"":                               {intake.ReasonMalformed: 1},
		"7up":                            {intake.ReasonMalformed: 1},
		".sum":                           {intake.ReasonMalformed: 1},
		"über":                           {intake.ReasonMalformed: 1},
		"a" + strings.Repeat("é", 200):   {intake.ReasonTooLarge: 1},
		"a" + strings.Repeat("é", 199):   {},
		"a." + strings.Repeat("Z9_", 66): {},
	} {
		md := pmetric.NewMetrics()
		m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName(name)
		m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
		var series, sketches intake.Payload
		var drops intake.Drops
		metrics.New(testOptions()).Begin("t").Map(md.ResourceMetrics().At(0), &series, &sketches, &drops)
		if dropped := want != (intake.Drops{}); drops != want || (len(series.Items) == 1) == dropped {
			t.Errorf("%.20q: dropped are %v, want %v; %d series", name, drops, want, len(series.Items))
		}
	}
}
