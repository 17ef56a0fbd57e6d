package metrics

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire"
)

// Limits of cumulative exponential histograms, whose buckets are remembered. SDKs have 160 buckets a side and scales from -10 to 20.
const (
	maxExpoBuckets = 4096
	maxExpoScale   = 1000
)

// expoBuckets are the counts of one exponential histogram point. They are reused from point to point.
type expoBuckets struct {
	positive, negative []float64
	zero               float64
	edges              []float64 // see lay
}

// mapOTLPExponentials sends exponential histograms as delta. A point whose buckets do not add up to its count is malformed.
//
//	message ExponentialHistogramDataPoint { repeated KeyValue attributes = 1; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
//	  fixed64 count = 4; optional double sum = 5; sint32 scale = 6; fixed64 zero_count = 7; Buckets positive = 8; Buckets negative = 9;
//	  optional double min = 12; optional double max = 13; double zero_threshold = 14; }
func (tx *Tx) mapOTLPExponentials(points pmetric.ExponentialHistogramDataPointSlice, cumulative bool) {
	for i := range points.Len() {
		p := points.At(i)
		if p.Flags().NoRecordedValue() {
			tx.drop(intake.ReasonNoRecordedValue, 1)
			continue
		}
		if !tx.takesOTLP(p.Timestamp()) {
			continue
		}
		e := exact{ok: true, start: uint64(p.StartTimestamp()), ts: uint64(p.Timestamp()), count: p.Count(), sum: p.Sum()}
		e.knowsMin, e.knowsMax = p.HasMin(), p.HasMax()
		hasSum := p.HasSum() && finite(e.sum)
		b := &tx.otlpBuckets
		b.read(p)
		switch {
		case e.count > maxExactCount:
			tx.drop(intake.ReasonTooLarge, 1)
			continue
		case b.total() != float64(e.count):
			tx.drop(intake.ReasonMalformed, 1)
			continue
		}
		if cumulative {
			tx.openPoint(p.Attributes(), p.Timestamp(), true, false)
			if tx.expoSinceLast(p, &e); !e.ok {
				tx.drop(e.why, 1)
				continue
			}
			e.start = max(e.start, tx.lastHistogramTime())
		}
		if e.count == 0 && !tx.m.opts.SendAggregations {
			tx.drop(intake.ReasonEmpty, 1)
			continue
		}
		dst := appendOTLPTimes(tx.beginOTLPPoint(), e.start, e.ts)
		dst = otlpwire.AppendFixed64(dst, 4, e.count)
		if hasSum {
			dst = otlpwire.AppendSetDouble(dst, 5, e.sum)
		}
		dst = otlpwire.AppendSint(dst, 6, int64(p.Scale()))
		dst = otlpwire.AppendFixed64(dst, 7, uint64(b.zero))
		dst = appendExpoBuckets(dst, 8, p.Positive().Offset(), b.positive)
		dst = appendExpoBuckets(dst, 9, p.Negative().Offset(), b.negative)
		if e.knowsMin && finite(p.Min()) {
			dst = otlpwire.AppendSetDouble(dst, 12, p.Min())
		}
		if e.knowsMax && finite(p.Max()) {
			dst = otlpwire.AppendSetDouble(dst, 13, p.Max())
		}
		if zt := p.ZeroThreshold(); finite(zt) {
			dst = otlpwire.AppendDouble(dst, 14, zt)
		}
		tx.endOTLPPoint(tx.appendOTLPAttributes(dst, 1, p.Attributes(), nil), p.Timestamp())
	}
}

// message Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
func appendExpoBuckets(dst []byte, field int, offset int32, counts []float64) []byte {
	if len(counts) == 0 {
		return dst
	}
	dst, whole := otlpwire.Begin(dst, field, otlpwire.Medium)
	dst = otlpwire.AppendSint(dst, 1, int64(offset))
	return otlpwire.End(otlpwire.AppendPackedUints(dst, 2, counts), whole)
}

func (b *expoBuckets) read(p pmetric.ExponentialHistogramDataPoint) {
	b.positive, b.negative, b.zero = b.positive[:0], b.negative[:0], float64(p.ZeroCount())
	for _, n := range p.Positive().BucketCounts().All() {
		b.positive = append(b.positive, float64(n))
	}
	for _, n := range p.Negative().BucketCounts().All() {
		b.negative = append(b.negative, float64(n))
	}
}

func (b *expoBuckets) size() int { return cap(b.positive) + cap(b.negative) + cap(b.edges) }

func (b *expoBuckets) total() float64 {
	total := b.zero
	for _, n := range b.positive {
		total += n
	}
	for _, n := range b.negative {
		total += n
	}
	return total
}

// The cells of an exponential histogram: zero, a gap, the positive buckets, a gap, the negative ones, a gap. Nothing is counted in gaps.
func (b *expoBuckets) cells() int { return len(b.positive) + len(b.negative) + 4 }

// lay sets the edges between the cells, by which buckets are known again when the range of a histogram grows. They are no bounds of values:
// each is the index of a bucket, moved so that no two scales and signs share one.
func (b *expoBuckets) lay(p pmetric.ExponentialHistogramDataPoint) {
	const zeroEdge, perScale, negative = -1 << 60, 1 << 34, 1 << 50
	at := float64(p.Scale()) * perScale
	b.edges = append(b.edges[:0], zeroEdge)
	for j := range len(b.positive) + 1 {
		b.edges = append(b.edges, at+float64(p.Positive().Offset())+float64(j))
	}
	for j := range len(b.negative) + 1 {
		b.edges = append(b.edges, at+negative+float64(p.Negative().Offset())+float64(j))
	}
}

// expoSinceLast makes a cumulative point one of the time since the point before.
//
// A bucket that the point before did not have had nothing in it, if the scale is the same. With another scale, or another zero threshold,
// all buckets are other ones: they do not add up to how much the count grew, and the point is where later differences begin.
func (tx *Tx) expoSinceLast(p pmetric.ExponentialHistogramDataPoint, e *exact) {
	b := &tx.otlpBuckets
	if len(b.positive)+len(b.negative) > maxExpoBuckets || p.Scale() > maxExpoScale || p.Scale() < -maxExpoScale {
		e.ok, e.why = false, intake.ReasonTooLarge
		return
	}
	b.lay(p)
	sh, h := tx.openHistogram(tx.identity(noSuffix), b.edges, b.cells())
	if sh == nil { // no room to remember it
		e.ok, e.why = false, intake.ReasonBaseline
		return
	}
	defer sh.mu.Unlock()
	count, v := tx.change(h, cellCount, e.start, e.ts, float64(p.Count()), true)
	if v != verdictSend {
		e.ok, e.why = false, v.reason()
	}
	if v == verdictStale {
		return // the cells have a later time too
	}
	if e.sum = 0; p.HasSum() && finite(p.Sum()) {
		var known verdict
		if e.sum, known = tx.change(h, cellSum, e.start, e.ts, p.Sum(), false); known != verdictSend && e.ok {
			e.ok, e.why = false, known.reason()
		}
	}
	e.knowsMin = p.HasMin() && tx.reached(h, cellMin, e.start, e.ts, p.Min(), -1)
	e.knowsMax = p.HasMax() && tx.reached(h, cellMax, e.start, e.ts, p.Max(), +1)

	whole := true
	grow := func(at int, n *float64) {
		c := &h.cells[firstBucket+at]
		if c.writer == 0 {
			tx.setCell(h, firstBucket+at, cell{start: e.start, ts: e.ts, value: *n}, *n)
			return
		}
		var known verdict
		*n, known = tx.change(h, firstBucket+at, e.start, e.ts, *n, true)
		whole = whole && known == verdictSend
	}
	grow(0, &b.zero)
	for j := range b.positive {
		grow(2+j, &b.positive[j])
	}
	for j := range b.negative {
		grow(3+len(b.positive)+j, &b.negative[j])
	}
	if e.count = uint64(count); e.ok && (!whole || b.total() != count) {
		e.ok, e.why = false, intake.ReasonBaseline
	}
}
