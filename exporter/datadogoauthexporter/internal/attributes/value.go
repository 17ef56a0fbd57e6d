package attributes

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxDepth is how deep AppendValue follows maps and slices inside one another. What lies deeper is written as null, so that a
// hostile nesting costs no stack. pdata's own text form has no such bound.
const maxDepth = 128

// AppendValue appends what pdata's AsString gives: a string as it is, numbers and booleans as text, bytes in base64, a map or slice as
// compact JSON with sorted keys, nothing for an empty value. Scalars, and maps of up to 16 entries, allocate nothing.
//
// As with pdata, a map or slice that holds NaN or an infinity anywhere has no JSON and gives nothing.
func AppendValue(dst []byte, v pcommon.Value) []byte {
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return dst
	case pcommon.ValueTypeStr:
		return append(dst, v.Str()...)
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return appendDouble(dst, v.Double())
	case pcommon.ValueTypeBytes:
		return appendBase64(dst, v.Bytes())
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		start := len(dst)
		dst, ok := appendJSON(dst, v, 0)
		if !ok {
			return dst[:start]
		}
		return dst
	}
	return dst
}

// Text is what AppendValue appends, as a string. Use it in place of pdata's AsString, whose depth is that of the value.
func Text(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.Bool())
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	}
	var short [64]byte
	return string(AppendValue(short[:0], v))
}

// appendDouble writes f the way ECMAScript does, as JSON encoders commonly do.
func appendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	return AppendJSONNumber(dst, f)
}

// AppendJSONNumber appends a finite double as a JSON number: the shortest text that reads back as f, with an exponent only
// below 1e-6 and from 1e21 on.
func AppendJSONNumber(dst []byte, f float64) []byte {
	if abs := math.Abs(f); abs == 0 || abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); dst[n-2] == '0' && dst[n-3] == '-' { // e-09 is written e-9
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// appendBase64 encodes in pieces, since pdata gives no access to its bytes except one at a time or as a copy.
func appendBase64(dst []byte, b pcommon.ByteSlice) []byte {
	var piece [96]byte // a multiple of three, so that only the last piece is padded
	n := 0
	for i := range b.Len() {
		piece[n] = b.At(i)
		if n++; n == len(piece) {
			dst = base64.StdEncoding.AppendEncode(dst, piece[:])
			n = 0
		}
	}
	return base64.StdEncoding.AppendEncode(dst, piece[:n])
}

// appendJSON appends v as pdata's AsRaw marshals. It reports false for a number that JSON does not have.
func appendJSON(dst []byte, v pcommon.Value, depth int) ([]byte, bool) {
	if depth > maxDepth {
		return append(dst, "null"...), true
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return appendQuoted(dst, v.Str(), `\ufffd`), true
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool()), true
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10), true
	case pcommon.ValueTypeDouble:
		f := v.Double()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return dst, false
		}
		return AppendJSONNumber(dst, f), true
	case pcommon.ValueTypeBytes:
		if v.Bytes().Len() == 0 {
			return append(dst, "null"...), true // AsRaw of no bytes is a nil slice
		}
		dst = append(dst, '"')
		dst = appendBase64(dst, v.Bytes())
		return append(dst, '"'), true
	case pcommon.ValueTypeMap:
		return appendJSONMap(dst, v.Map(), depth)
	case pcommon.ValueTypeSlice:
		dst = append(dst, '[')
		ok := true
		for i, e := range v.Slice().All() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, ok = appendJSON(dst, e, depth+1); !ok {
				return dst, false
			}
		}
		return append(dst, ']'), true
	}
	return append(dst, "null"...), true
}

// appendJSONMap writes the entries sorted by key. Of two entries with one key the later counts.
func appendJSONMap(dst []byte, m pcommon.Map, depth int) ([]byte, bool) {
	type entry struct {
		key   string
		value pcommon.Value
	}
	var few [16]entry
	entries := few[:0]
	for key, v := range m.All() {
		entries = append(entries, entry{key, v})
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	dst = append(dst, '{')
	ok, first := true, true
	for i, e := range entries {
		if i+1 < len(entries) && entries[i+1].key == e.key {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendQuoted(dst, e.key, `\ufffd`)
		dst = append(dst, ':')
		if dst, ok = appendJSON(dst, e.value, depth+1); !ok {
			return dst, false
		}
	}
	return append(dst, '}'), true
}
