package traces

import (
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire"
)

// maxOTLPBytes is the largest body that the OTLP intake takes.
//
// https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/traces/
const maxOTLPBytes = 3_200_000

// OTLPMapper maps spans to items of the OTLP intake. It is safe for concurrent use.
//
// Spans leave as they came, but for what may be secret in them: Datadog names, maps and samples them.
type OTLPMapper struct {
	mapper  *Mapper
	scratch sync.Pool // of *otlpScratch
}

// otlpScratch is the scratch of one call of Map.
type otlpScratch struct {
	w otlpwire.Writer
	g *mapping
}

// NewOTLP returns an OTLPMapper. Of the options it knows FallbackHost and KeepQueryStrings.
func NewOTLP(o Options) *OTLPMapper { return &OTLPMapper{mapper: New(o)} }

// Map appends the spans of rs to out. An item is dated by the latest span end in it.
//
// Counted in drops are spans with a zero trace or span id, which OTLP calls invalid (ReasonMalformed), and those that no body can hold
// (ReasonTooLarge). rs is only read, and nothing of it is kept.
func (m *OTLPMapper) Map(rs ptrace.ResourceSpans, out *intake.Payload, drops *intake.Drops) {
	c, _ := m.scratch.Get().(*otlpScratch)
	if c == nil {
		c = &otlpScratch{w: otlpwire.Writer{MaxBytes: maxOTLPBytes}, g: newMapping(m.mapper)}
	}
	w, g := &c.w, c.g
	w.Start(out)
	for key, v := range rs.Resource().Attributes().All() {
		g.res.note(attrKeyOf(key), v) // a resource may name the database
	}
	g.hideInResource()
	w.Described(otlpwire.AppendResourceReplaced(w.Describe(0, 1), rs.Resource(), rs.SchemaUrl(), m.mapper.opts.FallbackHost, g.replace))
	for _, ss := range rs.ScopeSpans().All() {
		g.hideInResource()
		w.Described(otlpwire.AppendScopeReplaced(w.Describe(1, 2), ss.Scope(), ss.SchemaUrl(), g.replace))
		for _, s := range ss.Spans().All() {
			if s.TraceID().IsEmpty() || s.SpanID().IsEmpty() {
				drops.Add(intake.ReasonMalformed, 1)
				continue
			}
			if w.Full() {
				drops.Add(intake.ReasonTooLarge, 1)
				continue
			}
			if !w.EndItem(g.appendOTLPSpan(w.BeginItem(2, otlpwire.Medium), s), int64(s.EndTimestamp()/1e9)) {
				drops.Add(intake.ReasonTooLarge, 1)
			}
		}
	}
	w.Finish()
	if g.release() && w.Size() < maxPooledBytes {
		m.scratch.Put(c)
	}
}

// appendOTLPSpan appends the fields of a Span.
//
//	message Span { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5; SpanKind kind = 6;
//	  fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; uint32 dropped_attributes_count = 10;
//	  repeated Event events = 11; uint32 dropped_events_count = 12; repeated Link links = 13; uint32 dropped_links_count = 14;
//	  Status status = 15; fixed32 flags = 16; }
//	message Status { string message = 2; StatusCode code = 3; }
func (g *mapping) appendOTLPSpan(dst []byte, s ptrace.Span) []byte {
	g.hideInSpan(s)
	dst = appendIDs(dst, s.TraceID(), s.SpanID())
	dst = otlpwire.AppendString(dst, 3, s.TraceState().AsRaw())
	if id := s.ParentSpanID(); !id.IsEmpty() {
		dst = otlpwire.AppendBytes(dst, 4, id[:])
	}
	dst = otlpwire.AppendString(dst, 5, g.hiddenName(s.Name()))
	dst = otlpwire.AppendUint(dst, 6, uint64(int64(s.Kind())))
	dst = otlpwire.AppendFixed64(dst, 7, uint64(s.StartTimestamp()))
	dst = otlpwire.AppendFixed64(dst, 8, uint64(s.EndTimestamp()))
	dst = otlpwire.AppendAttributesReplaced(dst, 9, s.Attributes(), g.replace)
	dst = otlpwire.AppendUint(dst, 10, uint64(s.DroppedAttributesCount()))
	for _, e := range s.Events().All() {
		dst = g.appendOTLPEvent(dst, e)
	}
	dst = otlpwire.AppendUint(dst, 12, uint64(s.DroppedEventsCount()))
	for _, l := range s.Links().All() {
		dst = g.appendOTLPLink(dst, l)
	}
	dst = otlpwire.AppendUint(dst, 14, uint64(s.DroppedLinksCount()))
	if st := s.Status(); st.Code() != ptrace.StatusCodeUnset || st.Message() != "" {
		var whole otlpwire.Mark
		dst, whole = otlpwire.Begin(dst, 15, otlpwire.Small)
		dst = otlpwire.AppendString(dst, 2, st.Message())
		dst = otlpwire.AppendUint(dst, 3, uint64(int64(st.Code())))
		dst = otlpwire.End(dst, whole)
	}
	return otlpwire.AppendFixed32(dst, 16, s.Flags())
}

// message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
func (g *mapping) appendOTLPEvent(dst []byte, e ptrace.SpanEvent) []byte {
	dst, whole := otlpwire.Begin(dst, 11, otlpwire.Medium)
	dst = otlpwire.AppendFixed64(dst, 1, uint64(e.Timestamp()))
	dst = otlpwire.AppendString(dst, 2, e.Name())
	dst = otlpwire.AppendAttributesReplaced(dst, 3, e.Attributes(), g.replace)
	dst = otlpwire.AppendUint(dst, 4, uint64(e.DroppedAttributesCount()))
	return otlpwire.End(dst, whole)
}

// message Link { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4;
// uint32 dropped_attributes_count = 5; fixed32 flags = 6; }
func (g *mapping) appendOTLPLink(dst []byte, l ptrace.SpanLink) []byte {
	dst, whole := otlpwire.Begin(dst, 13, otlpwire.Small)
	dst = appendIDs(dst, l.TraceID(), l.SpanID())
	dst = otlpwire.AppendString(dst, 3, l.TraceState().AsRaw())
	dst = otlpwire.AppendAttributesReplaced(dst, 4, l.Attributes(), g.replace)
	dst = otlpwire.AppendUint(dst, 5, uint64(l.DroppedAttributesCount()))
	dst = otlpwire.AppendFixed32(dst, 6, l.Flags())
	return otlpwire.End(dst, whole)
}

// appendIDs appends trace_id = 1 and span_id = 2 where they are there.
func appendIDs(dst []byte, trace pcommon.TraceID, span pcommon.SpanID) []byte {
	if !trace.IsEmpty() {
		dst = otlpwire.AppendBytes(dst, 1, trace[:])
	}
	if !span.IsEmpty() {
		dst = otlpwire.AppendBytes(dst, 2, span[:])
	}
	return dst
}
