package metrics

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSketchKey(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]int{
		1: 1338, 2: 1383, 0.5: 1293, 10: 1487, 100: 1635, 1e6: 2229, 1e-9: 1, -1: -1338,
		0: 0, 1e-10: 0, -1e-10: 0, 1e300: infKey, -1e300: -infKey,
		math.Inf(1): 1, math.Inf(-1): -1,
	} {
		if got := sketchKey(v); got != want {
			t.Errorf("sketchKey(%g) = %d, want %d", v, got, want)
		}
	}
}

// TestInterpolate has the values that Datadog's own sketch gives for one insertion into an empty sketch.
func TestInterpolate(t *testing.T) {
	t.Parallel()
	ones := func(n int) []int { return slices.Repeat([]int{1}, n) }
	for _, c := range []struct {
		lower, upper  float64
		n             int
		keys, counts  []int
		min, max, sum float64
	}{
		{1, 2, 10, []int{1338, 1345, 1351, 1357, 1362, 1367, 1371, 1375, 1379}, append(ones(8), 2),
			1, 1.8882899817815588, 14.918342551696389},
		{5, 10, 3, []int{1442, 1461, 1476}, ones(3), 5.015009921317152, 8.49584943066518, 20.243819858747965},
		{-10, -5, 7, []int{-1487, -1482, -1476, -1470, -1463, -1455, -1447}, ones(7),
			-10.075671884115119, -5.419244054692126, -54.135922623759505},
		{-5, 5, 11, []int{-1442, -1429, -1412, -1390, -1356, -1280, 1294, 1361, 1393, 1415, 1431}, ones(11),
			-5.015009921317152, 4.228677717460668, -4.424128355255814},
		{100, 100, 4, []int{1635}, []int{4}, 99.95733062532716, 99.95733062532716, 399.82932250130864},
		{math.Inf(-1), math.Inf(-1), 2, []int{-1}, []int{2},
			-9.941854089121368e-10, -9.941854089121368e-10, -2 * 9.941854089121368e-10},
	} {
		var s sketch
		if !s.interpolate(c.lower, c.upper, finiteKey(c.lower), finiteKey(c.upper), c.n) {
			t.Errorf("(%g, %g] × %d: refused", c.lower, c.upper, c.n)
			continue
		}
		var keys, counts []int
		for _, b := range s.bins {
			keys, counts = append(keys, int(b.key)), append(counts, int(b.n))
		}
		if !slices.Equal(keys, c.keys) || !slices.Equal(counts, c.counts) {
			t.Errorf("(%g, %g] × %d: bins %v %v, want %v %v", c.lower, c.upper, c.n, keys, counts, c.keys, c.counts)
		}
		if s.min != c.min || s.max != c.max || s.sum != c.sum || s.cnt != int64(c.n) {
			t.Errorf("(%g, %g] × %d: min %v max %v sum %v cnt %d, want %v %v %v",
				c.lower, c.upper, c.n, s.min, s.max, s.sum, s.cnt, c.min, c.max, c.sum)
		}
	}
	var s sketch
	if s.interpolate(10, 5, finiteKey(10), finiteKey(5), 1) {
		t.Error("bounds that fall are accepted")
	}
}

// TestDenseSpreadsAreTheSame spreads what is dense, and nearly so, in both ways.
func TestDenseSpreadsAreTheSame(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	var dense, sparse sketch
	count := 0
	for range 100_000 {
		lower := math.Exp(8 * r.NormFloat64())
		upper := lower * (1 + math.Exp(3*r.NormFloat64()-2))
		first, last, n := finiteKey(lower), finiteKey(upper), 1+int(math.Exp(12*r.Float64()))
		if !isDense(upper-lower, first, last, n) {
			continue
		}
		count++
		dense.spreadDense(upper-lower, first, last, n)
		sparse.spreadSparse(upper-lower, first, last, n)
		if !slices.Equal(dense.incoming, sparse.incoming) {
			t.Fatalf("(%g, %g] × %d: %v, want %v", lower, upper, n, dense.incoming, sparse.incoming)
		}
	}
	if count < 20_000 {
		t.Errorf("%d were dense", count)
	}
}

// TestInsertKeepsTheOrder merges what comes in no order, with keys whose observations overflow a bin.
func TestInsertKeepsTheOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	want := map[int]int{}
	var s sketch
	for range 300 {
		v, n := math.Exp(r.NormFloat64()), 1+r.IntN(100_000)
		s.interpolate(v, v, sketchKey(v), sketchKey(v), n)
		want[sketchKey(v)] += n
	}
	got := map[int]int{}
	for i, b := range s.bins {
		got[int(b.key)] += int(b.n)
		switch {
		case i == 0 || b.key > s.bins[i-1].key:
		case b.key < s.bins[i-1].key, b.n != maxBinCount:
			t.Fatalf("bin %d (%v) follows %v", i, b, s.bins[i-1])
		}
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("key %d has %d observations, want %d", k, got[k], n)
		}
	}
}

func TestTrimFoldsTheLowestBinsUpward(t *testing.T) {
	t.Parallel()
	var bins []bin
	for k := range 2 * maxBins {
		bins = append(bins, bin{int16(k), 40})
	}
	bins[maxBins-1].n = maxBinCount // makes the folding overflow
	bins = trim(bins)
	// 4095 bins of 40 (163,800) and a full one are folded: 3 × 65,535 in full, and a rest of 32,730 joins key 4096.
	total := 0
	for _, b := range bins {
		total += int(b.n)
	}
	if want := (2*maxBins-1)*40 + maxBinCount; total != want {
		t.Errorf("%d observations are left, want %d", total, want)
	}
	if len(bins) != maxBins+3 || bins[3] != (bin{maxBins, 32_730 + 40}) || bins[2] != (bin{maxBins - 1, maxBinCount}) {
		t.Errorf("%d bins are left, beginning with %v", len(bins), bins[:5])
	}
}

func TestNumberText(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{
		1: "1.0", 0.5: "0.5", 100: "100.0", 1e21: "1e+21.0", 1e-05: "1e-05", 123456: "123456.0", 1000000: "1e+06.0",
		123456789: "1.23456789e+08.0", 0: "0", math.Copysign(0, -1): "0", math.Inf(1): "inf", math.Inf(-1): "-inf",
	} {
		if got := string(appendNumberText(nil, f)); got != want {
			t.Errorf("%g is %q, want %q", f, got, want)
		}
	}
	if got := string(appendNumberText(nil, math.NaN())); got != "nan" {
		t.Errorf("NaN is %q", got)
	}
}

func TestUnit(t *testing.T) {
	t.Parallel()
	for unit, want := range map[string]string{
		"MiBy": "mebibyte", "ms": "millisecond", "By/s": "byte/second", "min": "", "1": "", "": "", "%": "percent",
		"{request}/s": "request/second", "{datapoint}": "item", "{nonsense}": "", "{}": "", "{": "", "By/s/s": "", "/s": "",
		"s/": "", "mBy": "", "MBy": "megabyte", "dCel": "decidegree celsius", "kbit": "kilobit", "{watt-hour}": "watt-hour",
	} {
		if got := string(appendUnit(nil, unit)); got != want {
			t.Errorf("%q is %q, want %q", unit, got, want)
		}
	}
	if !slices.IsSorted(countedThings) {
		t.Error("countedThings is not sorted")
	}
}

// TestIdentityHash looks for what a weak mixing would show: equal lanes or collisions among texts that are alike.
func TestIdentityHash(t *testing.T) {
	t.Parallel()
	k := newHashKey()
	seen := make(map[uint64]string)
	look := func(id seriesID, what string) {
		for _, lane := range []uint64{id.a, id.b} {
			if other, dup := seen[lane]; dup {
				t.Fatalf("%s collides with %s", what, other)
			}
			seen[lane] = what
		}
	}
	text := make([]byte, 0, 70)
	for length := range 70 {
		for c := range byte(8) {
			for at := range max(length, 1) {
				text = append(text[:0], make([]byte, length)...)
				if length > 0 && c > 0 {
					text[at] = c
				} else if at > 0 {
					continue
				}
				if length == 0 && c > 0 || length > 0 && c == 0 && at > 0 {
					continue
				}
				look(k.sum(partTag, text), string(text))
			}
		}
	}
	look(k.sum(partName, []byte("x")), "name x")
	look(k.sum(partTag, []byte("x")), "tag x")
	look(k.bounds(0, 1), "bounds 0, 1")
	look(k.bounds(1, 0), "bounds 1, 0")
	if k.bounds(math.Copysign(0, -1), 1) != k.bounds(0, 1) {
		t.Error("the two zeros are different bounds")
	}
	if newHashKey().sum(partTag, []byte("x")) == k.sum(partTag, []byte("x")) {
		t.Error("two keys give the same hash")
	}
}
