package metrics

import (
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// buckets are those of one explicit-bounds histogram point. It is reused from point to point.
type buckets struct {
	counts []float64
	known  []bool    // of a cumulative point: counts has how much the bucket grew since the last point, which is known
	edges  []float64 // between the buckets: one less than counts
	keys   []int     // finite sketch keys of keyed
	keyed  []float64 // the edges that keys are of; most points have those of the point before
}

// read takes the buckets of p. It reports false when counts and bounds do not fit each other: n counts need n-1 bounds.
// Without counts bounds mean nothing.
func (b *buckets) read(p pmetric.HistogramDataPoint) bool {
	counts, bounds := p.BucketCounts(), p.ExplicitBounds()
	b.counts, b.edges = b.counts[:0], b.edges[:0]
	if counts.Len() == 0 {
		return true
	}
	if counts.Len() != bounds.Len()+1 {
		return false
	}
	for i := range counts.Len() {
		b.counts = append(b.counts, float64(counts.At(i)))
	}
	for i := range bounds.Len() {
		b.edges = append(b.edges, bounds.At(i))
	}
	return true
}

// standIn makes the buckets of a point that has none: one of all observations between the extrema that are known.
func (b *buckets) standIn(p pmetric.HistogramDataPoint, e *exact) {
	if e.knowsMin {
		b.counts, b.edges = append(b.counts, 0), append(b.edges, p.Min())
	}
	b.counts = append(b.counts, float64(e.count))
	if e.knowsMax {
		b.counts, b.edges = append(b.counts, 0), append(b.edges, p.Max())
	}
}

// bounds are those of bucket j, which holds values in (lower, upper].
func (b *buckets) bounds(j int) (lower, upper float64) { return boundsOf(b.edges, j) }

func boundsOf(edges []float64, j int) (lower, upper float64) {
	lower, upper = math.Inf(-1), math.Inf(1)
	if j > 0 {
		lower = edges[j-1]
	}
	if j < len(edges) {
		upper = edges[j]
	}
	return lower, upper
}

// spread puts n observations of bucket j into s, as its interpolate does. The edges have their keys.
//
// An open end of the bucket moves to the other end, and so does a lower bound of zero, since zero is not in the bucket.
func (b *buckets) spread(j, n int, s *sketch) bool {
	lower, upper := b.bounds(j)
	from, to := j-1, j // the edges
	switch {
	case math.IsInf(upper, 1):
		upper, to = lower, from
	case math.IsInf(lower, -1), lower == 0 && upper > 0:
		lower, from = upper, to
	}
	if from < 0 || to == len(b.edges) { // both ends are open
		key := finiteKey(lower)
		return s.interpolate(lower, upper, key, key, n)
	}
	return s.interpolate(lower, upper, b.keys[from], b.keys[to], n)
}

// key works out the keys that spread takes, if the edges are not those of the point before.
func (b *buckets) key() {
	if slices.Equal(b.keyed, b.edges) {
		return
	}
	b.keyed = append(b.keyed[:0], b.edges...)
	b.keys = b.keys[:0]
	for _, edge := range b.edges {
		b.keys = append(b.keys, finiteKey(edge))
	}
}
