package traces

import (
	"math"
	"strconv"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

const (
	// maxPublicBytes is the largest line. No limit of the public span intake is known: that of the other trace intakes is assumed.
	maxPublicBytes = 3_200_000
	// maxPublicAttributes is how many entries of meta and metrics a span may have there.
	maxPublicAttributes = 128
	// publicType is the type of a span that has none.
	publicType = "custom"
)

// sendPublic appends the spans of the chunk as items of the public span intake: a line each, a JSON envelope with one span. Its form and limits
// are those of Datadog's SDKs for mobile devices (DataDog/dd-sdk-ios):
//
//	{"spans":[{"trace_id":"1f","span_id":"2a","parent_id":"0","name":"http.server.request","service":"shop","resource":"GET /","type":"web",
//	  "start":1700000000000000000,"duration":1000,"error":0,"metrics._top_level":1,"meta.env":"prod"}],"env":"prod"}
//
// What the Agent's form says beside the spans is said in each: the host (_dd.hostname), the high half of the trace id, who decided to keep the
// trace, and its priority.
func (g *mapping) sendPublic() {
	for i := range g.chunk.spans {
		s := &g.chunk.spans[i]
		if s.left {
			continue
		}
		if g.out.Full() {
			s.left = true
			g.drops.Add(intake.ReasonTooLarge, 1)
			continue
		}
		begin := len(g.out.Body)
		dst := g.appendPublicSpan(append(g.out.Body, `{"spans":[`...), i)
		dst = append(dst, `],"env":`...)
		dst = append(attributes.AppendJSONString(dst, g.publicEnv(i)), "}\n"...)
		if len(dst)-begin > maxPublicBytes {
			s.left = true
			g.out.Body = dst[:begin]
			g.drops.Add(intake.ReasonTooLarge, 1)
			continue
		}
		g.out.Body = dst
		g.out.EndItem(1, s.end())
	}
}

func (g *mapping) publicEnv(i int) string {
	if env, _ := lookUp(g.metaOf(i), g.names.env); env != "" {
		return env
	}
	if g.payload.env != "" {
		return g.payload.env
	}
	return "none"
}

func (g *mapping) appendPublicSpan(dst []byte, i int) []byte {
	s := &g.chunk.spans[i]
	dst = appendHex(append(dst, `{"trace_id":"`...), g.chunk.traceID)
	dst = appendHex(append(dst, `","span_id":"`...), s.id)
	dst = appendHex(append(dst, `","parent_id":"`...), s.parent)
	dst = attributes.AppendJSONString(append(dst, `","name":`...), s.name)
	dst = attributes.AppendJSONString(append(dst, `,"service":`...), s.service)
	dst = attributes.AppendJSONString(append(dst, `,"resource":`...), s.resource)
	typ := s.typ
	if typ == "" {
		typ = publicType
	}
	dst = attributes.AppendJSONString(append(dst, `,"type":`...), typ)
	dst = strconv.AppendInt(append(dst, `,"start":`...), s.start, 10)
	dst = strconv.AppendInt(append(dst, `,"duration":`...), s.duration, 10)
	dst = append(dst, `,"error":`...)
	if s.failed {
		dst = append(dst, '1')
	} else {
		dst = append(dst, '0')
	}
	return append(g.appendPublicAttributes(dst, i), '}')
}

func appendHex(dst []byte, id uint64) []byte { return strconv.AppendUint(dst, id, 16) }

// appendPublicAttributes appends metrics and meta as flat members: what the intake reads by name first, then the others in their order, as
// many as a span may have.
func (g *mapping) appendPublicAttributes(dst []byte, i int) []byte {
	meta, metrics, n := g.metaOf(i), g.metricsOf(i), &g.names
	left := maxPublicAttributes
	if _, ok := lookUp(metrics, n.priority); !ok {
		dst = strconv.AppendInt(append(dst, `,"metrics._sampling_priority_v1":`...), int64(g.chunk.priority), 10)
		left--
	}
	text := func(key name, value string) {
		if _, ok := lookUp(meta, key); value != "" && !ok {
			dst = attributes.AppendJSONString(appendMember(dst, `,"meta.`, key.text), value)
			left--
		}
	}
	if id, _ := lookUp(meta, n.traceID); len(id) == 32 && id[:16] != "0000000000000000" {
		text(n.traceIDHigh, id[:16])
	}
	text(n.decisionMaker, g.chunk.decisionMaker)
	text(n.hostname, g.payload.hostname)
	text(n.tracerVersion, g.payload.tracerVersion)
	for j := range metrics {
		e := &metrics[j]
		if e.dead || left == 0 || math.IsNaN(e.value) || math.IsInf(e.value, 0) {
			continue
		}
		dst = attributes.AppendJSONNumber(appendMember(dst, `,"metrics.`, e.text), e.value)
		left--
	}
	for j := range meta {
		e := &meta[j]
		if e.dead || left == 0 {
			continue
		}
		dst = attributes.AppendJSONString(appendMember(dst, `,"meta.`, e.text), e.value)
		left--
	}
	return dst
}

// appendMember appends the name of a member, whose first letters and quote are in prefix.
func appendMember(dst []byte, prefix, key string) []byte {
	dst = append(dst, prefix...)
	quote := len(dst)
	dst = attributes.AppendJSONString(dst, key)
	copy(dst[quote:], dst[quote+1:]) // without the quote that the text begins with
	return append(dst[:len(dst)-1], ':')
}
