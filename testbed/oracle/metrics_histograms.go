package oracle

import (
	"math"
	"slices"
	"sort"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"
)

// shape is the layout of one explicit-bounds histogram and what was observed so far.
type shape struct {
	bounds        []float64
	counts        []uint64
	observed      uint64
	sum, min, max float64
	hasSum        bool
	hasMin        bool
	hasMax        bool
	temporality   pmetric.AggregationTemporality
}

func newShape(t *rapid.T, a pmetric.AggregationTemporality) *shape {
	s := &shape{temporality: a, hasSum: !chance(t, 6), hasMin: chance(t, 2), hasMax: chance(t, 2)}
	switch upTo(t, 4) {
	case 0: // one bucket from -Inf to +Inf, or none at all
		if chance(t, 2) {
			s.counts = []uint64{}
			break
		}
		s.counts = make([]uint64, 1)
	case 1:
		s.bounds = pick(t, []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}, []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10})
		s.counts = make([]uint64, len(s.bounds)+1)
	default:
		for range 1 + upTo(t, 5) {
			s.bounds = append(s.bounds, pick(t, float64(rapid.IntRange(-50, 50).Draw(t, "bound"))/2, 0, finiteNumber(t), 1e-9, 1e-12))
		}
		slices.Sort(s.bounds)
		s.bounds = slices.Compact(s.bounds)
		s.counts = make([]uint64, len(s.bounds)+1)
	}
	s.reset()
	return s
}

func (s *shape) reset() {
	clear(s.counts)
	s.observed, s.sum, s.min, s.max = 0, 0, math.Inf(1), math.Inf(-1)
}

// observe adds weighted observations, so that bounds, counts, sum, min and max agree.
func (s *shape) observe(t *rapid.T) {
	for range upTo(t, 4) {
		v := pick(t, float64(rapid.IntRange(-30, 120).Draw(t, "observed")), finiteNumber(t), 0)
		if len(s.bounds) > 0 && chance(t, 2) {
			v = pick(t, s.bounds...)
		}
		n := uint64(1 + upTo(t, 40))
		if chance(t, 10) {
			n = uint64(rapid.IntRange(60_000, 300_000).Draw(t, "many"))
		}
		if len(s.counts) > 0 {
			s.counts[sort.SearchFloat64s(s.bounds, v)] += n
		}
		s.observed += n
		s.sum += v * float64(n)
		s.min, s.max = min(s.min, v), max(s.max, v)
	}
}

func (s *shape) setter(t *rapid.T) func(pmetric.HistogramDataPoint) {
	is := *s
	is.counts = slices.Clone(s.counts)
	if chance(t, 25) {
		is.sum = pick(t, math.NaN(), math.Inf(1))
	}
	if len(s.counts) > 0 && chance(t, 15) { // without buckets they are taken for bounds, and such a histogram can be malformed
		is.min, is.max = extremum(t, is.min), extremum(t, is.max)
	}
	if is.observed > 0 && chance(t, 15) { // some SDKs read count and buckets one after the other
		is.observed += uint64(upTo(t, 5))
	}
	return func(dp pmetric.HistogramDataPoint) {
		dp.SetCount(is.observed)
		dp.ExplicitBounds().FromRaw(is.bounds)
		dp.BucketCounts().FromRaw(is.counts)
		if is.hasSum {
			dp.SetSum(is.sum)
		}
		if is.hasMin && is.observed > 0 {
			dp.SetMin(is.min)
		}
		if is.hasMax && is.observed > 0 {
			dp.SetMax(is.max)
		}
	}
}

func histograms(a pmetric.AggregationTemporality) flavour {
	return flavour{
		cell: "histogram, " + temporality(a),
		make: func(_ *rapid.T, c *metricCase) {
			c.addTo = func(ms pmetric.MetricSlice, points []metricPoint) {
				h := c.newMetric(ms).SetEmptyHistogram()
				h.SetAggregationTemporality(a)
				for _, p := range points {
					dp := h.DataPoints().AppendEmpty()
					p.setCommon(dp)
					p.histogram(dp)
				}
			}
		},
		series: func(t *rapid.T, attrs pcommon.Map, now time.Time) []metricPoint {
			s, changed := newShape(t, a), false
			return drawPoints(t, attrs, now, func(p *metricPoint) {
				switch {
				case !changed && chance(t, 6): // the application was deployed with other buckets; see oldBoundsAreForgotten
					if next := newShape(t, a); len(next.counts) > 0 && len(s.counts) > 0 {
						s = next
					}
					changed = true
				case a != cumulative || chance(t, 8):
					s.reset()
				}
				s.observe(t)
				p.histogram = s.setter(t)
			})
		},
	}
}

// malformedHistograms have one point, whose counts do not go with its bounds, or whose bounds fall.
func malformedHistograms(a pmetric.AggregationTemporality) flavour {
	f := histograms(a)
	f.cell, f.unflagged = "malformed histogram, "+temporality(a), true
	proper := f.make
	f.make = func(t *rapid.T, c *metricCase) {
		proper(t, c)
		c.malformed = true
	}
	f.series = func(t *rapid.T, attrs pcommon.Map, now time.Time) []metricPoint {
		falling := chance(t, 2)
		attrs.PutBool("falling", falling)
		return []metricPoint{{attrs: attrs, ts: now, histogram: func(dp pmetric.HistogramDataPoint) {
			dp.SetCount(6)
			dp.SetSum(12)
			dp.BucketCounts().FromRaw([]uint64{1, 2, 3})
			dp.ExplicitBounds().FromRaw([]float64{1})
			if falling {
				dp.ExplicitBounds().FromRaw([]float64{10, 1})
			}
		}}}
	}
	return f
}

func exponentials(a pmetric.AggregationTemporality) flavour {
	return flavour{
		cell: "exponential histogram, " + temporality(a),
		make: func(_ *rapid.T, c *metricCase) {
			c.addTo = func(ms pmetric.MetricSlice, points []metricPoint) {
				h := c.newMetric(ms).SetEmptyExponentialHistogram()
				h.SetAggregationTemporality(a)
				for _, p := range points {
					dp := h.DataPoints().AppendEmpty()
					p.setCommon(dp)
					p.expo(dp)
				}
			}
		},
		series: func(t *rapid.T, attrs pcommon.Map, now time.Time) []metricPoint {
			return drawPoints(t, attrs, now, func(p *metricPoint) { p.expo = anyExponential(t) })
		},
	}
}

func anyExponential(t *rapid.T) func(pmetric.ExponentialHistogramDataPoint) {
	scale := int32(rapid.IntRange(-10, 20).Draw(t, "scale")) // what the specification allows
	span := 10                                               // indexes to either side of 0, so that values stay between about 1e-9 and 1e9
	if scale > 0 {
		span = 20 << scale
	}
	if scale < 0 {
		span = max(20>>-scale, 1)
	}
	buckets := func() (offset int32, counts []uint64) {
		for range upTo(t, 12) {
			counts = append(counts, uint64(pick(t, 0, 0, 1, 2, upTo(t, 1000), upTo(t, 100_000))))
		}
		return int32(rapid.IntRange(-span, span).Draw(t, "offset")), counts
	}
	positiveOffset, positive := buckets()
	var negativeOffset int32
	var negative []uint64
	if chance(t, 3) {
		negativeOffset, negative = buckets()
	}
	zero := uint64(pick(t, 0, 0, 1, upTo(t, 500)))
	count := zero
	for _, n := range slices.Concat(positive, negative) {
		count += n
	}
	sum := pick(t, finiteNumber(t), 0, math.NaN())
	hasSum, hasMin, hasMax := !chance(t, 6), chance(t, 2), chance(t, 2)
	low, high := -1e18, 1e18 // below and above all that the buckets can hold
	if chance(t, 3) {
		low, high = extremum(t, low), extremum(t, high)
	}
	return func(dp pmetric.ExponentialHistogramDataPoint) {
		dp.SetScale(scale)
		dp.SetZeroCount(zero)
		dp.SetCount(count)
		dp.Positive().SetOffset(positiveOffset)
		dp.Positive().BucketCounts().FromRaw(positive)
		dp.Negative().SetOffset(negativeOffset)
		dp.Negative().BucketCounts().FromRaw(negative)
		if hasSum {
			dp.SetSum(sum)
		}
		if hasMin {
			dp.SetMin(low)
		}
		if hasMax {
			dp.SetMax(high)
		}
	}
}

// extremum is a minimum or maximum that need not agree with the buckets.
func extremum(t *rapid.T, otherwise float64) float64 {
	return pick(t, otherwise, 0, finiteNumber(t), math.NaN(), math.Inf(1), math.Inf(-1))
}
