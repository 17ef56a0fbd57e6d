package metrics

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// expoConverter turns exponential histogram buckets into an agent sketch by the steps of Datadog's own conversion: the
// buckets are bins of a logarithmic index mapping; they are spread over the bins of another one, that of the agent sketch;
// and the fractions that come of it are rounded so that their total stays.
//
// The formulas, and their order of evaluation, are those of github.com/DataDog/sketches-go (ddsketch.ChangeMapping,
// mapping.LogarithmicMapping) and datadog-agent's pkg/util/quantile, so that results are equal to the last bit.
type expoConverter struct {
	positive, negative binStore
	bounds             boundCache
	shares             shareCache
	last               mapping // of the point before; most points have the same scale
}

// The index mapping of the agent sketch. It rounds down where the sketch rounds to nearest, hence the half.
const sketchIndexOffset = sketchBias + 0.5

var (
	sketchMultiplier = 1 / math.Log(sketchGamma)
	sketchAccuracy   = 1 - 2/(1+float64(sketchGamma))
	// Above it the mapping has no index; below tinyValue it has none either, and values count as zero.
	hugeValue   = math.Exp(7.094361393031e+02) / (2 * sketchGamma) * (sketchGamma + 1)
	tinyValue   = 2.2250738585072014e-308 * sketchGamma
	indexBounds = func() (lows [4096]float64) {
		for i := range lows {
			lows[i] = computeIndexBound(i)
		}
		return lows
	}()
)

func computeIndexBound(index int) float64 {
	return math.Exp((float64(index) - sketchIndexOffset) / sketchMultiplier)
}

// indexBound is the lower bound of an index of the agent sketch's mapping.
func indexBound(index int) float64 {
	if index >= 0 && index < len(indexBounds) {
		return indexBounds[index]
	}
	return computeIndexBound(index)
}

func indexValue(index int) float64 { return indexBound(index) * (1 + sketchAccuracy) }

// sketchIndex is the index of a positive finite value.
func sketchIndex(v float64) int {
	index := math.Log(v)*sketchMultiplier + sketchIndexOffset
	if index >= 0 {
		return int(index)
	}
	return int(index) - 1
}

// convert fills s with the buckets of p, of total observations. The statistics are estimates; count, sum and average are
// left out unless estimate is set. It reports false when the buckets lie outside what a sketch can hold, or all of them
// are too small for a float64.
func (c *expoConverter) convert(s *sketch, p pmetric.ExponentialHistogramDataPoint, total float64, estimate bool) bool {
	in := c.last
	if in.scale != p.Scale() || in.gamma == 0 {
		in = expoMapping(p.Scale())
		c.last = in
	}
	if !(in.gamma > 1) {
		return false // the scale is too fine to tell bounds apart
	}
	c.positive.clear()
	c.negative.clear()
	zeros := float64(p.ZeroCount())
	if !c.boundsAreFinite(p.Positive(), in) || !c.boundsAreFinite(p.Negative(), in) {
		return false
	}
	if v, ok := in.onlyValue(p); total != 1 || !ok {
		c.spread(&c.positive, p.Positive(), in)
		c.spread(&c.negative, p.Negative(), in)
	} else if v > tinyValue {
		c.positive.addOne(sketchIndex(v))
	} else if v < -tinyValue {
		c.negative.addOne(sketchIndex(-v))
	} else {
		zeros = 1
	}

	switch {
	case c.positive.used():
		s.max = indexValue(c.positive.max)
	case zeros > 0:
		s.max = 0
	case c.negative.used():
		s.max = -indexValue(c.negative.min)
	default:
		return false
	}
	switch {
	case c.negative.used():
		s.min = -indexValue(c.negative.max)
	case zeros > 0:
		s.min = 0
	default:
		s.min = indexValue(c.positive.min)
	}
	if !c.fill(s, zeros) {
		return false
	}
	if estimate {
		s.sum = 0
		for i, n := range c.positive.counts {
			if n > 0 {
				s.sum += indexValue(c.positive.first+i) * n
			}
		}
		for i, n := range c.negative.counts {
			if n > 0 {
				s.sum += -indexValue(c.negative.first+i) * n
			}
		}
		s.avg = s.sum / float64(s.cnt)
	}
	return true
}

// fill rounds the spread counts into the bins of s, in ascending order of their keys. Indexes from 0 down are values below
// the smallest key: they are zeros. It reports false for an index that is no key.
func (c *expoConverter) fill(s *sketch, zeros float64) bool {
	if c.positive.highest() > maxKey || c.negative.highest() > maxKey {
		return false
	}
	tiny := c.positive.smallerThan(1, 0)
	zeros += c.negative.smallerThan(1, tiny)

	bins, cnt, running := s.bins[:0], int64(0), 0.0
	emit := func(key int, n float64) {
		running += n
		if whole := roundPositive(running) - cnt; whole > 0 {
			bins = appendBins(bins, key, int(whole))
			cnt += whole
		}
	}
	for i := len(c.negative.counts) - 1; i >= 0; i-- {
		if index, n := c.negative.first+i, c.negative.counts[i]; index >= 1 && n > 0 {
			emit(-index, n)
		}
	}
	if zeros != 0 {
		emit(0, zeros)
	}
	for i, n := range c.positive.counts {
		if index := c.positive.first + i; index >= 1 && n > 0 {
			emit(index, n)
		}
	}
	s.bins, s.cnt = trim(bins), cnt
	return true
}

// roundPositive rounds a positive number half up, as math.Round does.
func roundPositive(f float64) int64 {
	if !(f < 1<<52) {
		return int64(math.Round(f))
	}
	return (int64(f+f) + 1) >> 1 // twice f is exact
}

// size is how many bins the converter keeps room for.
func (c *expoConverter) size() int { return cap(c.positive.counts) + cap(c.negative.counts) }

// mapping is the index mapping of an exponential histogram: bucket i holds values in (gamma^i, gamma^(i+1)].
type mapping struct {
	scale             int32
	gamma, multiplier float64
}

func expoMapping(scale int32) mapping {
	gamma := math.Pow(2, math.Pow(2, float64(-scale)))
	return mapping{scale, gamma, 1 / math.Log(gamma)}
}

func (m mapping) lowerBound(index int) float64 { return math.Exp(float64(index) / m.multiplier) }

// boundsAreFinite reports whether the populated buckets lie between finite bounds. Bounds of zero are finite.
func (c *expoConverter) boundsAreFinite(b pmetric.ExponentialHistogramDataPointBuckets, m mapping) bool {
	lowest, highest, ok := populated(b)
	return !ok || finite(c.bounds.get(m, lowest).value) && finite(c.bounds.get(m, highest+1).value)
}

// populated are the indexes of the first and last bucket of b with an observation.
func populated(b pmetric.ExponentialHistogramDataPointBuckets) (lowest, highest int, ok bool) {
	counts, offset := b.BucketCounts(), int(b.Offset())
	for i := range counts.Len() {
		if counts.At(i) == 0 {
			continue
		}
		if !ok {
			lowest, ok = offset+i, true
		}
		highest = offset + i
	}
	return lowest, highest, ok
}

// onlyValue is the value of a point's only observation, as the middle of its bucket. It is not ok out of range.
func (m mapping) onlyValue(p pmetric.ExponentialHistogramDataPoint) (v float64, ok bool) {
	accuracy := 1 - 2/(1+m.gamma)
	if index, _, ok := populated(p.Positive()); ok {
		v = m.lowerBound(index) * (1 + accuracy)
	} else if index, _, ok := populated(p.Negative()); ok {
		v = -m.lowerBound(index) * (1 + accuracy)
	}
	return v, math.Abs(v) <= hugeValue
}

// spread puts the buckets of b into the bins of the agent sketch's mapping that they overlap, each in proportion to the
// overlap. A bucket whose lower bound is too small for a float64 is lost.
func (c *expoConverter) spread(to *binStore, b pmetric.ExponentialHistogramDataPointBuckets, m mapping) {
	lowest, highest, ok := populated(b)
	if !ok {
		return
	}
	bottom, top := c.bounds.get(m, lowest), c.bounds.get(m, highest+1)
	if top.value == 0 {
		return
	}
	// The logarithm may be off by one index from the exponential: one bin of room on either side.
	to.open(bottom.index-1, top.index+1)
	counts, offset := b.BucketCounts(), int(b.Offset())
	low, at := bottom, lowest // low is the lower bound of bucket at
	for bucket := lowest; bucket <= highest; bucket++ {
		count := float64(counts.At(bucket - offset))
		if count == 0 {
			continue
		}
		if at != bucket {
			low = c.bounds.get(m, bucket)
		}
		high := c.bounds.get(m, bucket+1)
		if low.value != 0 {
			if sh := c.shares.get(m, bucket, low, high); sh.n > 0 {
				to.addShares(sh, count)
			} else {
				overlaps(low, high, func(out int, share float64) { to.add(out, share*count) })
			}
		}
		low, at = high, bucket+1
	}
}

// bound is the lower bound of a bucket, and its index in the mapping of the agent sketch. For a bound of zero that is the
// index of the smallest float64.
type bound struct {
	scale  int32
	bucket int
	value  float64
	index  int
}

// boundCache remembers bounds from point to point: the points of a metric, and of a service, mostly have the same scale.
type boundCache [1024]bound

func (c *boundCache) get(m mapping, bucket int) bound {
	b := &c[uint(bucket)%uint(len(c))]
	if b.scale != m.scale || b.bucket != bucket || b.index == 0 { // an index of 0 is not remembered
		value := m.lowerBound(bucket)
		*b = bound{m.scale, bucket, value, sketchIndex(max(value, math.SmallestNonzeroFloat64))}
	}
	return *b
}

// binStore holds counts, as fractions, of consecutive indexes.
type binStore struct {
	counts   []float64 // of the indexes from first on
	first    int
	min, max int // the outermost indexes that something was added to
}

func (b *binStore) clear() {
	b.counts = b.counts[:0]
	b.min, b.max = math.MaxInt, math.MinInt
}

// used reports whether something was added.
func (b *binStore) used() bool { return b.min <= b.max }

// open makes room for the indexes from first to last.
func (b *binStore) open(first, last int) {
	n := last - first + 1
	if cap(b.counts) < n {
		b.counts = make([]float64, n)
	}
	b.counts, b.first = b.counts[:n], first
	clear(b.counts)
}

func (b *binStore) addOne(index int) {
	b.open(index, index)
	b.add(index, 1)
}

func (b *binStore) add(index int, count float64) {
	if count == 0 {
		return
	}
	for index-b.first >= len(b.counts) { // the exponential is inexact where values are subnormal
		b.counts = append(b.counts, 0)
	}
	b.counts[index-b.first] += count
	b.min, b.max = min(b.min, index), max(b.max, index)
}

// highest is the highest index with a count, or below all.
func (b *binStore) highest() int {
	for i := len(b.counts) - 1; i >= 0; i-- {
		if b.counts[i] > 0 {
			return b.first + i
		}
	}
	return math.MinInt
}

// smallerThan adds the counts below index to sum, from the lowest up.
func (b *binStore) smallerThan(index int, sum float64) float64 {
	for i, n := range b.counts {
		if b.first+i >= index {
			break
		}
		if n > 0 {
			sum += n
		}
	}
	return sum
}
