package otlpwire

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// The wire types of protobuf that OTLP uses.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// AppendString appends a text field, unless it is empty.
func AppendString(dst []byte, field int, s string) []byte {
	if s == "" {
		return dst
	}
	return appendText(dst, field, valid(s))
}

// appendText appends a text field even if it is empty. s is UTF-8.
func appendText(dst []byte, field int, s string) []byte {
	dst = appendTag(dst, field, wireBytes)
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// AppendBytes appends a field of bytes, unless it is empty.
func AppendBytes(dst []byte, field int, p []byte) []byte {
	if len(p) == 0 {
		return dst
	}
	dst = appendTag(dst, field, wireBytes)
	dst = binary.AppendUvarint(dst, uint64(len(p)))
	return append(dst, p...)
}

// AppendUint appends a varint field, unless it is zero.
func AppendUint(dst []byte, field int, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return binary.AppendUvarint(appendTag(dst, field, wireVarint), v)
}

// AppendSint appends a zig-zag field, unless it is zero.
func AppendSint(dst []byte, field int, v int64) []byte {
	return AppendUint(dst, field, uint64(v<<1)^uint64(v>>63))
}

// AppendBool appends a field, unless it is false.
func AppendBool(dst []byte, field int, v bool) []byte {
	if !v {
		return dst
	}
	return append(appendTag(dst, field, wireVarint), 1)
}

// AppendFixed64 appends a field of eight bytes, unless it is zero.
func AppendFixed64(dst []byte, field int, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return AppendSetFixed64(dst, field, v)
}

// AppendSetFixed64 appends a field of eight bytes whose presence means something.
func AppendSetFixed64(dst []byte, field int, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(appendTag(dst, field, wireFixed64), v)
}

// AppendDouble appends a double field, unless it is zero.
func AppendDouble(dst []byte, field int, v float64) []byte {
	return AppendFixed64(dst, field, math.Float64bits(v))
}

// AppendSetDouble appends a double field whose presence means something.
func AppendSetDouble(dst []byte, field int, v float64) []byte {
	return AppendSetFixed64(dst, field, math.Float64bits(v))
}

// AppendFixed32 appends a field of four bytes, unless it is zero.
func AppendFixed32(dst []byte, field int, v uint32) []byte {
	if v == 0 {
		return dst
	}
	return binary.LittleEndian.AppendUint32(appendTag(dst, field, wireFixed32), v)
}

// AppendPackedCounts appends whole numbers as a packed field of eight bytes each.
func AppendPackedCounts(dst []byte, field int, counts []float64) []byte {
	dst = binary.AppendUvarint(appendTag(dst, field, wireBytes), uint64(8*len(counts)))
	for _, n := range counts {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
	}
	return dst
}

// AppendPackedDoubles appends a packed field of doubles, unless there is none.
func AppendPackedDoubles(dst []byte, field int, values []float64) []byte {
	if len(values) == 0 {
		return dst
	}
	dst = binary.AppendUvarint(appendTag(dst, field, wireBytes), uint64(8*len(values)))
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	return dst
}

// AppendPackedUints appends whole numbers as a packed field of varints.
func AppendPackedUints(dst []byte, field int, counts []float64) []byte {
	dst, whole := Begin(dst, field, Medium)
	for _, n := range counts {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	return End(dst, whole)
}

func appendTag(dst []byte, field, wire int) []byte {
	return binary.AppendUvarint(dst, uint64(field)<<3|uint64(wire))
}

// Mark is where a message begins whose length is not known yet.
type Mark struct {
	content int // offset of its first byte
	room    int // bytes that are kept free for its length before that
}

// Room for the lengths of messages, in bytes. More or less is put right by End, at the cost of moving the message.
const (
	Small  = 1 // below 128 bytes
	Medium = 2 // below 16 kB
	Large  = 3 // below 2 MB
)

// Begin opens a message under field. Close it with End, inner ones first.
func Begin(dst []byte, field, room int) ([]byte, Mark) {
	dst = appendTag(dst, field, wireBytes)
	for range room {
		dst = append(dst, 0)
	}
	return dst, Mark{len(dst), room}
}

// End writes the length of the message that began at m and ends with dst.
func End(dst []byte, m Mark) []byte {
	size := len(dst) - m.content
	n := uvarintSize(uint64(size))
	if n > m.room {
		for range n - m.room {
			dst = append(dst, 0)
		}
	}
	begin := m.content - m.room
	if n != m.room {
		copy(dst[begin+n:], dst[m.content:m.content+size])
		dst = dst[:begin+n+size]
	}
	binary.PutUvarint(dst[begin:], uint64(size))
	return dst
}

func uvarintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
