package traces

import (
	"encoding/binary"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

const (
	// itemBytes is the size from which on a TracerPayload is closed and another one begun, so that a request can be split.
	itemBytes = 256 << 10
	// maxItemBytes is what one item may have, the intake's 3.2 MB less the fields of AgentPayload around it.
	maxItemBytes = 3_200_000 - 8<<10
	// ageSpread is how far, in seconds, the latest spans of the chunks of a TracerPayload may be from that of its first chunk: it expires as a whole.
	ageSpread = 60
	// reservedLength is the room for the length of a TracerPayload while it is unknown: a varint of up to 2 MB. Most need it all.
	reservedLength = 3
)

// tracerPayload is the TracerPayload that is being written to the end of the payload, and the values of its fields. The fields that a
// chunk can decide are written after the chunks.
//
//	message TracerPayload { string containerID = 1; string languageName = 2; string languageVersion = 3; string tracerVersion = 4;
//	  string runtimeID = 5; repeated TraceChunk chunks = 6; map<string, string> tags = 7; string env = 8; string hostname = 9;
//	  string appVersion = 10; }
//	datadog-agent, pkg/proto/datadog/trace/tracer_payload.proto
type tracerPayload struct {
	containerID, languageName, tracerVersion string
	env, hostname, appVersion                string
	containerTags, apmMode                   string

	open   bool
	begin  int // where it begins in Body, tag included
	spans  int
	first  int64 // latest span end of its first chunk, Unix seconds
	newest int64 // latest span end
}

const (
	tagContainer = "_dd.tags.container"
	tagAPMMode   = "_dd.apm_mode"
)

// describePayload fills what the resource left open from the first chunk that knows it.
func (g *mapping) describePayload() {
	p, c := &g.payload, &g.chunk
	// The text of a chunk goes with it, so it is copied to where the payload's text is.
	if p.hostname == "" && !g.opts.DropResourceHost {
		host, _ := lookUp(g.metaOf(c.root), g.names.hostname)
		p.hostname = g.lasts.join(host)
	}
	if p.env == "" {
		p.env = g.lasts.join(g.ofRootElseOthers(g.names.env))
	}
	if p.appVersion == "" {
		p.appVersion = g.lasts.join(g.ofRootElseOthers(g.names.version))
	}
	if p.apmMode == "" {
		if mode, _ := lookUp(g.metaOf(c.root), g.names.apmMode); strings.EqualFold(mode, "edge") {
			p.apmMode = g.lasts.join(mode)
		}
	}
}

// sendChunk appends the chunk: as one, or where that would not fit into a body as several of the same trace.
func (g *mapping) sendChunk() {
	c := &g.chunk
	fixed := c.fixedSize()
	room := maxItemBytes - g.payload.fieldsSize() - 2*(1+reservedLength) - 1 // of the payload around it, and its own length
	size, from, newest := fixed, 0, int64(0)
	for i := range c.spans {
		s := &c.spans[i]
		if s.left {
			continue
		}
		if g.out.Full() {
			s.left = true
			g.drops.Add(intake.ReasonTooLarge, 1)
			continue
		}
		s.size = g.spanSize(i)
		n := messageSize(s.size)
		if fixed+n > room {
			s.left = true
			g.drops.Add(intake.ReasonTooLarge, 1)
			continue
		}
		if size+n > room {
			g.appendChunk(from, i, size, newest)
			size, from, newest = fixed, i, 0
		}
		size += n
		newest = max(newest, s.end())
	}
	if size > fixed {
		g.appendChunk(from, len(c.spans), size, newest)
	}
}

// appendChunk appends the spans in [from, to) that are not left as one chunk of size bytes, whose latest span ends at newest.
//
//	message TraceChunk { int32 priority = 1; string origin = 2; repeated Span spans = 3; map<string, string> tags = 4; bool droppedTrace = 5; }
func (g *mapping) appendChunk(from, to, size int, newest int64) {
	p, c := &g.payload, &g.chunk
	if p.open && (len(g.out.Body)-p.begin+size > itemBytes || uint64(newest-p.first+ageSpread) > 2*ageSpread) {
		g.closePayload()
	}
	if !p.open {
		p.open, p.begin, p.first = true, len(g.out.Body), newest
		g.out.Body = append(g.out.Body, 5<<3|wireBytes, 0, 0, 0)
	}
	dst := appendLength(g.out.Body, 6, size)
	dst = appendUint(dst, 1, uint64(c.priority))
	dst = appendString(dst, 2, c.origin)
	for i := from; i < to; i++ {
		if c.spans[i].left {
			continue
		}
		dst = g.appendSpan(dst, i)
		p.spans++
	}
	p.newest = max(p.newest, newest)
	dst = appendEntry(dst, 4, "_dd.otlp_sr", samplingRate)
	if c.decided {
		dst = appendEntry(dst, 4, "_dd.p.dm", c.decisionMaker)
	}
	g.out.Body = dst
	if len(dst)-p.begin > itemBytes {
		g.closePayload()
	}
}

// fixedSize is the size of a chunk without its spans.
func (c *chunk) fixedSize() int {
	size := uintSize(uint64(c.priority)) + stringSize(c.origin) + entrySize("_dd.otlp_sr", samplingRate)
	if c.decided {
		size += entrySize("_dd.p.dm", c.decisionMaker)
	}
	return size
}

// closePayload completes the open TracerPayload, if there is one, and makes it an item.
func (g *mapping) closePayload() {
	p := &g.payload
	if !p.open {
		return
	}
	dst := p.appendFields(g.out.Body)
	content := p.begin + 1 + reservedLength
	size := len(dst) - content
	n := uvarintSize(uint64(size))
	if n > reservedLength {
		dst = append(dst, 0) // maxItemBytes needs one byte more at most
	}
	dst = dst[:p.begin+1+n+copy(dst[p.begin+1+n:], dst[content:content+size])]
	binary.PutUvarint(dst[p.begin+1:], uint64(size))
	g.out.Body = dst
	g.out.EndItem(p.spans, p.newest)
	p.open, p.spans, p.newest = false, 0, 0
}

// appendFields appends the fields of TracerPayload other than the chunks.
func (p *tracerPayload) appendFields(dst []byte) []byte {
	dst = appendString(dst, 1, p.containerID)
	dst = appendString(dst, 2, p.languageName)
	dst = appendString(dst, 4, p.tracerVersion)
	if p.containerTags != "" {
		dst = appendEntry(dst, 7, tagContainer, p.containerTags)
	}
	if p.apmMode != "" {
		dst = appendEntry(dst, 7, tagAPMMode, p.apmMode)
	}
	dst = appendString(dst, 8, p.env)
	dst = appendString(dst, 9, p.hostname)
	return appendString(dst, 10, p.appVersion)
}

func (p *tracerPayload) fieldsSize() int {
	size := stringSize(p.containerID) + stringSize(p.languageName) + stringSize(p.tracerVersion)
	size += stringSize(p.env) + stringSize(p.hostname) + stringSize(p.appVersion)
	if p.containerTags != "" {
		size += entrySize(tagContainer, p.containerTags)
	}
	if p.apmMode != "" {
		size += entrySize(tagAPMMode, p.apmMode)
	}
	return size
}
