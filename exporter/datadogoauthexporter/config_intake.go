package datadogoauthexporter

import (
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
	if t := &c.Traces; t.Intake == IntakeOTLP {
		if t.ComputeTopLevelBySpanKind {
			f.add("traces::compute_top_level_by_span_kind", "must be false with traces::intake: otlp, where Datadog decides")
		}
		if n := len(t.header()); n > maxSpanMappingBytes {
			f.add("traces::intake", "otlp takes ignore_resources and span_name_remappings of %d bytes as a header, got %d", maxSpanMappingBytes, n)
		}
	}
	if c.Metrics.Intake == IntakeOTLP && c.Metrics.Remapping != metrics.RemapNone {
		f.add("metrics::remapping", "must be none with metrics::intake: otlp, where Datadog maps")
	}
}

// maxSpanMappingBytes bounds a header: servers commonly refuse more than 8 kB of them.
const maxSpanMappingBytes = 4096

var headerValue = regexp.MustCompile("^[!-~]{0,200}$")
