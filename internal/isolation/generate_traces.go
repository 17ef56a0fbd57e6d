package isolation

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Traces has one resource of each owner.
func (g *Generator) Traces(now time.Time, owners ...Owner) ptrace.Traces {
	g.now, g.batch = now, g.streams.batches.Add(1)
	d := ptrace.NewTraces()
	for _, o := range owners {
		rs := d.ResourceSpans().AppendEmpty()
		g.begin(rs.Resource(), o)
		ss := rs.ScopeSpans().AppendEmpty()
		g.scope(ss.Scope())
		for range g.many() {
			id := g.traceID()
			parent := pcommon.NewSpanIDEmpty()
			for range 1 + g.rnd.IntN(3) {
				s := ss.Spans().AppendEmpty()
				s.SetTraceID(id)
				s.SetSpanID(g.spanID())
				s.SetParentSpanID(parent)
				parent = s.SpanID()
				g.span(s)
			}
		}
	}
	return d
}

// span stands for as many as the owner's prime, so that what is counted of it is a multiple.
func (g *Generator) span(s ptrace.Span) {
	start := g.owner.moment(g.now.Add(-time.Second)).Truncate(time.Second)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(g.sized()))))
	a := s.Attributes()
	a.PutDouble("_sample_rate", 1/float64(g.owner.prime()))
	s.SetName(g.word("work"))
	g.attributes(a, false)
	if g.rnd.IntN(4) == 0 {
		s.Status().SetCode(ptrace.StatusCodeError)
		if !g.bare {
			s.Status().SetMessage("failed " + g.owner.mark())
		}
	}
	if g.bare {
		s.SetKind(ptrace.SpanKindServer)
		return
	}
	switch g.rnd.IntN(3) {
	case 0:
		s.SetKind(ptrace.SpanKindServer)
		a.PutStr("http.request.method", "GET")
		a.PutStr("http.route", "/"+g.owner.mark())
		a.PutStr("url.full", "https://"+g.owner.mark()+".example/?q="+g.owner.mark())
	case 1:
		s.SetKind(ptrace.SpanKindClient)
		a.PutStr("db.system", "postgresql")
		a.PutStr("db.query.text", "select x from "+g.owner.mark()+" where "+g.owner.mark()+" = 5")
		a.PutStr("peer.service", "peer-"+g.owner.mark())
	default:
		s.SetKind(ptrace.SpanKindInternal)
	}
	if g.rnd.IntN(4) == 0 {
		e := s.Events().AppendEmpty()
		e.SetTimestamp(pcommon.NewTimestampFromTime(start))
		e.SetName("event " + g.owner.mark())
		e.Attributes().PutStr("who", g.owner.mark())
		l := s.Links().AppendEmpty()
		l.SetTraceID(g.traceID())
		l.SetSpanID(g.spanID())
		l.Attributes().PutStr("who", g.owner.mark())
	}
}
