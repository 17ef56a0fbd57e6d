package logs

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// record is what the attributes of one record say about its fields.
type record struct {
	// set are the fields that attributes wrote into the item, each the member of that index. When another source wins, the member
	// is dropped.
	set    fieldSet
	member [numFields]int
	// message, status and tags are attributes that stand for a field and are not kept as attributes.
	message, status, tags pcommon.Value
	hasMessage, hasStatus bool
	hasTags               bool
	renamed               renamed
}

// record writes the members of one record. Attributes come first; a member that comes later replaces an earlier one. It stops where the
// attributes are tooLarge.
func (g *mapping) record(lr plog.LogRecord) {
	g.rec.set, g.rec.hasMessage, g.rec.hasStatus, g.rec.hasTags = 0, false, false, false
	g.rec.renamed, g.tooLarge = renamed{}, false
	at := 0
	for key, v := range lr.Attributes().All() {
		if g.attribute(lr.Attributes(), at, key, v); g.tooLarge {
			return
		}
		at++
	}
	g.writeTail()
	g.writeMessage(lr)
	g.writeStatus(lr)
	g.writeTraceContext(lr)
	g.writeTimes(lr)
	if name := lr.EventName(); name != "" {
		g.win(fieldEventName)
		g.obj.buf = attributes.AppendJSONString(g.obj.buf, name)
		g.obj.buf = append(g.obj.buf, ',')
	} else {
		g.yield(fieldEventName)
	}
}

// win begins a field whose value the record itself has: it drops the one from an attribute and writes the name and colon.
func (g *mapping) win(f field) {
	g.dropAttribute(f)
	g.obj.buf = append(g.obj.buf, fieldKeys[f]...)
}

// yield leaves a field to the attributes of the resource and scope, and then to those of the record. It reports whether one of
// them has it.
func (g *mapping) yield(f field) bool {
	if !g.shared.set.has(f) {
		return g.rec.set.has(f)
	}
	g.win(f)
	g.obj.buf = append(g.obj.buf, g.shared.value(f)...)
	g.obj.buf = append(g.obj.buf, ',')
	return true
}

func (g *mapping) dropAttribute(f field) {
	if g.rec.set.has(f) {
		g.rec.set &^= 1 << f
		g.obj.drop(g.rec.member[f])
	}
}

// writeMessage takes the message from an attribute called like the field, else from one that stands for it, else from the body.
func (g *mapping) writeMessage(lr plog.LogRecord) {
	if g.yield(fieldMessage) {
		return
	}
	g.win(fieldMessage)
	start := len(g.obj.buf)
	if g.rec.hasMessage {
		g.obj.buf = g.appendText(g.obj.buf, g.rec.message)
	}
	if len(g.obj.buf)-start <= len(`""`) {
		g.obj.buf = g.appendText(g.obj.buf[:start], lr.Body())
	}
	g.obj.buf = append(g.obj.buf, ',')
}

// writeStatus takes the status from an attribute that stands for it, else from the severity text, else from the number, else it is
// info.
func (g *mapping) writeStatus(lr plog.LogRecord) {
	g.win(fieldStatus)
	start := len(g.obj.buf)
	if g.rec.hasStatus {
		g.obj.buf = g.appendText(g.obj.buf, g.rec.status)
	}
	if len(g.obj.buf)-start <= len(`""`) {
		g.obj.buf = g.obj.buf[:start]
		if text := lr.SeverityText(); text != "" {
			g.obj.buf = attributes.AppendJSONString(g.obj.buf, text)
		} else {
			g.obj.buf = append(g.obj.buf, '"')
			g.obj.buf = append(g.obj.buf, statusOf(lr.SeverityNumber())...)
			g.obj.buf = append(g.obj.buf, '"')
		}
	}
	g.obj.buf = append(g.obj.buf, ',')

	if text := lr.SeverityText(); text != "" {
		g.win(fieldSeverityText)
		g.obj.buf = attributes.AppendJSONString(g.obj.buf, text)
		g.obj.buf = append(g.obj.buf, ',')
	} else {
		g.yield(fieldSeverityText)
	}
	if number := lr.SeverityNumber(); number != plog.SeverityNumberUnspecified {
		g.win(fieldSeverityNumber)
		g.obj.buf = append(g.obj.buf, '"')
		g.obj.buf = strconv.AppendInt(g.obj.buf, int64(number), 10)
		g.obj.buf = append(g.obj.buf, '"', ',')
	} else {
		g.yield(fieldSeverityNumber)
	}
}

// statusOf is the status of a severity number. Without a number it is info, as in the outer layer of Datadog's exporter.
func statusOf(number plog.SeverityNumber) string {
	switch {
	case number == plog.SeverityNumberUnspecified:
		return "info"
	case number <= plog.SeverityNumberTrace4:
		return "trace"
	case number <= plog.SeverityNumberDebug4:
		return "debug"
	case number <= plog.SeverityNumberInfo4:
		return "info"
	case number <= plog.SeverityNumberWarn4:
		return "warn"
	case number <= plog.SeverityNumberError4:
		return "error"
	case number <= plog.SeverityNumberFatal4:
		return "fatal"
	}
	return "error"
}
