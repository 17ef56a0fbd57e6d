package events

import (
	"bytes"
	"cmp"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// eventFuture is how far ahead an event may be: Datadog takes two hours, less what clocks may differ.
const eventFuture = int64((2*time.Hour - time.Minute) / time.Second)

// mapEvent appends the event of a record. One without title, text and body, and one too far ahead, is counted as dropped.
func (g *mapping) mapEvent(lr plog.LogRecord, out *Output) {
	out.Records++
	if out.isFull() {
		return
	}
	at := g.secondsOf(lr.Timestamp(), lr.ObservedTimestamp())
	if at > g.now+eventFuture {
		out.Drops.Add(intake.ReasonFuture, 1)
		return
	}
	g.read(lr.Attributes(), eventField)
	body, ok := g.appendEvent(out.Body, lr, at)
	if !ok {
		out.Drops.Add(intake.ReasonMalformed, 1)
		return
	}
	out.Body = body
	out.EndItem(1, at)
}

// appendEvent reports false for an event that says nothing.
func (g *mapping) appendEvent(dst []byte, lr plog.LogRecord, at int64) ([]byte, bool) {
	g.head, g.text = g.textOf(g.head[:0], fieldTitle), g.textOf(g.text[:0], fieldText)
	if len(g.text) == 0 {
		g.text = attributes.AppendValue(g.text, lr.Body())
	}
	if len(g.head) == 0 {
		g.head = append(g.head, firstLine(g.text)...)
	}
	if len(g.text) == 0 {
		g.text = append(g.text, g.head...)
	}
	if len(g.head) == 0 {
		return dst, false
	}
	dst = append(dst, '{')
	dst = appendMember(dst, `"title":`, cut(g.head, maxTitle, cutMark))
	dst = appendMember(dst, `"text":`, cutText(g.text))
	dst = append(dst, `"date_happened":`...)
	dst = strconv.AppendInt(dst, at, 10)
	dst = append(dst, `,"alert_type":"`...)
	dst = append(dst, g.alertOf(lr.SeverityNumber())...)
	dst = append(dst, '"', ',')
	if p := g.named(fieldPriority); p == "normal" || p == "low" {
		dst = append(append(append(dst, `"priority":"`...), p...), '"', ',')
	}
	dst = g.appendName(dst, `"host":`, g.hostOf(lr.Attributes()))
	if g.text = g.textOf(g.text[:0], fieldAggregationKey); len(g.text) > 0 {
		dst = appendMember(dst, `"aggregation_key":`, cutKey(g.text))
	}
	dst = g.appendName(dst, `"source_type_name":`, cmp.Or(g.named(fieldSourceTypeName), g.opts.Source))
	dst = g.appendName(dst, `"device_name":`, g.named(fieldDeviceName))
	if id := g.relatedID(); id != 0 {
		dst = append(dst, `"related_event_id":`...)
		dst = append(strconv.AppendInt(dst, id, 10), ',')
	}
	return g.appendTags(dst), true
}

// alertOf is the alert type of a record: the one that it names, if the API knows it, else by its severity.
func (g *mapping) alertOf(number plog.SeverityNumber) string {
	switch named := g.named(fieldAlertType); named {
	case "error", "warning", "info", "success", "user_update", "recommendation", "snapshot":
		return named
	}
	switch {
	case number >= plog.SeverityNumberError:
		return "error"
	case number >= plog.SeverityNumberWarn:
		return "warning"
	default:
		return "info"
	}
}

// relatedID is the id of the parent event, 0 for none. It may be text, since JSON numbers are too short for it.
func (g *mapping) relatedID() int64 {
	if !g.fields.has[fieldRelatedEventID] {
		return 0
	}
	v := g.fields.value[fieldRelatedEventID]
	if v.Type() == pcommon.ValueTypeInt {
		return v.Int()
	}
	id, err := strconv.ParseInt(v.Str(), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// firstLine is the first line of s that holds something, without the space around it. That a text is markdown is not for a title.
func firstLine(s []byte) []byte {
	s = bytes.TrimSpace(bytes.TrimPrefix(s, []byte(markdownBegin)))
	if i := bytes.IndexByte(s, '\n'); i >= 0 {
		s = bytes.TrimSpace(s[:i])
	}
	return s
}
