package metrics

import (
	"math"
	"slices"
	"testing"
)

// TestOtherBucketsAreLookedAtOnce counts the looks at bounds that a change of all buckets takes.
func TestOtherBucketsAreLookedAtOnce(t *testing.T) {
	t.Parallel()
	const n = 3000
	looks, pairs := 0, 0
	boundsFrom := func(shift int) func(int) (float64, float64) {
		return func(j int) (float64, float64) {
			looks++
			return float64(j + shift), float64(j + shift + 1)
		}
	}
	continued(n, n, boundsFrom(0), boundsFrom(1000), func(k, j int) {
		pairs++
		if k != j+1000 {
			t.Fatalf("bucket %d goes on as %d", k, j)
		}
	})
	if looks != 2*n || pairs != n-1000 {
		t.Errorf("%d looks at bounds and %d buckets that go on, want %d and %d", looks, pairs, 2*n, n-1000)
	}
}

// TestLayOutTakesTheFirstOfEqualBounds has bounds in no order, as only a hostile sender has them.
func TestLayOutTakesTheFirstOfEqualBounds(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	var h histogram
	h.cells = make([]cell, firstBucket)
	h.layOut([]float64{1, 2, 1, 2, nan, 0}, 7)
	for i := range h.cells {
		h.cells[i].value = float64(100 + i - firstBucket)
	}
	h.layOut([]float64{1, 2, 3, 2, nan, math.Copysign(0, -1), 5}, 8)
	var values []float64
	for _, c := range h.cells {
		values = append(values, c.value)
	}
	// The four of every histogram; then (-∞, 1], (1, 2] (not the second one), (2, 3], (3, 2], (2, NaN], (NaN, 0], (0, 5], (5, ∞).
	if want := []float64{96, 97, 98, 99, 100, 101, 0, 0, 104, 105, 0, 0}; !slices.Equal(values, want) {
		t.Errorf("cells %v, want %v", values, want)
	}
}
