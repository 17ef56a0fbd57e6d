package traces

import (
	"math"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Priorities of a trace. 2 and -1 are the sender's explicit decisions, 1 and 0 a sampler's.
const (
	priorityDrop     = -1
	priorityAutoDrop = 0
	priorityAutoKeep = 1
	priorityKeep     = 2
)

// The decision makers (chunk tag _dd.p.dm) there are here.
const (
	decidedBySender = "-4"
	decidedByRate   = "-9"
)

// samplingRate is the share of traces that the exporter keeps, as the chunk tag _dd.otlp_sr. It keeps all: nothing is sampled here unless
// its sender asked for it.
const samplingRate = "1.00"

// askedPriority notes the priority that the attribute sampling.priority of the span just converted asks for. The last span that asks wins.
func (g *mapping) askedPriority() {
	asked, ok := g.metrics.get(g.names.priority)
	c := &g.chunk
	switch {
	case !ok || math.IsNaN(asked):
		return
	case asked >= priorityKeep:
		c.priority = priorityKeep
	case asked >= priorityAutoKeep:
		c.priority = priorityAutoKeep
	case asked > priorityDrop:
		c.priority = priorityAutoDrop
	default:
		c.priority = priorityDrop
	}
	c.asked = true
}

// decidePriority settles the priority of the chunk and writes on its first span who decided to keep it.
func (g *mapping) decidePriority() {
	c := &g.chunk
	decidedBy := decidedBySender
	if !c.asked {
		c.priority, decidedBy = priorityAutoKeep, decidedByRate
	}
	if c.priority >= priorityAutoKeep {
		put(g.metaOf(0), g.names.decisionMaker, decidedBy)
	}
}

// setDecisionMaker copies to the chunk who decided, from the first span that tells.
func (g *mapping) setDecisionMaker() {
	for i := range g.chunk.spans {
		if by, ok := lookUp(g.metaOf(i), g.names.decisionMaker); ok {
			g.chunk.decided, g.chunk.decisionMaker = true, by
			return
		}
	}
}

// setClientRate repeats the rate at which the sender sampled under the key that the intake reads.
func (g *mapping) setClientRate() {
	root := g.metricsOf(g.chunk.root)
	if rate, ok := lookUp(root, g.names.sampleRate); ok && rate < 1 {
		put(root, g.names.clientRate, rate)
		return
	}
	remove(root, g.names.clientRate)
}

// sample does what the sender asked for, as an agent does (runSamplers in datadog-agent pkg/trace/agent). A trace that is not to be kept
// is sent all the same when a span of it failed and the priority left that to the agent (0), and of any other those single spans that
// their tracer marked to be sent alone. The rest is counted.
func (g *mapping) sample() {
	c := &g.chunk
	root := g.metricsOf(c.root)
	switch {
	case c.priority == priorityKeep:
		return
	case c.priority == priorityAutoKeep:
		g.setPriorityRate(root)
		return
	case c.priority == priorityAutoDrop && c.anyFailed() && isSampled(c.traceID, root, g.names.sampleRate):
		put(root, g.names.errorsRate, 1)
		return
	}
	left := 0
	for i := range c.spans {
		_, alone := lookUp(g.metricsOf(i), g.names.spanSampling)
		if c.spans[i].left = !alone; !alone {
			left++
		}
	}
	if left < len(c.spans) {
		c.priority = priorityKeep
	}
	g.drops.Add(intake.ReasonSampled, left)
}

// setPriorityRate says on a root span that its service is sampled at rate 1, unless it carries a rate.
func (g *mapping) setPriorityRate(root []pair[float64]) {
	if g.chunk.spans[g.chunk.root].parent != 0 {
		return
	}
	for _, key := range [...]name{g.names.agentRate, g.names.ruleRate, g.names.priorityRate} {
		if _, ok := lookUp(root, key); ok {
			return
		}
	}
	put(root, g.names.priorityRate, 1)
}

func (c *chunk) anyFailed() bool {
	for i := range c.spans {
		if c.spans[i].failed {
			return true
		}
	}
	return false
}

// isSampled reports whether a trace belongs to the share that the rate of its root keeps; a rate that is missing, or not below 1, keeps all.
// All samplers of Datadog and OpenTelemetry agree on it: they multiply the trace id by the same prime.
func isSampled(traceID uint64, root []pair[float64], key name) bool {
	rate, ok := lookUp(root, key)
	if !ok || !(rate < 1) {
		return true
	}
	const prime = 1111111111111111111
	return traceID*prime < threshold(rate)
}

// threshold is the share of a rate below 1 among all ids. A negative one means nothing; it becomes what Datadog's agent makes of it on amd64.
func threshold(rate float64) uint64 {
	const all = 1<<64 - 1
	switch f := rate * all; {
	case f >= 0:
		return uint64(f)
	case f >= math.MinInt64:
		return uint64(int64(f))
	default:
		return 1 << 63
	}
}
