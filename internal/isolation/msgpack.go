package isolation

import "encoding/binary"

// msgpack reads values one after the other. After what is none of those that are read it is bad.
type msgpack struct {
	rest []byte
	bad  bool
}

type packedKind uint8

const (
	packedPlain  packedKind = iota // nil, true, false
	packedNumber                   // an integer that is not negative
	packedText
	packedBytes
	packedArray
	packedMap
)

// packedValue is one value. The elements of an array, and the keys and values of a map, come after it.
type packedValue struct {
	kind   packedKind
	number uint64 // or how many elements or entries
	text   []byte
}

// next reads one value. https://github.com/msgpack/msgpack/blob/master/spec.md
func (m *msgpack) next() packedValue {
	switch b := byte(m.uint(1)); {
	case b < 0x80:
		return packedValue{kind: packedNumber, number: uint64(b)}
	case b < 0x90:
		return packedValue{kind: packedMap, number: uint64(b & 0x0f)}
	case b < 0xa0:
		return packedValue{kind: packedArray, number: uint64(b & 0x0f)}
	case b < 0xc0:
		return packedValue{kind: packedText, text: m.bytes(uint64(b & 0x1f))}
	case b == 0xc0, b == 0xc2, b == 0xc3:
		return packedValue{}
	case b >= 0xc4 && b <= 0xc6:
		return packedValue{kind: packedBytes, text: m.bytes(m.uint(1 << (b - 0xc4)))}
	case b >= 0xcc && b <= 0xcf:
		return packedValue{kind: packedNumber, number: m.uint(1 << (b - 0xcc))}
	case b >= 0xd9 && b <= 0xdb:
		return packedValue{kind: packedText, text: m.bytes(m.uint(1 << (b - 0xd9)))}
	case b == 0xdc, b == 0xdd:
		return packedValue{kind: packedArray, number: m.uint(2 << (b - 0xdc))}
	case b == 0xde, b == 0xdf:
		return packedValue{kind: packedMap, number: m.uint(2 << (b - 0xde))}
	default:
		m.bad = true
		return packedValue{}
	}
}

func (m *msgpack) bytes(n uint64) []byte {
	if uint64(len(m.rest)) < n {
		m.bad = true
		return nil
	}
	out := m.rest[:n]
	m.rest = m.rest[n:]
	return out
}

func (m *msgpack) uint(size uint64) uint64 {
	var wide [8]byte
	copy(wide[8-size:], m.bytes(size))
	return binary.BigEndian.Uint64(wide[:])
}
