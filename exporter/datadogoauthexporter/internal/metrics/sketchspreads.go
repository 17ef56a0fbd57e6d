package metrics

import "math"

// maxKeptSpread is the most observations of a spread that is kept.
const maxKeptSpread = 32

// spreads keeps what few observations of a bucket become, from point to point: most points of a metric have the same bounds, and
// most of their buckets few observations in one interval. It has 60 KiB.
type spreads [512]keptSpread

// keptSpread is the result of one call of sketch.spread. The bounds are bits, since NaN is not equal to itself.
type keptSpread struct {
	lower, upper uint64
	first, last  int16
	n            uint8 // 0 for none
	length       uint8
	keys         [maxKeptSpread]int16
	counts       [maxKeptSpread]uint8
}

// spreadSmall does what spread does, for n of at most maxKeptSpread.
func (s *sketch) spreadSmall(lower, upper float64, first, last, n int) {
	if s.small == nil {
		s.small = new(spreads)
	}
	l, u := math.Float64bits(lower), math.Float64bits(upper)
	slot := ((l*31+u)*31 + uint64(n)) * 0x9e3779b97f4a7c15 >> 55 // 9 bits
	kept := &s.small[slot]
	if kept.n == uint8(n) && kept.lower == l && kept.upper == u && kept.first == int16(first) && kept.last == int16(last) {
		s.incoming = s.incoming[:0]
		for i, key := range kept.keys[:kept.length] {
			s.incoming = append(s.incoming, keyCount{int(key), int(kept.counts[i])})
		}
		return
	}
	s.spread(lower, upper, first, last, n)
	kept.lower, kept.upper, kept.first, kept.last = l, u, int16(first), int16(last)
	kept.n, kept.length = uint8(n), uint8(len(s.incoming))
	for i, in := range s.incoming { // no more than n
		kept.keys[i], kept.counts[i] = int16(in.key), uint8(in.n)
	}
}
