// Package intake is what the signals share on the way to Datadog: the request that waits in the queue, how it merges,
// splits, is stored, compressed and sent, and what each answer of an intake means.
package intake

// Family is one intake of Datadog with its own address, framing and limits. A request belongs to one family.
type Family uint8

// The families. Their numbers are part of the stored form of a request and never change.
const (
	Series   Family = 1 // POST api.<site>/api/v2/series, protobuf MetricPayload
	Sketches Family = 2 // POST api.<site>/api/beta/sketches, protobuf SketchPayload
	Logs     Family = 3 // POST http-intake.logs.<site>/api/v2/logs, JSON array
	Traces   Family = 4 // POST trace.agent.<site>/api/v0.2/traces, protobuf AgentPayload
	Stats    Family = 5 // POST trace.agent.<site>/api/v0.2/stats, msgpack StatsPayload
)

// The families of what OTLP has no type for.
const (
	Events Family = 6 // POST api.<site>/api/v1/events, one JSON object
	Checks Family = 7 // POST api.<site>/api/v1/check_run, JSON array
	// Incidents never are a request: they go by the journal. The number is for counting.
	Incidents Family = 8
)

// The families of the other forms of the intake.
const (
	OTLPMetrics Family = 9  // POST otlp.<site>/v1/metrics, protobuf ExportMetricsServiceRequest
	OTLPLogs    Family = 10 // POST otlp.<site>/v1/logs, protobuf ExportLogsServiceRequest
	OTLPTraces  Family = 11 // POST otlp.<site>/v1/traces, protobuf ExportTraceServiceRequest
	PublicSpans Family = 12 // POST <public span intake>/api/v2/spans, a JSON envelope a line
	// OTLPTracesOnly is OTLPTraces without a wish for APM stats, of which a request has one for all of its spans: that of resources whose stats
	// their sender computed.
	OTLPTracesOnly Family = 14
)

// HostMetadata is what resources tell of their hosts.
const HostMetadata Family = 13 // POST api.<site>/intake, one JSON object

// Payload is the encoded, uncompressed items of one tenant for one family, without the framing around them.
//
// An item is the smallest piece that can be sent alone: for Series and Sketches one element of the repeated field, field
// tag and length included; for Logs and Checks one JSON object followed by a comma; for Events and HostMetadata one JSON object; for Traces one
// AgentPayload.tracerPayloads element, field tag and length included; for Stats one element of StatsPayload.stats; for the OTLP families one
// element of the request's repeated field, tag and length included; for PublicSpans one line. So payloads merge by concatenation and split at any
// item's end.
type Payload struct {
	Body  []byte
	Items []Item
	// Limit bounds Body, 0 for MaxPayloadBytes.
	Limit int

	loan *loan // nil if Body and Items have arrays of their own
}

// Item is one wire item of a payload.
type Item struct {
	// End is where the item ends in Body; it begins where the one before it ends.
	End uint32
	// Count is how many OTLP items (data points, log records, spans), for Stats groups, for HostMetadata hosts, are done when this item is delivered. A data point that
	// becomes several wire items is counted on the first of them and 0 on the others.
	Count uint32
	// Unix is the time of the item in seconds, by which it expires. A trace item has the latest span end in it.
	Unix int64
}

// MaxPayloadBytes bounds what a call is mapped to for one tenant and family. An attribute of a resource is repeated in each of its items, so a
// small call can ask for any amount of memory. A call of 20 MiB, which is what a receiver takes by default, becomes about 130 MB as a rule.
const MaxPayloadBytes = 256 << 20

// Full says that nothing more may be appended; what follows is dropped as too_large. An item that is under way when the payload becomes full
// is still completed.
func (p *Payload) Full() bool { return p.Room() <= 0 }

// Room is how many more bytes may be appended.
func (p *Payload) Room() int {
	limit := p.Limit
	if limit == 0 {
		limit = MaxPayloadBytes
	}
	return limit - len(p.Body)
}

// EndItem closes the item that was appended to Body since the last call.
func (p *Payload) EndItem(count int, unixSeconds int64) {
	p.Items = append(p.Items, Item{End: uint32(len(p.Body)), Count: uint32(count), Unix: unixSeconds})
}

// Count is the number of OTLP items in the payload.
func (p *Payload) Count() int {
	n := 0
	for i := range p.Items {
		n += int(p.Items[i].Count)
	}
	return n
}
