package otlpwire

import (
	"encoding/binary"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// maxDepth is how many values may be inside each other. A deeper one is sent as its text: each level costs a decoder three messages, and common
// ones stop at a hundred.
const maxDepth = 24

// AppendAttributes appends each entry of m as a KeyValue under field.
//
//	message KeyValue { string key = 1; AnyValue value = 2; }
func AppendAttributes(dst []byte, field int, m pcommon.Map) []byte {
	for key, v := range m.All() {
		dst = appendKeyValue(dst, field, key, v, 0)
	}
	return dst
}

// AppendAttributesExcept is AppendAttributes without those that hide names, nil for none.
func AppendAttributesExcept(dst []byte, field int, m pcommon.Map, hide func(key string) bool) []byte {
	for key, v := range m.All() {
		if hide == nil || !hide(key) {
			dst = appendKeyValue(dst, field, key, v, 0)
		}
	}
	return dst
}

// Replace is the text that is sent in place of the value of an attribute, if one is.
type Replace func(key string, v pcommon.Value) (text string, replaced bool)

// AppendAttributesReplaced is AppendAttributes with the texts that replace, if it is not nil, gives in place of values.
func AppendAttributesReplaced(dst []byte, field int, m pcommon.Map, replace Replace) []byte {
	for key, v := range m.All() {
		if replace != nil {
			if text, replaced := replace(key, v); replaced {
				dst = AppendTextAttribute(dst, field, key, text)
				continue
			}
		}
		dst = appendKeyValue(dst, field, key, v, 0)
	}
	return dst
}

// AppendTextAttribute appends one KeyValue under field.
func AppendTextAttribute(dst []byte, field int, key, value string) []byte {
	key, value = valid(key), valid(value)
	inner := sizeOfText(value)
	dst = beginKeyValue(dst, field, key, inner)
	return appendText(dst, 1, value)
}

func appendKeyValue(dst []byte, field int, key string, v pcommon.Value, depth int) []byte {
	key = valid(key)
	// Of what most attributes are the size is known beforehand.
	switch v.Type() {
	case pcommon.ValueTypeStr:
		text := valid(v.Str())
		return appendText(beginKeyValue(dst, field, key, sizeOfText(text)), 1, text)
	case pcommon.ValueTypeInt:
		n := uint64(v.Int())
		dst = beginKeyValue(dst, field, key, 1+uvarintSize(n))
		return binary.AppendUvarint(appendTag(dst, 3, wireVarint), n)
	case pcommon.ValueTypeBool:
		dst = beginKeyValue(dst, field, key, 2)
		return appendBoolValue(dst, v.Bool())
	case pcommon.ValueTypeDouble:
		dst = beginKeyValue(dst, field, key, 9)
		return binary.LittleEndian.AppendUint64(appendTag(dst, 4, wireFixed64), math.Float64bits(v.Double()))
	}
	dst, whole := Begin(dst, field, Small)
	dst = appendText(dst, 1, key)
	dst = appendValue(dst, 2, v, depth)
	return End(dst, whole)
}

// beginKeyValue appends a KeyValue up to the content of its value, an AnyValue of valueBytes.
func beginKeyValue(dst []byte, field int, key string, valueBytes int) []byte {
	size := sizeOfText(key) + 1 + uvarintSize(uint64(valueBytes)) + valueBytes
	dst = binary.AppendUvarint(appendTag(dst, field, wireBytes), uint64(size))
	dst = appendText(dst, 1, key)
	return binary.AppendUvarint(appendTag(dst, 2, wireBytes), uint64(valueBytes))
}

// sizeOfText is the size of a text field with a number below 16.
func sizeOfText(s string) int { return 1 + uvarintSize(uint64(len(s))) + len(s) }

func appendBoolValue(dst []byte, v bool) []byte {
	b := byte(0)
	if v {
		b = 1
	}
	return append(appendTag(dst, 2, wireVarint), b)
}

// AppendValue appends v as an AnyValue under field.
func AppendValue(dst []byte, field int, v pcommon.Value) []byte { return appendValue(dst, field, v, 0) }

// appendValue appends an AnyValue.
//
//	message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
//	  ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
func appendValue(dst []byte, field int, v pcommon.Value, depth int) []byte {
	room := Small
	if v.Type() == pcommon.ValueTypeStr && len(v.Str()) > 120 {
		room = Medium
	}
	dst, whole := Begin(dst, field, room)
	switch t := v.Type(); {
	case t == pcommon.ValueTypeStr:
		dst = appendText(dst, 1, valid(v.Str()))
	case t == pcommon.ValueTypeBool:
		dst = appendBoolValue(dst, v.Bool())
	case t == pcommon.ValueTypeInt:
		dst = binary.AppendUvarint(appendTag(dst, 3, wireVarint), uint64(v.Int()))
	case t == pcommon.ValueTypeDouble:
		dst = binary.LittleEndian.AppendUint64(appendTag(dst, 4, wireFixed64), math.Float64bits(v.Double()))
	case t == pcommon.ValueTypeBytes:
		p := v.Bytes()
		dst = binary.AppendUvarint(appendTag(dst, 7, wireBytes), uint64(p.Len()))
		for i := range p.Len() {
			dst = append(dst, p.At(i))
		}
	case t != pcommon.ValueTypeEmpty && depth >= maxDepth:
		dst = appendText(dst, 1, valid(attributes.Text(v)))
	case t == pcommon.ValueTypeSlice:
		var list Mark
		dst, list = Begin(dst, 5, Small)
		for _, element := range v.Slice().All() {
			dst = appendValue(dst, 1, element, depth+1)
		}
		dst = End(dst, list)
	case t == pcommon.ValueTypeMap:
		var list Mark
		dst, list = Begin(dst, 6, Small)
		for key, entry := range v.Map().All() {
			dst = appendKeyValue(dst, 1, key, entry, depth+1)
		}
		dst = End(dst, list)
	}
	return End(dst, whole)
}
