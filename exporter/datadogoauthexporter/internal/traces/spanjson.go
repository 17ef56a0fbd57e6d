package traces

import (
	"encoding/hex"
	"math"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// events is the JSON of span events, and whether one of them is an exception. What is zero or empty is left out:
//
//	[{"time_unix_nano":5,"name":"exception","attributes":{"exception.type":"T","n":3},"dropped_attributes_count":1}]
func (a *arena) events(events ptrace.SpanEventSlice) (text string, exception bool) {
	from := len(a.buf)
	for i, e := range events.All() {
		exception = exception || e.Name() == "exception"
		a.separate(i, '[')
		fields := 0
		if t := e.Timestamp(); t != 0 {
			a.field(&fields, `"time_unix_nano":`)
			a.buf = strconv.AppendUint(a.buf, uint64(t), 10)
		}
		if name := e.Name(); name != "" {
			a.field(&fields, `"name":`)
			a.buf = attributes.AppendJSONString(a.buf, name)
		}
		if e.Attributes().Len() > 0 {
			a.field(&fields, `"attributes":`)
			n := 0
			for key, v := range e.Attributes().All() {
				a.separate(n, '{')
				a.buf = append(attributes.AppendJSONString(a.buf, key), ':')
				a.jsonValue(v)
				n++
			}
			a.buf = append(a.buf, '}')
		}
		if dropped := e.DroppedAttributesCount(); dropped != 0 {
			a.field(&fields, `"dropped_attributes_count":`)
			a.buf = strconv.AppendUint(a.buf, uint64(dropped), 10)
		}
		if fields == 0 {
			a.buf = append(a.buf, '{')
		}
		a.buf = append(a.buf, '}')
	}
	a.buf = append(a.buf, ']')
	return a.escapeHTML(from), exception
}

// separate begins a list with open, or goes on with it.
func (a *arena) separate(i int, open byte) {
	if i > 0 {
		open = ','
	}
	a.buf = append(a.buf, open)
}

// field begins the next field of an object, and the object with its first one.
func (a *arena) field(n *int, name string) {
	a.separate(*n, '{')
	a.buf = append(a.buf, name...)
	*n++
}

// jsonValue appends v as a JSON value, "redacted" for one that JSON cannot express.
func (a *arena) jsonValue(v pcommon.Value) {
	from := len(a.buf)
	switch v.Type() {
	case pcommon.ValueTypeStr:
		a.buf = attributes.AppendJSONString(a.buf, v.Str())
	case pcommon.ValueTypeEmpty:
		a.buf = append(a.buf, "null"...)
	case pcommon.ValueTypeBytes:
		if v.Bytes().Len() == 0 {
			a.buf = append(a.buf, "null"...)
			break
		}
		a.buf = append(attributes.AppendValue(append(a.buf, '"'), v), '"')
	case pcommon.ValueTypeDouble:
		if f := v.Double(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			a.buf = attributes.AppendJSONNumber(a.buf, f)
		}
	default:
		a.buf = attributes.AppendValue(a.buf, v)
	}
	if len(a.buf) == from {
		a.buf = append(a.buf, `"redacted"`...)
	}
}

// escapeHTML is the JSON from from on with <, > and & escaped, as Datadog's exporter writes it. They occur in JSON inside of strings only.
func (a *arena) escapeHTML(from int) string {
	to, copied := len(a.buf), from
	for i := from; i < to; i++ {
		if c := a.buf[i]; c == '<' || c == '>' || c == '&' {
			const hexDigits = "0123456789abcdef"
			a.buf = append(a.buf, a.buf[copied:i]...)
			a.buf = append(a.buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
			copied = i + 1
		}
	}
	if copied == from {
		return a.since(from)
	}
	a.buf = append(a.buf, a.buf[copied:to]...)
	return a.since(to)
}

// links is the text of span links. Datadog's form of it is JSON only as long as no text in it needs escaping:
//
//	[{"trace_id":"<32 hex>","span_id":"<16 hex>","tracestate":"a=b","attributes":{"k":"7"},"dropped_attributes_count":1}]
func (a *arena) links(links ptrace.SpanLinkSlice) string {
	from := len(a.buf)
	for i, l := range links.All() {
		a.separate(i, '[')
		traceID, spanID := l.TraceID(), l.SpanID()
		a.buf = append(a.buf, `{"trace_id":"`...)
		a.buf = hex.AppendEncode(a.buf, traceID[:])
		a.buf = append(a.buf, `","span_id":"`...)
		a.buf = append(hex.AppendEncode(a.buf, spanID[:]), '"')
		if ts := l.TraceState().AsRaw(); ts != "" {
			a.buf = append(a.buf, `,"tracestate":"`...)
			a.buf = append(append(a.buf, ts...), '"')
		}
		if l.Attributes().Len() > 0 {
			a.buf = append(a.buf, `,"attributes":`...)
			n := 0
			for key, v := range l.Attributes().All() {
				a.separate(n, '{')
				a.buf = append(append(a.buf, '"'), key...)
				a.buf = append(a.buf, `":"`...)
				a.buf = append(attributes.AppendValue(a.buf, v), '"')
				n++
			}
			a.buf = append(a.buf, '}')
		}
		if dropped := l.DroppedAttributesCount(); dropped != 0 {
			a.buf = append(a.buf, `,"dropped_attributes_count":`...)
			a.buf = strconv.AppendUint(a.buf, uint64(dropped), 10)
		}
		a.buf = append(a.buf, '}')
	}
	a.buf = append(a.buf, ']')
	return a.since(from)
}
