package metrics

import "math"

// overlaps calls add for each bin of the agent sketch's mapping that the bucket from low to high overlaps, with the share of the bucket that is in it.
func overlaps(low, high bound, add func(out int, share float64)) {
	width := high.value - low.value
	out := low.index
	for outLow := indexBound(out); outLow < high.value; out++ {
		outHigh := indexBound(out + 1)
		// Neither is NaN, so that comparisons do what min and max do.
		from, upTo := outLow, outHigh
		if from < low.value {
			from = low.value
		}
		if upTo > high.value {
			upTo = high.value
		}
		add(out, (upTo-from)/width)
		outLow = outHigh
	}
}

// shares are the overlaps of a bucket.
type shares struct {
	scale           int32
	n               int32 // 0 for none, and for more than are kept
	bucket          int
	lowest, highest int // indexes of those that are not 0
	first           int // index of the first one
	of              [maxKeptShares]float64
}

// maxKeptShares is enough for scales from 3 up; SDKs seldom have buckets that are wider.
const maxKeptShares = 8

// shareCache remembers the overlaps of buckets from point to point, as boundCache does with bounds. It has 52 KiB.
type shareCache [512]shares

// get returns the overlaps of a bucket, none if they are too many, or all are 0.
func (c *shareCache) get(m mapping, bucket int, low, high bound) *shares {
	sh := &c[uint(bucket)%uint(len(c))]
	if sh.scale == m.scale && sh.bucket == bucket && sh.n > 0 {
		return sh
	}
	*sh = shares{scale: m.scale, bucket: bucket, first: low.index, lowest: math.MaxInt}
	n := int32(0)
	overlaps(low, high, func(out int, share float64) {
		if n < maxKeptShares {
			sh.of[n] = share
		}
		n++
		if share != 0 {
			sh.lowest, sh.highest = min(sh.lowest, out), out
		}
	})
	if n <= maxKeptShares && sh.lowest != math.MaxInt {
		sh.n = n
	}
	return sh
}

// addShares adds the overlaps of a bucket with so many observations, at least one.
func (b *binStore) addShares(sh *shares, count float64) {
	at := sh.first - b.first
	if at+int(sh.n) > len(b.counts) {
		for i, share := range sh.of[:sh.n] {
			b.add(sh.first+i, share*count)
		}
		return
	}
	bins := b.counts[at : at+int(sh.n)]
	for i, share := range sh.of[:sh.n] {
		n := share * count
		bins[i] += n
	}
	b.min, b.max = min(b.min, sh.lowest), max(b.max, sh.highest)
}
