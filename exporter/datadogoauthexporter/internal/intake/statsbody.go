package intake

import "encoding/binary"

// StatsEnvelope is what surrounds the items of Stats: the msgpack map of a StatsPayload up to the array of its stats, and from there up to the
// value of its last key, SplitPayload.
type StatsEnvelope struct {
	Before, After []byte
}

// StatsItemMark begins an item of Stats, a map of 16 keys. An item that is one of several, which do not fit one body together, says so by the
// longer of two forms of the same map header: it is the only thing that whoever frames a body has to know of an item.
func StatsItemMark(split bool) string {
	if split {
		return "\xdf\x00\x00\x00\x10" // map 32
	}
	return "\xde\x00\x10" // map 16
}

const splitStatsItem = 0xdf

// frame returns what surrounds the items of p on the wire.
func (e *StatsEnvelope) frame(p *Payload) (prefix, suffix []byte) {
	prefix = make([]byte, 0, len(e.Before)+5)
	prefix = append(append(prefix, e.Before...), 0xdd) // array 32
	prefix = binary.BigEndian.AppendUint32(prefix, uint32(len(p.Items)))
	split, begin := byte(0xc2), uint32(0)
	for i := range p.Items {
		if p.Body[begin] == splitStatsItem {
			split = 0xc3
		}
		begin = p.Items[i].End
	}
	suffix = append(make([]byte, 0, len(e.After)+1), e.After...)
	return prefix, append(suffix, split)
}

// bytes is how much longer a framed body is than its items.
func (e *StatsEnvelope) bytes() int { return len(e.Before) + 5 + len(e.After) + 1 }
