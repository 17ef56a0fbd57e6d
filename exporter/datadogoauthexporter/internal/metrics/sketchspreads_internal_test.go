package metrics

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// TestKeptSpreadsAreThoseWorkedOut compares spreads that may come from an earlier bucket with such that cannot, for bounds that
// meet in the same slots, and for those that are hard to compare.
func TestKeptSpreadsAreThoseWorkedOut(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	edges := []float64{math.Inf(-1), -1e9, -3, -0.5, math.Copysign(0, -1), 0, 1e-12, 0.1, 0.3, 1, 1.0000001, 2, 7, 1e3, 1e60, 1e300, math.Inf(1), math.NaN()}
	for range 40 {
		edges = append(edges, math.Exp(3*r.NormFloat64()))
	}
	var s, fresh sketch
	for range 8_000 {
		lower, upper := edges[r.IntN(len(edges))], edges[r.IntN(len(edges))]
		first, last, n := finiteKey(lower), finiteKey(upper), 1+r.IntN(maxKeptSpread)
		if last < first {
			continue
		}
		s.spreadSmall(lower, upper, first, last, n)
		fresh.spread(lower, upper, first, last, n)
		if !slices.Equal(s.incoming, fresh.incoming) {
			t.Fatalf("(%g, %g] × %d: %v, want %v", lower, upper, n, s.incoming, fresh.incoming)
		}
	}
}

func TestKeptSpreadsTakeLittleRoom(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(spreads{}); size > 64<<10 {
		t.Errorf("%d bytes", size)
	}
}

// TestKeptSpreadsOfOtherBucketsAreNotTaken puts into every slot what differs from the bucket asked for in one thing.
func TestKeptSpreadsOfOtherBucketsAreNotTaken(t *testing.T) {
	t.Parallel()
	lower, upper, n := 5.0, 10.0, 3
	first, last := finiteKey(lower), finiteKey(upper)
	same := keptSpread{math.Float64bits(lower), math.Float64bits(upper), int16(first), int16(last), uint8(n), 1, [maxKeptSpread]int16{7}, [maxKeptSpread]uint8{3}}
	for name, change := range map[string]func(*keptSpread){
		"lower": func(k *keptSpread) { k.lower++ }, "upper": func(k *keptSpread) { k.upper++ }, "first": func(k *keptSpread) { k.first++ },
		"last": func(k *keptSpread) { k.last++ }, "n": func(k *keptSpread) { k.n++ }, "nothing": func(*keptSpread) {},
	} {
		s := sketch{small: new(spreads)}
		for i := range s.small {
			s.small[i] = same
			change(&s.small[i])
		}
		s.spreadSmall(lower, upper, first, last, n)
		if taken := s.incoming[0].key == 7; taken != (name == "nothing") {
			t.Errorf("%s differs: taken %v", name, taken)
		}
	}
}
