package metrics

import (
	"encoding/binary"
	"slices"
)

// maxVarint16 is the most bytes that the varint of an uint16 has.
const maxVarint16 = 3

// encodeBins returns the keys (sint32) and the counts (uint32) of the bins as packed varints. They are valid until the next call.
func (s *sketch) encodeBins() (keys, counts []byte) {
	room := maxVarint16 * len(s.bins)
	keys = slices.Grow(s.keyBytes[:0], room)[:room]
	counts = slices.Grow(s.countBytes[:0], room)[:room]
	k, c := 0, 0
	for _, bin := range s.bins {
		key := uint16(bin.key<<1) ^ uint16(bin.key>>15) // zigzag
		if key-1<<7 < 1<<14-1<<7 && bin.n < 1<<7 {      // as most are: two bytes and one
			binary.LittleEndian.PutUint16(keys[k:], key&0x7f|0x80|key>>7<<8)
			counts[c] = byte(bin.n)
			k, c = k+2, c+1
			continue
		}
		k += putVarint16(keys[k:], key)
		c += putVarint16(counts[c:], bin.n)
	}
	s.keyBytes, s.countBytes = keys, counts
	return keys[:k], counts[:c]
}

// putVarint16 writes the varint of v at the start of dst, which has room for the longest one, and returns its length.
func putVarint16(dst []byte, v uint16) int {
	_ = dst[maxVarint16-1]
	if v < 1<<7 {
		dst[0] = byte(v)
		return 1
	}
	dst[0], dst[1] = byte(v)|0x80, byte(v>>7)
	if v < 1<<14 {
		return 2
	}
	dst[1], dst[2] = dst[1]|0x80, byte(v>>14)
	return 3
}
