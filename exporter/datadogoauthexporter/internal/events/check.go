package events

import (
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// checkStatus is the status of a service check.
type checkStatus int8

const (
	statusOK       checkStatus = 0
	statusWarning  checkStatus = 1
	statusCritical checkStatus = 2
	statusUnknown  checkStatus = 3
	noStatus       checkStatus = -1 // nothing says it, or something that is no status
)

// mapCheckRecord appends the service check of a log record. Without datadog.check.status its severity is the status.
func (g *mapping) mapCheckRecord(lr plog.LogRecord, out *Output) {
	out.Records++
	if out.isFull() {
		return
	}
	g.read(lr.Attributes(), checkField)
	state := bySeverity(lr.SeverityNumber())
	if g.fields.has[fieldStatus] {
		state = statusOf(g.fields.value[fieldStatus])
	}
	g.head = g.textOf(g.head[:0], fieldMessage)
	if len(g.head) == 0 {
		g.head = attributes.AppendValue(g.head, lr.Body())
	}
	g.mapCheck("", state, lr.Attributes(), g.secondsOf(lr.Timestamp(), lr.ObservedTimestamp()), out)
}

// mapCheckPoint appends the service check of a data point. Without datadog.check.status its value is the status.
func (g *mapping) mapCheckPoint(metric string, p pmetric.NumberDataPoint, out *Output) {
	out.Records++
	if p.Flags().NoRecordedValue() {
		out.Drops.Add(intake.ReasonNoRecordedValue, 1)
		return
	}
	if out.isFull() {
		return
	}
	g.read(p.Attributes(), checkField)
	state := noStatus
	switch {
	case g.fields.has[fieldStatus]:
		state = statusOf(g.fields.value[fieldStatus])
	case p.ValueType() == pmetric.NumberDataPointValueTypeInt:
		state = byNumber(float64(p.IntValue()))
	case p.ValueType() == pmetric.NumberDataPointValueTypeDouble:
		state = byNumber(p.DoubleValue())
	}
	g.head = g.textOf(g.head[:0], fieldMessage)
	g.mapCheck(metric, state, p.Attributes(), g.secondsOf(p.Timestamp()), out)
}

// mapCheck appends a service check, a JSON object with a comma behind it. g.head holds its message. Without a name or a status it is counted
// as malformed, without a host as such: the API wants one.
func (g *mapping) mapCheck(usualName string, state checkStatus, attrs pcommon.Map, at int64, out *Output) {
	if g.text = g.textOf(g.text[:0], fieldName); len(g.text) == 0 {
		g.text = append(g.text, usualName...)
	}
	if len(g.text) == 0 || state == noStatus {
		out.Drops.Add(intake.ReasonMalformed, 1)
		return
	}
	on := g.hostOf(attrs)
	if on == "" {
		out.Drops.Add(intake.ReasonNoHost, 1)
		return
	}
	dst := append(out.Body, '{')
	dst = appendMember(dst, `"check":`, cut(g.text, maxName, cutMark))
	dst = g.appendName(dst, `"host_name":`, on)
	dst = append(dst, `"status":`...)
	dst = append(dst, byte('0'+state))
	dst = append(dst, `,"timestamp":`...)
	dst = append(strconv.AppendInt(dst, at, 10), ',')
	if state != statusOK && len(g.head) > 0 {
		dst = appendMember(dst, `"message":`, cut(g.head, maxMessage, cutMark))
	}
	out.Body = append(g.appendTags(dst), ',')
	out.EndItem(1, at)
}

// statusOf reads a status that is a number or its name.
func statusOf(v pcommon.Value) checkStatus {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return byNumber(float64(v.Int()))
	case pcommon.ValueTypeDouble:
		return byNumber(v.Double())
	}
	switch s := v.Str(); {
	case s == "0", strings.EqualFold(s, "ok"):
		return statusOK
	case s == "1", strings.EqualFold(s, "warning"), strings.EqualFold(s, "warn"):
		return statusWarning
	case s == "2", strings.EqualFold(s, "critical"):
		return statusCritical
	case s == "3", strings.EqualFold(s, "unknown"):
		return statusUnknown
	}
	return noStatus
}

func byNumber(f float64) checkStatus {
	if f < 0 || f > 3 || f != math.Trunc(f) { // NaN is not its own whole part
		return noStatus
	}
	return checkStatus(f)
}

// bySeverity has no status for a record without severity.
func bySeverity(number plog.SeverityNumber) checkStatus {
	switch {
	case number >= plog.SeverityNumberError:
		return statusCritical
	case number >= plog.SeverityNumberWarn:
		return statusWarning
	case number > plog.SeverityNumberUnspecified:
		return statusOK
	default:
		return noStatus
	}
}
