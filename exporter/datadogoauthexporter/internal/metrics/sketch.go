package metrics

import "math"

// sketch is Datadog's agent sketch: sorted bins of a logarithmic scale, and basic statistics beside them.
//
// The zero value is an empty sketch. It is reused from data point to data point.
type sketch struct {
	bins               []bin
	cnt                int64
	min, max, sum, avg float64
	exact              bool // sum and avg are known otherwise and not estimated
	incoming           []keyCount
	small              *spreads
	above              []bin  // scratch of insert
	keyBytes           []byte // bins in wire form
	countBytes         []byte
}

// bin counts the observations of one key. Where they are too many for n, several bins have the same key: first the
// remainder, then full ones.
type bin struct {
	key int16
	n   uint16
}

// keyCount is a number of observations still to be put into bins.
type keyCount struct {
	key int
	n   int
}

func (s *sketch) reset() {
	s.bins, s.cnt = s.bins[:0], 0
	s.min, s.max, s.sum, s.avg, s.exact = 0, 0, 0, 0, false
}

// observe takes n observations of v into the statistics.
func (s *sketch) observe(v float64, n int) {
	f := float64(n)
	if s.cnt == 0 {
		s.cnt, s.min, s.max, s.sum, s.avg = int64(n), v, v, f*v, v
		return
	}
	s.min, s.max = lesser(v, s.min), greater(v, s.max)
	s.cnt += int64(n)
	s.sum += f * v
	s.avg += (v - s.avg) * f / float64(s.cnt)
}

func lesser(v, old float64) float64 {
	if v < old {
		return v
	}
	return old
}

func greater(v, old float64) float64 {
	if v > old {
		return v
	}
	return old
}

// interpolate spreads n observations over [lower, upper], by bin in proportion to the bin's share of the range. first and
// last are the finite keys of the bounds. It reports false, and does nothing, when last is below first. Both n and its sum
// over all calls are at most maxSketchCnt.
func (s *sketch) interpolate(lower, upper float64, first, last, n int) bool {
	if last < first {
		return false
	}
	if n == 0 {
		return true
	}
	if n <= maxKeptSpread {
		s.spreadSmall(lower, upper, first, last, n)
	} else {
		s.spread(lower, upper, first, last, n)
	}
	if s.exact {
		low, high := binLow(s.incoming[0].key), binLow(s.incoming[len(s.incoming)-1].key)
		if s.cnt == 0 {
			s.min, s.max = low, high
		}
		s.min, s.max = lesser(low, s.min), greater(high, s.max)
		s.cnt += int64(n)
	} else {
		for _, in := range s.incoming {
			s.observe(binLow(in.key), in.n)
		}
	}
	s.insert()
	return true
}

// spread fills incoming with the n observations of a range, at least one, in ascending order of keys. See interpolate.
func (s *sketch) spread(lower, upper float64, first, last, n int) {
	if width := upper - lower; isDense(width, first, last, n) {
		s.spreadDense(width, first, last, n)
	} else {
		s.spreadSparse(width, first, last, n)
	}
}

// isDense says that the first bin has a share of one observation, and so each has, since bins of ordinary keys grow.
func isDense(width float64, first, last, n int) bool {
	return first >= 1 && first < last && last < len(binLows) && (binLows[first+1]-binLows[first])*float64(n) >= width*(1+1e-9)
}

// spreadSparse is spread for any range.
func (s *sketch) spreadSparse(width float64, first, last, n int) {
	out := s.incoming[:0]
	total, carried := float64(n), 0.0
	left, key, low := n, first, binLow(first)
	for next := first + 1; next <= last && left > 0; next++ {
		if carried <= 1 && next > 0 {
			// Skip the bins at which the share is surely below one, for less than the price of working it out.
			for next < last && next < len(binLows) && (binLows[next]-low)*total < width*(1-1e-9) {
				next++
			}
		}
		var high float64
		if uint(next) < uint(len(binLows)) {
			high = binLows[next]
		} else {
			high = binLow(next)
		}
		// A share below one widens the range until it is one; the fractions of larger ones are carried on.
		share := (high - low) / width * total
		whole := truncate(share)
		if share > 1 {
			carried += share - float64(whole)
		}
		if carried > 1 {
			whole++
			carried--
		}
		if whole <= 0 {
			continue
		}
		take := min(whole, left)
		out = append(out, keyCount{key, take})
		left -= take
		key, low = next, high
	}
	if left > 0 {
		out = append(out, keyCount{key, left})
	}
	s.incoming = out
}

// spreadDense is the same for one that is dense, in which no bin is skipped.
func (s *sketch) spreadDense(width float64, first, last, n int) {
	out := s.incoming[:0]
	total, carried := float64(n), 0.0
	left, key, low := n, first, binLows[first]
	for i, high := range binLows[first+1 : last+1] {
		share := (high - low) / width * total
		whole := truncate(share)
		carried += share - float64(whole)
		if carried > 1 {
			whole++
			carried--
		}
		if whole <= 0 { // the share is more than an integer can be
			continue
		}
		take := min(whole, left)
		out = append(out, keyCount{key, take})
		if left -= take; left == 0 {
			break
		}
		key, low = first+1+i, high
	}
	if left > 0 {
		out = append(out, keyCount{key, left})
	}
	s.incoming = out
}

// truncate converts to an integer as amd64 does: what no integer can hold is the smallest one.
func truncate(f float64) int {
	if f > math.MinInt64 && f < -math.MinInt64 {
		return int(f)
	}
	return math.MinInt64
}

// insert merges incoming, sorted by key and without duplicates, into the bins. Buckets come in ascending order, so as a rule
// there is no bin, or one, from the first incoming key up.
func (s *sketch) insert() {
	at := len(s.bins)
	if first := &s.incoming[0]; at > 0 && int(s.bins[at-1].key) == first.key && (at == 1 || int(s.bins[at-2].key) < first.key) {
		at--
		first.n += int(s.bins[at].n)
		s.bins = s.bins[:at]
	}
	if at == 0 || int(s.bins[at-1].key) < s.incoming[0].key {
		out := s.bins
		for _, in := range s.incoming {
			out = appendBins(out, in.key, in.n)
		}
		s.bins = trim(out)
		return
	}
	for at > 0 && int(s.bins[at-1].key) >= s.incoming[0].key {
		at--
	}
	s.above = append(s.above[:0], s.bins[at:]...)
	out, above := s.bins[:at], s.above
	for _, in := range s.incoming {
		for len(above) > 0 && int(above[0].key) < in.key {
			out, above = append(out, above[0]), above[1:]
		}
		n := in.n
		if len(above) > 0 && int(above[0].key) == in.key {
			n += int(above[0].n) // full bins of the same key follow, and stay behind
			above = above[1:]
		}
		out = appendBins(out, in.key, n)
	}
	s.bins = trim(append(out, above...))
}

func appendBins(dst []bin, key, n int) []bin {
	if n <= maxBinCount {
		return append(dst, bin{int16(key), uint16(n)})
	}
	if r := n % maxBinCount; r != 0 {
		dst = append(dst, bin{int16(key), uint16(r)})
	}
	for range n / maxBinCount {
		dst = append(dst, bin{int16(key), maxBinCount})
	}
	return dst
}

// trim folds the lowest bins upward until maxBins are left, not counting the full bins that the folding leaves in front.
func trim(bins []bin) []bin {
	if len(bins) <= maxBins {
		return bins
	}
	drop := len(bins) - maxBins
	var full []bin
	folded := 0
	for _, b := range bins[:drop] {
		if folded += int(b.n); folded > maxBinCount {
			full = append(full, bin{b.key, maxBinCount})
			folded -= maxBinCount
		}
	}
	first := &bins[drop]
	if folded += int(first.n); folded > maxBinCount {
		first.n = maxBinCount
		full = appendBins(full, int(first.key), folded-maxBinCount)
	} else {
		first.n = uint16(folded)
	}
	if len(full) > drop {
		return append(full, bins[drop:]...)
	}
	return append(bins[:copy(bins, full)], bins[drop:]...)
}
