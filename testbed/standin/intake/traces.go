package intake

import (
	"time"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// tracesDoor is POST trace.agent.<site>/api/v0.2/traces, the Agent's form of traces.
var tracesDoor = door{
	kind:     KindSpans,
	media:    []string{"application/x-protobuf"},
	maxSent:  maxTracesBody,
	maxPlain: maxTracesBody,
	refuse:   answerErrors,
	store:    storeTraces,
}

const (
	maxTracesBody = 3_200_000
	// Lengths to which the Agent cuts before it sends, in bytes.
	maxSpanWord     = 100 // service, name, type
	maxSpanResource = 5000
)

// Span is one span with what it came in. Chunk, Tracer and Agent are shared by the spans of a payload and must not be changed.
type Span struct {
	Span    *pb.Span
	Chunk   *pb.TraceChunk
	Tracer  *pb.TracerPayload
	Agent   *pb.AgentPayload
	Arrived time.Time

	seq uint64
}

func storeTraces(c *call) (any, error) {
	p := new(pb.AgentPayload)
	if err := proto.Unmarshal(c.body, p); err != nil {
		return nil, badRequest("the body is not an AgentPayload: %v", err)
	}
	if name := unknownIn(p.ProtoReflect()); name != "" {
		return nil, badRequest("the AgentPayload has fields that %s does not know", name)
	}
	if len(p.IdxTracerPayloads) > 0 {
		return nil, badRequest("idxTracerPayloads are not imitated by the stand-in; send tracerPayloads")
	}
	total := 0
	for _, t := range p.TracerPayloads {
		for _, chunk := range t.Chunks {
			if err := checkChunk(chunk); err != nil {
				return nil, err
			}
			total += len(chunk.Spans)
		}
	}
	c.org.write(KindSpans, total, func() { c.org.addSpans(p, c.now) })
	return struct{}{}, nil
}

// unknownIn names the first message in m that holds a field its definition does not know, or returns "".
func unknownIn(m protoreflect.Message) (name protoreflect.FullName) {
	if len(m.GetUnknown()) > 0 {
		return m.Descriptor().FullName()
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap():
			if fd.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
					name = unknownIn(v.Message())
					return name == ""
				})
			}
		case fd.Message() == nil:
		case fd.IsList():
			for i := 0; i < v.List().Len() && name == ""; i++ {
				name = unknownIn(v.List().Get(i).Message())
			}
		default:
			name = unknownIn(v.Message())
		}
		return name == ""
	})
	return name
}

// checkChunk refuses what the Agent's normaliser would have dropped, filled or cut.
func checkChunk(chunk *pb.TraceChunk) error {
	if len(chunk.Spans) == 0 {
		return badRequest("a trace chunk without spans")
	}
	for _, s := range chunk.Spans {
		switch {
		case s.TraceID == 0 || s.SpanID == 0:
			return badRequest("span %.100q: trace id %d, span id %d; neither may be 0", s.Name, s.TraceID, s.SpanID)
		case s.TraceID != chunk.Spans[0].TraceID:
			return badRequest("a chunk with spans of two traces, %d and %d", chunk.Spans[0].TraceID, s.TraceID)
		case s.Service == "" || s.Name == "" || s.Resource == "":
			return badRequest("span %d: service %.100q, name %.100q, resource %.100q; none may be empty", s.SpanID, s.Service, s.Name, s.Resource)
		case len(s.Service) > maxSpanWord || len(s.Name) > maxSpanWord || len(s.Type) > maxSpanWord:
			return badRequest("span %d: service, name or type is longer than %d B", s.SpanID, maxSpanWord)
		case len(s.Resource) > maxSpanResource:
			return badRequest("span %d: resource of %d B; the limit is %d", s.SpanID, len(s.Resource), maxSpanResource)
		case s.Start <= 0 || s.Duration < 0:
			return badRequest("span %d: start %d ns, duration %d ns", s.SpanID, s.Start, s.Duration)
		}
	}
	return nil
}

// addSpans keeps every span. The caller holds the lock.
func (o *org) addSpans(p *pb.AgentPayload, now time.Time) {
	for _, t := range p.TracerPayloads {
		for _, chunk := range t.Chunks {
			for _, s := range chunk.Spans {
				o.lastSeq++
				keep(o, KindSpans, &o.spans, o.caps.Spans, Span{s, chunk, t, p, now, o.lastSeq})
				o.counts.Spans++
				o.accepted.Spans++
			}
		}
	}
}
