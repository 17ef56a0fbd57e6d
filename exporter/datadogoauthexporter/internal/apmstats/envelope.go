package apmstats

import "github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"

// Header holds the fields of a StatsPayload that do not depend on its stats.
type Header struct {
	// Hostname of the exporter. Empty: it is nobody's host.
	Hostname string
	// AgentVersion names the sender, for instance "otelcol-datadogoauth-1.2.3".
	AgentVersion string
}

// Envelope is the StatsPayload around items.
//
//	message StatsPayload { string agentHostname = 1; string agentEnv = 2; repeated ClientStatsPayload stats = 3; string agentVersion = 4;
//	  bool clientComputed = 5; bool splitPayload = 6; }
func Envelope(h Header) intake.StatsEnvelope {
	before := append([]byte{0x80 | 6}, "\xadAgentHostname"...)
	before = appendString(before, h.Hostname)
	before = append(before, "\xa8AgentEnv"...)
	before = appendString(before, noEnv)
	before = append(before, "\xa5Stats"...)
	after := appendString([]byte("\xacAgentVersion"), h.AgentVersion)
	after = append(after, "\xaeClientComputed\xc2\xacSplitPayload"...)
	return intake.StatsEnvelope{Before: before, After: after}
}
