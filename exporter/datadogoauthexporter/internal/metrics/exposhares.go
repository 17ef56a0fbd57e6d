package metrics

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
	scale  int32
	n      int32 // 0 for none, and for more than are kept
	bucket int
	first  int // index of the first one
	of     [maxKeptShares]float64
}

// maxKeptShares is enough for scales from 3 up; SDKs seldom have buckets that are wider.
const maxKeptShares = 8

// shareCache remembers the overlaps of buckets from point to point, as boundCache does with bounds. It has 45 KiB.
type shareCache [512]shares

// get returns the overlaps of a bucket, none if they are too many.
func (c *shareCache) get(m mapping, bucket int, low, high bound) *shares {
	sh := &c[uint(bucket)%uint(len(c))]
	if sh.scale == m.scale && sh.bucket == bucket && sh.n > 0 {
		return sh
	}
	sh.scale, sh.bucket, sh.first, sh.n = m.scale, bucket, low.index, 0
	n := int32(0)
	overlaps(low, high, func(_ int, share float64) {
		if n < maxKeptShares {
			sh.of[n] = share
		}
		n++
	})
	if n <= maxKeptShares {
		sh.n = n
	}
	return sh
}

// addShares adds the overlaps of a bucket with so many observations.
func (b *binStore) addShares(sh *shares, count float64) {
	at := sh.first - b.first
	if at+int(sh.n) > len(b.counts) {
		for i, share := range sh.of[:sh.n] {
			b.add(sh.first+i, share*count)
		}
		return
	}
	bins, total := b.counts[at:at+int(sh.n)], b.total
	lowest, highest := -1, -1
	for i, share := range sh.of[:sh.n] {
		if n := share * count; n != 0 {
			bins[i] += n
			total += n
			if highest = i; lowest < 0 {
				lowest = i
			}
		}
	}
	b.total = total
	if lowest >= 0 {
		b.min, b.max = min(b.min, sh.first+lowest), max(b.max, sh.first+highest)
	}
}
