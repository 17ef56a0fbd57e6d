package datadogoauthexporter

import (
	"encoding/json"
	"net/http"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// intakeHeaders are the headers by which the intakes that map themselves are told how, and by which the public span intake is told who sends.
//
// https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/
func (c *Config) intakeHeaders(version string) map[intake.Family]http.Header {
	metrics, logs, traces := http.Header{}, http.Header{}, http.Header{}
	metrics.Set("dd-otel-metric-config", c.Metrics.header())
	traces.Set("dd-otel-span-mapping", c.Traces.header())
	if c.OTLP.Source != "" {
		for _, h := range []http.Header{metrics, logs, traces} {
			h.Set("dd-otlp-source", c.OTLP.Source)
		}
	}
	withStats := traces.Clone()
	if c.Traces.ComputeStats {
		withStats.Set("compute_stats", "true")
	}
	public := http.Header{}
	public.Set("DD-EVP-ORIGIN", "otelcol-datadogoauth")
	public.Set("DD-EVP-ORIGIN-VERSION", version)
	return map[intake.Family]http.Header{
		intake.OTLPMetrics: metrics, intake.OTLPLogs: logs, intake.OTLPTraces: withStats, intake.OTLPTracesOnly: traces, intake.PublicSpans: public,
	}
}

// header is the value of dd-otel-metric-config.
func (m *MetricsConfig) header() string {
	return asciiJSON(map[string]any{
		"resource_attributes_as_tags":            m.ResourceAttributesAsTags,
		"instrumentation_scope_metadata_as_tags": m.ScopeMetadataAsTags,
		"histograms":                             map[string]any{"mode": m.Histograms.Mode, "send_aggregation_metrics": m.Histograms.SendAggregationMetrics},
		"summaries":                              map[string]any{"mode": m.Summaries.Mode},
	})
}

// header is the value of dd-otel-span-mapping.
//
// https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/traces/
func (t *TracesConfig) header() string {
	mapping := map[string]any{"span_name_as_resource_name": t.SpanNameAsResourceName}
	if len(t.IgnoreResources) > 0 {
		mapping["ignore_resources"] = t.IgnoreResources
	}
	if len(t.SpanNameRemappings) > 0 {
		mapping["span_name_remappings"] = t.SpanNameRemappings
	}
	return asciiJSON(mapping)
}

// asciiJSON is v, of which only text can be odd, as JSON that a header may hold.
func asciiJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "{}" // maps, texts and bools always have a JSON form
	}
	var ascii []byte
	for _, r := range string(text) {
		switch {
		case r < utf8.RuneSelf:
			ascii = append(ascii, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			ascii = appendEscape(appendEscape(ascii, high), low)
		default:
			ascii = appendEscape(ascii, r)
		}
	}
	return string(ascii)
}

func appendEscape(dst []byte, unit rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[unit>>12&15], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
}
