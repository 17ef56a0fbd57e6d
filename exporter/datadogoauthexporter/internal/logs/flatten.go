package logs

import (
	"math"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

const (
	// textDepth is the depth at which a map is not flattened but written as a string of its JSON text. An array that lies just
	// above it takes its elements past this depth, and their maps are flattened again.
	textDepth = 10
	// maxDepth is the depth from which on an array is written as null and a map as text, so that a hostile nesting costs no stack.
	maxDepth = 128
)

// flatten writes v into an open object: a map as one member per entry, the keys joined by dots, anything else as one member. The
// key is path[base:].
func (g *mapping) flatten(number uint32, base int, v pcommon.Value, depth int) {
	if v.Type() == pcommon.ValueTypeMap && !isTextDepth(depth) {
		end := len(g.path)
		for key, entry := range v.Map().All() {
			g.path = g.path[:end]
			if end > base {
				g.path = append(g.path, '.')
			}
			g.path = append(g.path, key...)
			if g.flatten(number, base, entry, depth+1); g.tooLarge {
				return
			}
		}
		return
	}
	if number != g.obj.outermost() {
		start, hash := g.obj.name(g.path[base:])
		i := g.obj.add(number, start, hash)
		g.writeValue(v, depth)
		g.obj.end(i)
		g.tooLarge = len(g.obj.buf) > g.limit
		return
	}
	f := fieldOf(g.path)
	start, hash := g.obj.name(g.path)
	g.writeMember(f, start, hash, v, depth)
}

// writeMember writes v into the record's object, as field f if it is one. Its name was appended last.
func (g *mapping) writeMember(f field, start int, hash uint64, v pcommon.Value, depth int) {
	if f == fieldTags {
		g.obj.unname(start)
		g.rec.tags, g.rec.hasTags = v, true
		return
	}
	if f == noField && g.shared.obj.has(hash, g.obj.buf[start:]) {
		g.limit -= len(g.obj.buf) - start // it was work all the same
		g.tooLarge = len(g.obj.buf) > g.limit
		g.obj.unname(start) // the resource or scope has the same key and wins
		return
	}
	i := g.obj.add(g.obj.outermost(), start, hash)
	if textFields.has(f) {
		g.obj.buf = g.appendText(g.obj.buf, v)
	} else {
		g.writeValue(v, depth)
	}
	g.obj.end(i)
	g.tooLarge = len(g.obj.buf) > g.limit
	if f != noField {
		g.rec.set |= 1 << f
		g.rec.member[f] = i
	}
}

func isTextDepth(depth int) bool { return depth == textDepth || depth >= maxDepth }

// writeFieldText writes a field of the record's object as the text of an attribute of another name.
func (g *mapping) writeFieldText(f field, v pcommon.Value) {
	i := g.addField(f)
	g.obj.buf = g.appendText(g.obj.buf, v)
	g.obj.end(i)
}

// addField begins a field of the record's object. The value comes next, then end with the returned index.
func (g *mapping) addField(f field) int {
	g.path = append(g.path[:0], fieldNames[f]...)
	start, hash := g.obj.name(g.path)
	i := g.obj.add(g.obj.outermost(), start, hash)
	g.rec.set |= 1 << f
	g.rec.member[f] = i
	return i
}

// writeValue writes v as a JSON value: scalars natively, arrays as arrays, a map inside an array as an object of its flattened
// keys, bytes and empty values as text.
func (g *mapping) writeValue(v pcommon.Value, depth int) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		g.obj.buf = attributes.AppendJSONString(g.obj.buf, v.Str())
	case pcommon.ValueTypeInt:
		g.obj.buf = strconv.AppendInt(g.obj.buf, v.Int(), 10)
	case pcommon.ValueTypeBool:
		g.obj.buf = strconv.AppendBool(g.obj.buf, v.Bool())
	case pcommon.ValueTypeDouble:
		g.writeDouble(v.Double())
	case pcommon.ValueTypeSlice:
		g.writeArray(v.Slice(), depth)
	case pcommon.ValueTypeMap:
		if isTextDepth(depth) {
			g.obj.buf = g.appendText(g.obj.buf, v)
			return
		}
		base := len(g.path)
		g.flatten(g.obj.open(), base, v, depth)
		g.path = g.path[:base]
		g.obj.close()
	default:
		g.obj.buf = g.appendText(g.obj.buf, v)
	}
}

func (g *mapping) writeDouble(f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		g.obj.notFinite++
		return
	}
	g.obj.buf = attributes.AppendJSONNumber(g.obj.buf, f)
}

func (g *mapping) writeArray(array pcommon.Slice, depth int) {
	if depth >= maxDepth {
		g.obj.buf = append(g.obj.buf, "null"...)
		return
	}
	g.obj.buf = append(g.obj.buf, '[')
	for i, element := range array.All() {
		if i > 0 {
			g.obj.buf = append(g.obj.buf, ',')
		}
		if g.writeValue(element, depth+1); g.tooLarge {
			return
		}
	}
	g.obj.buf = append(g.obj.buf, ']')
}
