package logs

import (
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// attribute writes the attribute at that place of a record, or keeps it for the field that it stands for. What it stands for is
// told by its key in lower case.
func (g *mapping) attribute(all pcommon.Map, at int, key string, v pcommon.Value) {
	n := g.names.at(at, key, &g.obj)
	switch n.meaning {
	case meansMessage:
		g.rec.message, g.rec.hasMessage = v, true
	case meansStatus:
		g.rec.status, g.rec.hasStatus = v, true
	case meansTags:
		g.rec.tags, g.rec.hasTags = v, true
	case meansTraceID:
		g.writeIDAttribute(fieldTraceID, fieldOTelTraceID, 32, v)
	case meansSpanID:
		g.writeIDAttribute(fieldSpanID, fieldOTelSpanID, 16, v)
	case meansScopeName:
		if !g.rec.renamed.has(all, fieldScopeName) {
			g.writeFieldText(fieldScopeName, v)
		}
	case meansScopeVersion:
		if !g.rec.renamed.has(all, fieldScopeVersion) {
			g.writeFieldText(fieldScopeVersion, v)
		}
	default:
		if v.Type() == pcommon.ValueTypeMap {
			g.path = append(g.path[:0], key...)
			g.flatten(g.obj.outermost(), 0, v, 1)
			return
		}
		start := len(g.obj.buf)
		g.obj.buf = append(g.obj.buf, n.quoted...)
		g.writeMember(n.field, start, n.hash, v, 1)
	}
}

// renamed remembers whether a map has the fields of the scope under the names that they have today. It looks once for each.
type renamed struct{ looked, found fieldSet }

func (r *renamed) has(all pcommon.Map, f field) bool {
	if !r.looked.has(f) {
		r.looked |= 1 << f
		if _, found := all.Get(fieldNames[f]); found {
			r.found |= 1 << f
		}
	}
	return r.found.has(f)
}

// meaning is what a record attribute stands for beside itself.
type meaning uint8

const (
	meansItself meaning = iota
	meansMessage
	meansStatus
	meansTags
	meansTraceID
	meansSpanID
	meansScopeName
	meansScopeVersion
)

// meaningOf looks a key up in lower case. A key outside ASCII is rare and costs an allocation when it has capitals.
func meaningOf(key string) meaning {
	// Lower case can be shorter than the key (U+0130 becomes i), by no more than a byte for each letter of a key below.
	const maxKeyBytes = 2 * len("otel.library.version")
	if len(key) > maxKeyBytes {
		return meansItself
	}
	var lower [maxKeyBytes]byte
	for i := range len(key) {
		c := key[i]
		if c >= utf8.RuneSelf {
			return lowerMeaning(strings.ToLower(key))
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return lowerMeaning(lower[:len(key)])
}

func lowerMeaning[T string | []byte](key T) meaning {
	switch string(key) {
	case "msg", "message", "log":
		return meansMessage
	case "status", "severity", "level", "syslog.severity":
		return meansStatus
	case "ddtags":
		return meansTags
	case "traceid", "trace_id", "contextmap.traceid", "oteltraceid":
		return meansTraceID
	case "spanid", "span_id", "contextmap.spanid", "otelspanid":
		return meansSpanID
	case "otel.library.name":
		return meansScopeName
	case "otel.library.version":
		return meansScopeVersion
	}
	return meansItself
}
