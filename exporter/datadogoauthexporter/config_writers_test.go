package datadogoauthexporter

import (
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

func TestSharedSeriesSendNoFirstValueAnyway(t *testing.T) {
	t.Parallel()
	for mode, want := range map[metrics.InitialValue]string{
		metrics.InitialAuto: "", metrics.InitialDrop: "",
		metrics.InitialKeep: "metrics::shared: cannot go with sums::initial_cumulative_monotonic_value: keep, which sends again what another collector has counted",
	} {
		cfg := createDefaultConfig().(*Config)
		cfg.Tenant.Fixed = "t"
		cfg.Metrics.Shared, cfg.Metrics.Sums.InitialCumulativeMonotonicValue = true, mode
		if got := textOf(cfg.Validate()); got != want {
			t.Errorf("%s: %q, want %q", mode, got, want)
		}
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
