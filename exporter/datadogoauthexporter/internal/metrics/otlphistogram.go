package metrics

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire"
)

// maxExactCount is the largest count that is added up exactly.
const maxExactCount = 1 << 53

// mapOTLPHistograms sends explicit-bounds histograms as delta. A point whose buckets do not add up to its count is malformed.
//
//	message HistogramDataPoint { repeated KeyValue attributes = 9; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
//	  optional double sum = 5; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7; optional double min = 11;
//	  optional double max = 12; }
func (tx *Tx) mapOTLPHistograms(points pmetric.HistogramDataPointSlice, cumulative bool) {
	for i := range points.Len() {
		p := points.At(i)
		if p.Flags().NoRecordedValue() {
			tx.drop(intake.ReasonNoRecordedValue, 1)
			continue
		}
		if !tx.takesOTLP(p.Timestamp()) {
			continue
		}
		e := exact{ok: true, start: uint64(p.StartTimestamp()), ts: uint64(p.Timestamp())}
		e.malformed = !tx.buckets.read(p)
		hasSum := p.HasSum()
		if cumulative {
			tx.openPoint(p.Attributes(), p.Timestamp(), true, false)
			tx.sinceLast(p, &e)
			e.start = max(e.start, tx.lastHistogramTime())
		} else {
			e.count, e.sum, e.knowsMin, e.knowsMax = p.Count(), p.Sum(), p.HasMin(), p.HasMax()
			hasSum = hasSum && finite(e.sum)
		}
		if why, ok := tx.sendableHistogram(&e); !ok {
			tx.drop(why, 1)
			continue
		}
		dst := appendOTLPTimes(tx.beginOTLPPoint(), e.start, e.ts)
		dst = otlpwire.AppendFixed64(dst, 4, e.count)
		if hasSum {
			dst = otlpwire.AppendSetDouble(dst, 5, e.sum)
		}
		if b := &tx.buckets; len(b.counts) > 0 && tx.m.opts.HistogramMode != HistogramNoBuckets {
			dst = otlpwire.AppendPackedCounts(dst, 6, b.counts)
			dst = otlpwire.AppendPackedDoubles(dst, 7, b.edges)
		}
		if e.knowsMin && finite(p.Min()) {
			dst = otlpwire.AppendSetDouble(dst, 11, p.Min())
		}
		if e.knowsMax && finite(p.Max()) {
			dst = otlpwire.AppendSetDouble(dst, 12, p.Max())
		}
		tx.endOTLPPoint(tx.appendOTLPAttributes(dst, 9, p.Attributes(), nil), p.Timestamp())
	}
}

// sendableHistogram says why a point is not sent. A cumulative one of which one bucket did not go on from the last point has begun anew.
func (tx *Tx) sendableHistogram(e *exact) (why intake.Reason, ok bool) {
	b := &tx.buckets
	switch {
	case !e.ok:
		return e.why, false
	case e.malformed:
		return intake.ReasonMalformed, false
	case e.count > maxExactCount:
		return intake.ReasonTooLarge, false
	case e.count == 0 && tx.isEmptyDropped():
		return intake.ReasonEmpty, false
	case len(b.counts) == 0 || tx.m.opts.HistogramMode == HistogramNoBuckets:
		return 0, true
	}
	total := 0.0
	for j, n := range b.counts {
		if e.cumulative && (!b.known[j] || n < 0) {
			return intake.ReasonBaseline, false
		}
		total += n
	}
	if total == float64(e.count) {
		return 0, true
	}
	if e.cumulative { // buckets and count fell or rose apart
		return intake.ReasonBaseline, false
	}
	return intake.ReasonMalformed, false
}

// isEmptyDropped reports whether nothing would come of a point without observations, as in the Agent's form.
func (tx *Tx) isEmptyDropped() bool {
	return !tx.m.opts.SendAggregations && tx.m.opts.HistogramMode != HistogramCounters
}

// lastHistogramTime is the time of the point before the one that the transaction wrote last, 0 if there was none.
func (tx *Tx) lastHistogramTime() uint64 {
	if n := len(tx.histograms); n > 0 && tx.histograms[n-1].gone == nil {
		return tx.cells[tx.histograms[n-1].from+cellCount].before.ts
	}
	return 0
}
