package isolation

import (
	"encoding/binary"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// Logs has one resource of each owner, with records that are logs, events and service checks.
func (g *Generator) Logs(now time.Time, owners ...Owner) plog.Logs {
	g.now, g.batch = now, g.streams.batches.Add(1)
	d := plog.NewLogs()
	for _, o := range owners {
		rl := d.ResourceLogs().AppendEmpty()
		g.begin(rl.Resource(), o)
		sl := rl.ScopeLogs().AppendEmpty()
		g.scope(sl.Scope())
		for range g.many() {
			g.record(sl.LogRecords().AppendEmpty())
		}
	}
	return d
}

func (g *Generator) record(lr plog.LogRecord) {
	lr.SetTimestamp(g.timestamp())
	if g.maybe() {
		lr.SetSeverityNumber(plog.SeverityNumber(1 + 4*g.rnd.IntN(6)))
	}
	switch kind := g.rnd.IntN(8); {
	case kind == 0 && !g.bare:
		g.attributes(lr.Attributes(), false)
		lr.Attributes().PutStr("datadog.type", "event")
		lr.Attributes().PutStr("datadog.event.title", g.word("title"))
		lr.Attributes().PutStr("datadog.event.aggregation_key", g.word("group"))
		lr.Body().SetStr(g.word("text"))
	case kind == 1 && !g.bare:
		g.attributes(lr.Attributes(), false)
		lr.Attributes().PutStr("datadog.type", "service_check")
		lr.Attributes().PutStr("datadog.check.name", g.word("up"))
		lr.Attributes().PutInt("datadog.check.status", int64(g.rnd.IntN(4)))
		lr.Body().SetStr(g.word("message"))
	default:
		g.log(lr)
	}
}

func (g *Generator) log(lr plog.LogRecord) {
	g.attributes(lr.Attributes(), true)
	if g.bare {
		lr.Attributes().PutInt("bare.n", g.count())
	}
	if g.maybe() {
		lr.SetTraceID(g.traceID())
		lr.SetSpanID(g.spanID())
	}
	switch {
	case g.bare || g.rnd.IntN(4) > 0:
		lr.Body().SetStr(g.word("message"))
		if !g.bare {
			lr.SetSeverityText("level " + g.owner.mark())
		}
	default:
		m := lr.Body().SetEmptyMap()
		m.PutStr("message", g.word("inner"))
		m.PutInt("count", g.count())
	}
}

func (g *Generator) traceID() (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[:8], g.id())
	binary.BigEndian.PutUint64(id[8:], g.id())
	return id
}

func (g *Generator) spanID() (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], g.id())
	return id
}
