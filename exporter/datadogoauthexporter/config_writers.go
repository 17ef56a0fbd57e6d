package datadogoauthexporter

import "github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"

// validateWriters checks what is about several collectors that send metrics of one tenant.
func (m *MetricsConfig) validateWriters(f *faults) {
	if m.Shared && m.Sums.InitialCumulativeMonotonicValue == metrics.InitialKeep {
		f.add("metrics::shared", "cannot go with sums::initial_cumulative_monotonic_value: keep, which sends again what another collector has counted")
	}
}
