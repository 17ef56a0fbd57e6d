package traces

import "go.opentelemetry.io/collector/pdata/ptrace"

// markTopLevel marks the spans by which a service is entered: without a parent here, or with one of another service.
func (g *mapping) markTopLevel() {
	if g.opts.TopLevelBySpanKind {
		return // each span was marked for itself
	}
	c := &g.chunk
	for i := range c.spans {
		s := &c.spans[i]
		if s.parent != 0 {
			if at := c.find(s.parent); at >= 0 && c.spans[at].service == s.service {
				continue
			}
		}
		put(g.metricsOf(i), g.names.topLevel, 1)
	}
}

// markByKind marks, before its attributes are written, a span by which a service is entered or that calls another, as its kind tells.
func (g *mapping) markByKind(in ptrace.Span) {
	switch in.Kind() {
	case ptrace.SpanKindServer, ptrace.SpanKindConsumer:
		g.metrics.set(g.names.topLevel, 1)
	case ptrace.SpanKindClient, ptrace.SpanKindProducer:
		g.metrics.set(g.names.measured, 1)
	}
	if in.ParentSpanID().IsEmpty() {
		g.metrics.set(g.names.topLevel, 1)
	}
}

// believeTracer marks a span of which a tracer of Datadog's says that a service is entered by it.
func (g *mapping) believeTracer() {
	if v, ok := g.metrics.get(g.names.tracerTopLevel); ok && v == 1 {
		g.metrics.set(g.names.topLevel, 1)
	}
}
