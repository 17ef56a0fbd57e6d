package datadogoauthexporter

import (
	"strings"
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

func TestAWriterTagIsATagThatDatadogKeepsAsItIs(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{
		"":                                      "",
		"collector:gw-0":                        "",
		"otel.collector:eu/gw_0.example:1":      "",
		"collector:" + strings.Repeat("a", 190): "",
		"collector:" + strings.Repeat("a", 191): "metrics::writer_tag: must have 200 bytes at most, got 201",
		"collector":                             "metrics::writer_tag: must be a tag such as",
		"collector:":                            "metrics::writer_tag: must be a tag such as",
		"collector:a:":                          "metrics::writer_tag: must be a tag such as",
		":gw-0":                                 "metrics::writer_tag: must be a tag such as",
		"0collector:gw":                         "metrics::writer_tag: must be a tag such as",
		"collector:GW":                          "metrics::writer_tag: must be a tag such as",
		"collector:a b":                         "metrics::writer_tag: must be a tag such as",
		"collector:ü":                           "metrics::writer_tag: must be a tag such as",
		"collector:a\n":                         "metrics::writer_tag: must be a tag such as",
		"host:gw-0":                             "metrics::writer_tag: must have a key of its own",
		"device:gw-0":                           "metrics::writer_tag: must have a key of its own",
		"dd.internal.resource:a":                "metrics::writer_tag: must have a key of its own",
	} {
		cfg := createDefaultConfig().(*Config)
		cfg.Tenant.Fixed = "t"
		cfg.Metrics.WriterTag = tag
		if got := textOf(cfg.Validate()); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q: %q, want %q", tag, got, want)
		}
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
