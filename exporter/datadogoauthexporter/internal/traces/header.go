package traces

// Header holds the fields of an AgentPayload that do not depend on its spans.
type Header struct {
	// Hostname of the exporter. Empty: it is nobody's host.
	Hostname string
	// Env is the environment of the exporter, which Datadog's exporter calls "none".
	Env string
	// AgentVersion names the sender, for instance "otelcol-datadogoauth-1.2.3".
	AgentVersion string
}

// The trace sampling targets that an agent reports, in traces per second. They describe samplers that do not exist here; the intake
// expects the agent's defaults.
const (
	targetTPS = 10
	errorTPS  = 10
)

// AppendHeader appends the fields of AgentPayload other than tracerPayloads. Followed by any number of the items that Map makes
// it is a complete AgentPayload, since repeated fields are concatenated.
//
//	message AgentPayload { string hostName = 1; string env = 2; repeated TracerPayload tracerPayloads = 5; map<string, string> tags = 6;
//	  string agentVersion = 7; double targetTPS = 8; double errorTPS = 9; bool rareSamplerEnabled = 10; }
//	datadog-agent, pkg/proto/datadog/trace/agent_payload.proto
func AppendHeader(dst []byte, h Header) []byte {
	dst = appendString(dst, 1, h.Hostname)
	dst = appendString(dst, 2, h.Env)
	dst = appendString(dst, 7, h.AgentVersion)
	dst = appendDouble(dst, 8, targetTPS)
	return appendDouble(dst, 9, errorTPS)
}
