package intake

import (
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// terms are what one intake asks for: where it is, how a body is framed and how large it may be.
type terms struct {
	name        string // value of the metric attribute "intake"
	host        site.Host
	path        string
	contentType string
	// maxItems bounds the wire items of a body, and maxCount what they count, 0 for no bound.
	maxItems, maxCount int
	// maxRawBytes and maxSentBytes bound a body with its framing, before and after compression.
	maxRawBytes, maxSentBytes int
}

// Sources of the limits: series, https://docs.datadoghq.com/api/latest/metrics/#submit-metrics (512,000 bytes as sent, fewer than
// 5,242,880 after decompression) and the Agent's 10,000 points a payload; sketches, the Agent's serializer; logs,
// https://docs.datadoghq.com/api/latest/logs/#send-logs (5 MB uncompressed, 1,000 logs), counted as the decimal megabytes
// that are safe either way; traces and stats, the Agent's writers (stats: 4,000 groups, of which the intake takes about 3 MB compressed; nothing is
// known about their size before compression). An event is the whole body of a request (https://docs.datadoghq.com/api/latest/events/). Datadog
// states no size for events and service checks: theirs are far below what the same API takes of series. OTLP,
// https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/ (traces 3.2 MB, metrics 500 kB as sent and 5 MB after decompression; nothing is said of
// logs, for which the limits of the log API are assumed). Of the public span intake no limit is known: that of the other trace intakes is assumed.
// A body of host metadata is one host, as Datadog's exporter sends it; of its size nothing is known, and it is far below this limit.
var families = [...]terms{
	Series:   {"series", site.HostAPI, "/api/v2/series", "application/x-protobuf", 10_000, 0, 5_242_879, 512_000},
	Sketches: {"sketches", site.HostAPI, "/api/beta/sketches", "application/x-protobuf", 0, 0, 4_194_304, 2_621_440},
	Logs:     {"logs", site.HostLogs, "/api/v2/logs", "application/json", 1_000, 0, 5_000_000, 5_000_000},
	Traces:   {"traces", site.HostTraces, "/api/v0.2/traces", "application/x-protobuf", 0, 0, 3_200_000, 3_200_000},
	Stats:    {"stats", site.HostTraces, "/api/v0.2/stats", "application/msgpack", 0, 4000, 10_000_000, 3_000_000},
	Events:   {"events", site.HostAPI, "/api/v1/events", "application/json", 1, 0, 1_000_000, 1_000_000},
	Checks:   {"checks", site.HostAPI, "/api/v1/check_run", "application/json", 0, 0, 1_000_000, 1_000_000},

	OTLPMetrics: {"otlp_metrics", site.HostOTLP, "/v1/metrics", "application/x-protobuf", 0, 0, 5_000_000, 500_000},
	OTLPLogs:    {"otlp_logs", site.HostOTLP, "/v1/logs", "application/x-protobuf", 0, 1_000, 5_000_000, 5_000_000},
	OTLPTraces:  {"otlp_traces", site.HostOTLP, "/v1/traces", "application/x-protobuf", 0, 0, 3_200_000, 3_200_000},
	PublicSpans: {"public_spans", site.HostSpans, "/api/v2/spans", "text/plain;charset=UTF-8", 0, 0, 3_200_000, 3_200_000},

	HostMetadata: {"host_metadata", site.HostAPI, "/intake", "application/json", 1, 0, 1_000_000, 1_000_000},

	OTLPTracesOnly: {"otlp_traces", site.HostOTLP, "/v1/traces", "application/x-protobuf", 0, 0, 3_200_000, 3_200_000}, // the same intake
}

// NumFamilies is one more than the largest number of a family.
const NumFamilies = len(families)

// Known reports whether f is one of the families.
func (f Family) Known() bool { return int(f) < len(families) && families[f].name != "" }

// Host is the host of a site that takes it.
func (f Family) Host() site.Host { return families[f].host }

// once says that an item of which nobody knows whether it arrived is not sent again, since nothing at Datadog would tell that it is the
// same: an event is there twice then. A series that is sent twice overwrites itself, and a service check says the same again.
func (f Family) once() bool { return f == Events }

// apart says that a body that is refused for its content is divided, to find the items that are at fault: one of them costs the others of the body.
func (f Family) apart() bool { return f == Checks }

// usualCompression is that of a family for which none is set. No compression is documented for events and service checks.
func (f Family) usualCompression() Compression {
	switch f {
	case Traces, Stats, OTLPMetrics, OTLPLogs, OTLPTraces, OTLPTracesOnly, PublicSpans, HostMetadata:
		return Gzip
	case Events, Checks:
		return None
	default:
		return Zstd
	}
}

// takesZstd reports whether the intake may take zstd. Of the others only gzip is known.
func (f Family) takesZstd() bool { return f < OTLPMetrics }

// otlp says that the intake takes OTLP, and answers as OTLP does.
func (f Family) otlp() bool {
	return f == OTLPMetrics || f == OTLPLogs || f == OTLPTraces || f == OTLPTracesOnly
}

// numbers says that what does not repeat itself in a body is numbers rather than text.
func (f Family) numbers() bool { return f == Series || f == Sketches }

func (f Family) String() string {
	if !f.Known() {
		return "unknown"
	}
	return families[f].name
}

// emptyMetadata is SketchPayload.metadata (field 2, length 0), which the intake expects in every payload, empty as the Agent sends it.
var emptyMetadata = []byte{0x12, 0x00}

// envelopes are the parts of framing that an exporter decides.
type envelopes struct {
	traces []byte // the fields of AgentPayload other than tracerPayloads
	stats  StatsEnvelope
}

// frame returns what surrounds items on the wire: prefix + items + suffix. Fields of a protobuf message may come in any order, so framing is
// concatenation.
func (f Family) frame(p *Payload, e *envelopes) (prefix, inner, suffix []byte) {
	switch f {
	case Sketches:
		return nil, p.Body, emptyMetadata
	case Logs, Checks:
		return []byte("["), p.Body[:len(p.Body)-1], []byte("]") // without the comma after the last object
	case PublicSpans:
		return nil, p.Body[:len(p.Body)-1], nil // line ends are between lines
	case Traces:
		return e.traces, p.Body, nil
	case Stats:
		prefix, suffix = e.stats.frame(p)
		return prefix, p.Body, suffix
	default:
		return nil, p.Body, nil
	}
}

// framingBytes is how much longer a framed body is than its items.
func (f Family) framingBytes(e *envelopes) int {
	switch f {
	case Sketches:
		return len(emptyMetadata)
	case Logs, Checks:
		return len("[") + len("]") - len(",")
	case PublicSpans:
		return -len("\n")
	case Traces:
		return len(e.traces)
	case Stats:
		return e.stats.bytes()
	default:
		return 0
	}
}
