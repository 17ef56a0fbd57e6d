package apmstats

import (
	"encoding/binary"
	"math"
)

// sketch counts durations in the bins of a DDSketch with a relative accuracy of 1 % and at most maxBins bins, in ns. Its zero value is empty.
//
// It is sparse, so that what it costs is bounded by what was put into it, and is made dense when it is encoded.
type sketch struct {
	zeros uint64 // durations of 0
	bins  []bin  // by index
}

// bin is one bin. Durations are whole ns below 2^63, so their indices are from 0 to 2183.
type bin struct {
	index uint16
	count uint32
}

// maxBins is how many bins there are from the first to the last. What is below goes into the first.
const maxBins = 2048

// gamma is by how much the bound of a bin is above that of the bin before it, and toIndex the factor from the logarithm of a value to the
// index of its bin: github.com/DataDog/sketches-go, LogarithmicMapping. They are computed at run time, as there, to be equal to the last bit.
var gamma, toIndex = func(accuracy float64) (gamma, toIndex float64) {
	gamma = (1 + accuracy) / (1 - accuracy)
	return gamma, 1 / math.Log(gamma)
}(0.01)

// roughly keeps 9 bits of the fraction of a duration, as Datadog's agent does.
func roughly(ns int64) float64 {
	const mask = 0xfffff80000000000
	return math.Float64frombits(math.Float64bits(float64(ns)) & mask)
}

// add counts one duration, which is not negative.
func (s *sketch) add(ns int64) {
	if ns <= 0 {
		s.zeros++
		return
	}
	index := uint16(math.Log(roughly(ns)) * toIndex)
	lo, hi := 0, len(s.bins)
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); s.bins[mid].index < index {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(s.bins) && s.bins[lo].index == index {
		if s.bins[lo].count < math.MaxUint32 {
			s.bins[lo].count++
		}
		return
	}
	s.bins = append(s.bins, bin{})
	copy(s.bins[lo+1:], s.bins[lo:])
	s.bins[lo] = bin{index, 1}
}

// reset empties the sketch and keeps its memory.
func (s *sketch) reset() { s.zeros, s.bins = 0, s.bins[:0] }

// first and width are the bins that are sent.
func (s *sketch) first() (first, width int) {
	if len(s.bins) == 0 {
		return 0, 0
	}
	first, last := int(s.bins[0].index), int(s.bins[len(s.bins)-1].index)
	first = max(first, last-maxBins+1)
	return first, last - first + 1
}

// sketchMapping is DDSketch.mapping with its tag and length: IndexMapping{gamma}; its other fields are 0.
var sketchMapping = binary.LittleEndian.AppendUint64([]byte{1<<3 | 2, 9, 1<<3 | 1}, math.Float64bits(gamma))

// appendTo appends the sketch as protobuf.
//
//	message DDSketch { IndexMapping mapping = 1; Store positiveValues = 2; Store negativeValues = 3; double zeroCount = 4; }
//	message IndexMapping { double gamma = 1; double indexOffset = 2; Interpolation interpolation = 3; }
//	message Store { map<sint32, double> binCounts = 1; repeated double contiguousBinCounts = 2 [packed = true]; sint32 contiguousBinIndexOffset = 3; }
//	sketches-go, ddsketch/pb
func (s *sketch) appendTo(dst []byte) []byte {
	dst = append(dst, sketchMapping...)
	first, width := s.first()
	dst = binary.AppendUvarint(append(dst, 2<<3|2), uint64(storeSize(first, width)))
	if width > 0 {
		dst = binary.AppendUvarint(append(dst, 2<<3|2), uint64(8*width))
		at := len(dst)
		dst = append(dst, make([]byte, 8*width)...)
		i, low := 0, uint64(0)
		for ; i < len(s.bins) && int(s.bins[i].index) <= first; i++ {
			low += uint64(s.bins[i].count)
		}
		putFloat(dst[at:], float64(low))
		for ; i < len(s.bins); i++ {
			putFloat(dst[at+8*(int(s.bins[i].index)-first):], float64(s.bins[i].count))
		}
		if first != 0 {
			dst = binary.AppendVarint(append(dst, 3<<3), int64(first))
		}
	}
	dst = append(dst, 3<<3|2, 0)
	if s.zeros != 0 {
		dst = binary.LittleEndian.AppendUint64(append(dst, 4<<3|1), math.Float64bits(float64(s.zeros)))
	}
	return dst
}

func putFloat(dst []byte, f float64) { binary.LittleEndian.PutUint64(dst, math.Float64bits(f)) }

// size is how many bytes appendTo appends.
func (s *sketch) size() int {
	n := storeSize(s.first())
	n += len(sketchMapping) + 1 + uvarintSize(n) + 2
	if s.zeros != 0 {
		n += 9
	}
	return n
}

func storeSize(first, width int) int {
	if width == 0 {
		return 0
	}
	n := 1 + uvarintSize(8*width) + 8*width
	if first != 0 {
		n += 1 + uvarintSize(2*first)
	}
	return n
}

func uvarintSize(n int) int {
	size := 1
	for ; n >= 1<<7; n >>= 7 {
		size++
	}
	return size
}
