package datadogoauthexporter

import (
	"net/url"
	"slices"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// ProbeHosts implements credential.Prober.
func (e *signalExporter[D, R]) ProbeHosts(of site.Site) []string {
	var names []string
	for _, f := range e.cfg.families(e.core.signal) {
		if name := hostname(e.sending.Endpoints, of, f); name != "" {
			names = append(names, name)
		}
	}
	if e.core.signal == "logs" && e.cfg.Incidents.Enabled {
		names = append(names, of.Hostname(site.HostAPI)) // which is not overridden: it gets no API key
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// hostname is where data of a family goes, with a port where it is not 443; empty if the site is not known to have an intake for it.
func hostname(endpoints site.Endpoints, of site.Site, f intake.Family) string {
	if !endpoints.Serves(of, f.Host()) {
		return ""
	}
	u, err := url.Parse(endpoints.URL(of, f.Host()))
	if err != nil {
		return "" // no URL of Endpoints is one that cannot be read
	}
	return strings.TrimSuffix(u.Host, ":443")
}

// families are the intakes that data of a signal can go to.
func (c *Config) families(signal string) []intake.Family {
	var all []intake.Family
	with := func(wanted bool, f ...intake.Family) {
		if wanted {
			all = append(all, f...)
		}
	}
	switch signal {
	case "metrics":
		with(c.Metrics.Intake == IntakeAgent, intake.Series, intake.Sketches)
		with(c.Metrics.Intake == IntakeOTLP, intake.OTLPMetrics)
		with(c.ServiceChecks.Enabled, intake.Checks)
	case "logs":
		with(c.Logs.Intake == IntakeAgent, intake.Logs)
		with(c.Logs.Intake == IntakeOTLP, intake.OTLPLogs)
		with(c.Events.Enabled, intake.Events)
		with(c.ServiceChecks.Enabled, intake.Checks)
	case "traces":
		with(c.Traces.Intake == IntakeAgent, intake.Traces)
		with(c.Traces.Intake == IntakePublic, intake.PublicSpans)
		with(c.Traces.Intake == IntakeOTLP, intake.OTLPTraces)
		with(c.Traces.Intake != IntakeOTLP && c.Traces.ComputeStats, intake.Stats)
	}
	with(c.HostMetadata.Enabled, intake.HostMetadata)
	return all
}
