package logs

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// writeTraceContext writes what connects the record with its span: the ids as Datadog writes them, in decimal and of a trace id
// only the low 64 bits, and as OpenTelemetry does, in hex.
func (g *mapping) writeTraceContext(lr plog.LogRecord) {
	if id := lr.TraceID(); !id.IsEmpty() {
		g.writeID(fieldTraceID, fieldOTelTraceID, id[:])
	} else {
		g.yield(fieldTraceID)
		g.yield(fieldOTelTraceID)
	}
	if id := lr.SpanID(); !id.IsEmpty() {
		g.writeID(fieldSpanID, fieldOTelSpanID, id[:])
	} else {
		g.yield(fieldSpanID)
		g.yield(fieldOTelSpanID)
	}
}

func (g *mapping) writeID(datadog, otel field, id []byte) {
	g.win(datadog)
	g.obj.buf = append(g.obj.buf, '"')
	g.obj.buf = strconv.AppendUint(g.obj.buf, binary.BigEndian.Uint64(id[len(id)-8:]), 10)
	g.obj.buf = append(g.obj.buf, '"', ',')
	g.win(otel)
	g.obj.buf = append(g.obj.buf, '"')
	g.obj.buf = hex.AppendEncode(g.obj.buf, id)
	g.obj.buf = append(g.obj.buf, '"', ',')
}

// writeIDAttribute writes the fields of a trace or span id that an attribute gives as hex digits. The first attribute that is one
// wins. What is not so many hex digits is left out.
func (g *mapping) writeIDAttribute(datadog, otel field, digits int, v pcommon.Value) {
	if g.rec.set.has(datadog) {
		return
	}
	g.text = attributes.AppendValue(g.text[:0], v)
	if len(g.text) != digits {
		return
	}
	var id [16]byte
	n, err := hex.Decode(id[:], g.text)
	if err != nil {
		return
	}
	i := g.addField(datadog)
	g.obj.buf = append(g.obj.buf, '"')
	g.obj.buf = strconv.AppendUint(g.obj.buf, binary.BigEndian.Uint64(id[n-8:n]), 10)
	g.obj.buf = append(g.obj.buf, '"')
	g.obj.end(i)
	i = g.addField(otel)
	g.obj.buf = attributes.AppendJSONString(g.obj.buf, g.text)
	g.obj.end(i)
}
