package metrics

import (
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// maxHistogramBuckets bounds the buckets of a cumulative histogram, which are remembered. SDKs have about 15.
const maxHistogramBuckets = 4096

// exact is what a histogram point says about its population beside the buckets, for the time since the point before.
type exact struct {
	ok         bool // count and sum are known
	count      uint64
	sum        float64
	knowsMin   bool // the point's minimum was reached in this time
	knowsMax   bool
	why        intake.Reason // why nothing is sent, if nothing is
	start, ts  uint64
	cumulative bool
	malformed  bool // its buckets cannot be read
}

// mapHistograms sends the aggregations of each data point, if they are on, and what the histogram mode makes of its buckets.
func (tx *Tx) mapHistograms(points pmetric.HistogramDataPointSlice, delta bool) {
	copied := false // a copy with conditions has one point
	for i := range points.Len() {
		p := points.At(i)
		if tx.copy != nil && tx.copy.splits() {
			if copied {
				break
			}
			if copied = tx.takes(p.Attributes()); !copied {
				continue
			}
		}
		if p.Flags().NoRecordedValue() {
			tx.drop(intake.ReasonNoRecordedValue, 1)
			continue
		}
		if tx.isFull() {
			continue
		}
		tx.openPoint(p.Attributes(), p.Timestamp(), !delta, tx.m.opts.SendAggregations || tx.m.opts.HistogramMode == HistogramCounters)
		if tx.m.opts.HistogramMode == HistogramCounters && !tx.fits(4+p.BucketCounts().Len()) {
			continue
		}
		e := exact{ok: true, start: uint64(p.StartTimestamp()), ts: uint64(p.Timestamp()), why: intake.ReasonEmpty}
		if tx.m.opts.HistogramMode != HistogramNoBuckets {
			e.malformed = !tx.buckets.read(p)
		}
		if delta {
			e.count, e.knowsMin, e.knowsMax = p.Count(), p.HasMin(), p.HasMax()
			e.takeSum(p.Sum())
		} else {
			tx.sinceLast(p, &e)
		}
		if tx.m.opts.SendAggregations && e.ok {
			tx.appendAggregations(&e)
			if delta && p.HasMin() {
				tx.appendSeries(suffixMin, typeGauge, p.Min())
			}
			if delta && p.HasMax() {
				tx.appendSeries(suffixMax, typeGauge, p.Max())
			}
		}
		switch tx.m.opts.HistogramMode {
		case HistogramDistributions:
			tx.mapDistribution(p, &e)
		case HistogramCounters:
			tx.mapCounters(&e)
		}
		tx.closePoint(e.why)
	}
}

// takeSum sets the sum of a delta point.
func (e *exact) takeSum(sum float64) {
	e.sum = sum
	if !finite(sum) {
		e.ok, e.why = false, intake.ReasonNotFinite
	}
}

// sinceLast works out count, sum, extrema and buckets of a cumulative point since the point before. A count that falls is a reset.
func (tx *Tx) sinceLast(p pmetric.HistogramDataPoint, e *exact) {
	e.cumulative = true
	b := &tx.buckets
	n := 0
	if tx.m.opts.HistogramMode != HistogramNoBuckets && !e.malformed {
		n = len(b.counts)
	}
	b.known = slices.Grow(b.known[:0], n)[:n]
	clear(b.known)
	if n > maxHistogramBuckets {
		e.ok, e.why = false, intake.ReasonTooLarge
		return
	}
	sh, h := tx.openHistogram(tx.identity(noSuffix), b.edges, n)
	if sh == nil { // no room to remember it
		e.ok, e.why = false, intake.ReasonBaseline
		return
	}
	defer sh.mu.Unlock()
	count, v := tx.change(h, cellCount, e.start, e.ts, float64(p.Count()), true)
	if v == verdictSend {
		e.count = uint64(count)
	} else {
		e.ok, e.why = false, v.reason()
	}
	if !finite(p.Sum()) {
		e.ok, e.why = false, intake.ReasonNotFinite
	} else if e.sum, v = tx.change(h, cellSum, e.start, e.ts, p.Sum(), false); v != verdictSend {
		e.ok, e.why = false, v.reason()
	}
	if p.HasMin() {
		e.knowsMin = tx.reached(h, cellMin, e.start, e.ts, p.Min(), -1)
	}
	if p.HasMax() {
		e.knowsMax = tx.reached(h, cellMax, e.start, e.ts, p.Max(), +1)
	}
	noFall := tx.m.opts.HistogramMode == HistogramDistributions
	for j, count := range b.counts[:n] {
		b.counts[j], v = tx.change(h, firstBucket+j, e.start, e.ts, count, noFall)
		b.known[j] = v == verdictSend
	}
}

func (tx *Tx) appendAggregations(e *exact) {
	tx.appendSeries(suffixCount, typeCount, float64(e.count))
	tx.appendSeries(suffixSum, typeCount, e.sum)
}

// mapCounters sends one .bucket count per bucket, tagged with its bounds.
func (tx *Tx) mapCounters(e *exact) {
	if e.malformed {
		e.why = intake.ReasonMalformed
		return
	}
	for j, count := range tx.buckets.counts {
		if e.cumulative && !tx.buckets.known[j] {
			continue
		}
		lower, upper := tx.buckets.bounds(j)
		tx.lead.reset(nil)
		tx.lead.addNumber("lower_bound", lower)
		tx.lead.addNumber("upper_bound", upper)
		tx.appendSeries(suffixBucket, typeCount, count)
	}
	tx.lead.reset(nil)
}

// mapDistribution sends the buckets as one sketch, if there is an observation in them.
func (tx *Tx) mapDistribution(p pmetric.HistogramDataPoint, e *exact) {
	if e.malformed {
		e.why = intake.ReasonMalformed
		return
	}
	standIn := len(tx.buckets.counts) == 0 && e.ok
	if standIn {
		tx.buckets.standIn(p, e)
	}
	tx.buckets.key()
	s := &tx.sketch
	s.reset()
	s.exact = e.ok
	total := 0.0
	broken := false // no sketch is sent, but every bucket's memory is still kept up to date
	low, high, counted := 0.0, 0.0, false
	for j, count := range tx.buckets.counts {
		lower, upper := tx.buckets.bounds(j)
		switch {
		case !e.cumulative:
		case standIn: // its bounds change from point to point, so each has a memory of its own
			id := tx.identity(noSuffix).plus(tx.m.key.bounds(lower, upper))
			var v verdict
			if count, v = tx.difference(id, e.start, e.ts, count, true); v != verdictSend {
				continue
			}
		case !tx.buckets.known[j]:
			continue
		}
		if !broken {
			total += count
			if total > maxSketchCnt {
				broken, e.why = true, intake.ReasonTooLarge
			} else if !tx.buckets.spread(j, int(count), s) {
				broken, e.why = true, intake.ReasonMalformed
			}
		}
		if count > 0 {
			if !counted {
				low, counted = lower, true
			}
			high = upper
		}
	}
	if broken || s.cnt == 0 {
		return
	}
	if e.ok {
		s.cnt, s.sum, s.avg = int64(e.count), e.sum, e.sum/float64(int64(e.count))
	}
	if counted && !math.IsInf(low, 0) {
		s.min = low
	}
	if counted && !math.IsInf(high, 0) {
		s.max = high
	}
	if e.knowsMin {
		s.min = p.Min()
	} else if p.HasMin() {
		s.min = math.Max(p.Min(), s.min)
	}
	if e.knowsMax {
		s.max = p.Max()
	} else if p.HasMax() {
		s.max = math.Min(p.Max(), s.max)
	}
	e.why = intake.ReasonNotFinite // unless it is sent
	tx.appendSketch(s)
}
