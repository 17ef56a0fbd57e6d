package datadogoauthexporter

import (
	"fmt"
	"regexp"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// IntakeForm is the form in which a signal goes to Datadog, and thereby the host.
type IntakeForm string

// The forms. Each signal has the first two.
const (
	IntakeAgent  IntakeForm = "agent"  // mapped here, in the form of Datadog's Agent or public API
	IntakeOTLP   IntakeForm = "otlp"   // as OTLP, mapped by Datadog
	IntakePublic IntakeForm = "public" // spans as those of the SDKs for browsers and mobile devices
)

// OTLPConfig is about the OTLP intake.
type OTLPConfig struct {
	// Platform sends to the host of a managed platform, <platform>.integrations.otlp.<site>.
	Platform string `mapstructure:"platform"`
	// Source is the header dd-otlp-source, for those to whom Datadog gave a value.
	Source string `mapstructure:"source"`
}

// validateIntakes checks what concerns more than one signal.
func (c *Config) validateIntakes(f *faults) {
	if _, err := (site.Endpoints{}).WithPlatform(c.OTLP.Platform); err != nil {
		f.add("otlp::platform", "%w", err)
	}
	if !headerValue.MatchString(c.OTLP.Source) {
		f.add("otlp::source", "must be the value that Datadog gave you")
	}
	oneOf(f, "metrics::intake", c.Metrics.Intake, IntakeAgent, IntakeOTLP)
	oneOf(f, "logs::intake", c.Logs.Intake, IntakeAgent, IntakeOTLP)
	oneOf(f, "traces::intake", c.Traces.Intake, IntakeAgent, IntakeOTLP, IntakePublic)
	for key, form := range map[string]IntakeForm{"metrics::intake": c.Metrics.Intake, "logs::intake": c.Logs.Intake, "traces::intake": c.Traces.Intake} {
		if form == IntakeOTLP && c.ResourceHost == DropResourceHost {
			f.add(key, "otlp cannot go with resource_host: drop: Datadog reads the host of OTLP itself")
		}
	}
	if c.Metrics.Intake == IntakeOTLP && c.Metrics.Remapping != metrics.RemapNone {
		f.add("metrics::remapping", "must be none with metrics::intake: otlp, where Datadog maps")
	}
}

var headerValue = regexp.MustCompile("^[!-~]{0,200}$")

// SpanMappingConfig is sent to the OTLP intake as dd-otel-span-mapping.
//
// https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/traces/
type SpanMappingConfig struct {
	// IgnoreResources are regular expressions of resource names whose traces Datadog leaves out.
	IgnoreResources []string `mapstructure:"ignore_resources"`
	// SpanNameRemappings are other names for operations, by name.
	SpanNameRemappings map[string]string `mapstructure:"span_name_remappings"`
	// SpanNameAsResourceName makes the name of a span its operation name. Datadog's own default is true; this one is that of the other forms.
	SpanNameAsResourceName bool `mapstructure:"span_name_as_resource_name"`
}

// maxSpanMappingBytes bounds the header: servers commonly refuse more than 8 kB of headers.
const maxSpanMappingBytes = 4096

func (m *SpanMappingConfig) validate(f *faults) {
	for i, expr := range m.IgnoreResources {
		if _, err := regexp.Compile(expr); err != nil {
			f.add(fmt.Sprintf("traces::otlp::ignore_resources::%d", i), "%w", err)
		}
	}
	for from, to := range m.SpanNameRemappings {
		if from == "" || to == "" {
			f.add("traces::otlp::span_name_remappings", "must not hold an empty name, got %q: %q", from, to)
		}
	}
	if n := len(m.header()); n > maxSpanMappingBytes {
		f.add("traces::otlp", "must not be longer than %d bytes as a header, got %d", maxSpanMappingBytes, n)
	}
}
