package traces

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// The wire types of protobuf (https://protobuf.dev/programming-guides/encoding/#structure). All field numbers here are below 16,
// so a field's tag is one byte.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
)

// A field with its zero value is left out, as proto3 does.

func appendString(dst []byte, field byte, s string) []byte {
	if s == "" {
		return dst
	}
	dst = append(dst, field<<3|wireBytes)
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func appendUint(dst []byte, field byte, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return binary.AppendUvarint(append(dst, field<<3|wireVarint), v)
}

func appendDouble(dst []byte, field byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, field<<3|wireFixed64), math.Float64bits(f))
}

// appendLength appends the tag and the length of an embedded message of size bytes.
func appendLength(dst []byte, field byte, size int) []byte {
	return binary.AppendUvarint(append(dst, field<<3|wireBytes), uint64(size))
}

// maxSmallEntry is how much key and value of an entry may have so that each length in it is one byte.
const maxSmallEntry = 1<<7 - 1 - 4

// appendEntry appends an entry of a map<string, string>: a message with the key as field 1 and the value as field 2.
func appendEntry(dst []byte, field byte, key, value string) []byte {
	if n := len(key) + len(value); n <= maxSmallEntry {
		dst = append(dst, field<<3|wireBytes, byte(n+4), 1<<3|wireBytes, byte(len(key)))
		dst = append(dst, key...)
		dst = append(dst, 2<<3|wireBytes, byte(len(value)))
		return append(dst, value...)
	}
	dst = appendLength(dst, field, messageSize(len(key))+messageSize(len(value)))
	dst = binary.AppendUvarint(append(dst, 1<<3|wireBytes), uint64(len(key)))
	dst = append(dst, key...)
	dst = binary.AppendUvarint(append(dst, 2<<3|wireBytes), uint64(len(value)))
	return append(dst, value...)
}

// appendNumberEntry appends an entry of a map<string, double>.
func appendNumberEntry(dst []byte, field byte, key string, value float64) []byte {
	dst = appendLength(dst, field, messageSize(len(key))+1+8)
	dst = binary.AppendUvarint(append(dst, 1<<3|wireBytes), uint64(len(key)))
	dst = append(dst, key...)
	return appendDouble(dst, 2, value)
}

// The sizes say how many bytes the functions above append.

func uvarintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

func lengthSize(size int) int { return 1 + uvarintSize(uint64(size)) }

func messageSize(size int) int { return lengthSize(size) + size }

func stringSize(s string) int {
	if s == "" {
		return 0
	}
	return messageSize(len(s))
}

func uintSize(v uint64) int {
	if v == 0 {
		return 0
	}
	return 1 + uvarintSize(v)
}

func entrySize(key, value string) int {
	if n := len(key) + len(value); n <= maxSmallEntry {
		return n + 6
	}
	return messageSize(messageSize(len(key)) + messageSize(len(value)))
}

func numberEntrySize(key string) int { return messageSize(messageSize(len(key)) + 1 + 8) }
