package traces

import (
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// chunk is the converted spans of one trace and what follows from them together.
type chunk struct {
	spans    []span
	byID     map[uint64]int32 // span id to its last place in spans; filled for large chunks only
	traceID  uint64
	bytes    int // about what the spans take, converted and on the wire
	root     int
	priority int32
	asked    bool // priority is what the sender asked for
	origin   string
	// decisionMaker says in Datadog's code who decided to keep the trace: -4 the sender, -9 the sampling rate of the exporter. It is
	// sent when decided, even if empty.
	decisionMaker string
	decided       bool
}

// reset forgets the spans but keeps the memory.
func (c *chunk) reset() {
	clear(c.spans)
	if len(c.byID) > 0 { // clearing takes time for the largest chunk so far
		clear(c.byID)
	}
	*c = chunk{spans: c.spans[:0], byID: c.byID}
}

// mapChunk converts the spans of one chunk and appends what is to be sent of them.
//
// Attributes of the resource are in each span, so a small chunk can ask for any amount of memory. Spans of it for which there is no room are
// dropped before they are converted, and nothing is told of them.
func (g *mapping) mapChunk(head *chunkHead) {
	g.text.reset()
	g.meta.reset()
	g.metrics.reset()
	c := &g.chunk
	c.reset()
	c.traceID = lowTraceID(g.refs[head.first].span.TraceID())
	late := 0 // spans for which there is no room
	for i := head.first; i >= 0; i = g.refs[i].next {
		if c.bytes >= g.out.Room() {
			late++
			continue
		}
		ref := &g.refs[i]
		g.convert(ref.span, &g.scopes[ref.scope])
		g.askedPriority()
	}
	g.drops.Add(intake.ReasonTooLarge, late)
	if len(c.spans) == 0 {
		return
	}
	if !g.isWellFormed() {
		g.drops.Add(intake.ReasonMalformed, len(c.spans))
		return
	}
	c.root = c.findRoot()
	if g.isIgnored(c.spans[c.root].named) {
		g.drops.Add(intake.ReasonIgnored, len(c.spans))
		return
	}
	g.decidePriority()
	c.origin, _ = lookUp(g.metaOf(c.root), g.names.origin)
	g.setDecisionMaker()
	g.setClientRate()
	g.markTopLevel()
	g.describePayload()
	g.tellStats()
	g.sample()
	if g.opts.Public {
		g.sendPublic()
		return
	}
	g.sendChunk()
}

func (g *mapping) metaOf(i int) []pair[string] {
	s := &g.chunk.spans[i]
	return g.meta.all[s.metaFrom:s.metaTo]
}

func (g *mapping) metricsOf(i int) []pair[float64] {
	s := &g.chunk.spans[i]
	return g.metrics.all[s.metricsFrom:s.metricsTo]
}

// isWellFormed reports whether the spans have ids, and do not say of each other that they belong to different traces.
func (g *mapping) isWellFormed() bool {
	c := &g.chunk
	if c.traceID == 0 {
		return false
	}
	high, known := lookUp(g.metaOf(0), g.names.traceIDHigh)
	for i := range c.spans {
		if c.spans[i].id == 0 {
			return false
		}
		if !known || i == 0 {
			continue
		}
		if other, ok := lookUp(g.metaOf(i), g.names.traceIDHigh); ok && other != high {
			return false
		}
	}
	return true
}

// isIgnored reports whether the configuration leaves out the traces whose root has this resource.
func (g *mapping) isIgnored(resource string) bool {
	for _, expr := range g.opts.IgnoreResources {
		if expr.MatchString(resource) {
			return true
		}
	}
	return false
}

// fewSpans is how many spans are searched faster one by one than by a map.
const fewSpans = 16

// index prepares find.
func (c *chunk) index() {
	if len(c.spans) <= fewSpans {
		return
	}
	for i := range c.spans {
		c.byID[c.spans[i].id] = int32(i)
	}
}

// find returns the place of the last span with this id, -1 when there is none.
func (c *chunk) find(id uint64) int {
	if len(c.spans) > fewSpans {
		if i, ok := c.byID[id]; ok {
			return int(i)
		}
		return -1
	}
	for i := len(c.spans) - 1; i >= 0; i-- {
		if c.spans[i].id == id {
			return i
		}
	}
	return -1
}

// findRoot returns the place of the last span without a parent; else of the first whose parent is elsewhere; else, in a circle, of
// the last span. It indexes the spans.
func (c *chunk) findRoot() int {
	c.index()
	for i := len(c.spans) - 1; i >= 0; i-- {
		if c.spans[i].parent == 0 {
			return i
		}
	}
	for i := range c.spans {
		if c.find(c.spans[i].parent) < 0 {
			return i
		}
	}
	return len(c.spans) - 1
}

// ofRootElseOthers is the text under key of the root, or else of the first other span that has one. An empty text counts.
func (g *mapping) ofRootElseOthers(key name) string {
	c := &g.chunk
	text, ok := lookUp(g.metaOf(c.root), key)
	for i := 0; !ok && i < len(c.spans); i++ {
		if c.spans[i].id != c.spans[c.root].id {
			text, ok = lookUp(g.metaOf(i), key)
		}
	}
	return text
}
