package traces

import (
	"encoding/binary"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// spanRef is one span of the resource, linked to the next one of its chunk.
type spanRef struct {
	span  ptrace.Span
	scope int32
	next  int32 // in refs, -1 at the end
}

// chunkHead is where a chunk begins and ends in refs.
type chunkHead struct {
	first, last int32
	count       int32
}

// scope is one instrumentation scope, ready to be written into spans.
type scope struct {
	pcommon.InstrumentationScope
	name, version pair[string]
	attrs         []pair[string]
}

// release forgets the scope but keeps the memory.
func (s *scope) release() {
	clear(s.attrs)
	*s = scope{attrs: s.attrs[:0]}
}

// group puts the spans of all scopes that share the low 64 bits of a trace id into one chunk, in the order they came in.
func (g *mapping) group(rs ptrace.ResourceSpans) {
	for i, ss := range rs.ScopeSpans().All() {
		if len(g.scopes) < cap(g.scopes) {
			g.scopes = g.scopes[:i+1]
			g.scopes[i].InstrumentationScope = ss.Scope()
		} else {
			g.scopes = append(g.scopes, scope{InstrumentationScope: ss.Scope()})
		}
		for _, span := range ss.Spans().All() {
			ref := int32(len(g.refs))
			g.refs = append(g.refs, spanRef{span: span, scope: int32(i), next: -1})
			traceID := lowTraceID(span.TraceID())
			at, ok := g.byTrace[traceID]
			if !ok {
				g.byTrace[traceID] = int32(len(g.heads))
				g.heads = append(g.heads, chunkHead{first: ref, last: ref, count: 1})
				continue
			}
			head := &g.heads[at]
			g.refs[head.last].next = ref
			head.last = ref
			head.count++
		}
	}
}

func lowTraceID(id pcommon.TraceID) uint64 { return binary.BigEndian.Uint64(id[8:]) }

func spanID(id pcommon.SpanID) uint64 { return binary.BigEndian.Uint64(id[:]) }
