package metrics

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// mapExponentialHistograms sends of each delta point the aggregations, if they are on, and a sketch.
func (tx *Tx) mapExponentialHistograms(points pmetric.ExponentialHistogramDataPointSlice) {
	for i := range points.Len() {
		p := points.At(i)
		if p.Flags().NoRecordedValue() {
			tx.drop(intake.ReasonNoRecordedValue, 1)
			continue
		}
		total := float64(p.ZeroCount()) + observations(p.Positive()) + observations(p.Negative())
		if total > maxSketchCnt {
			tx.drop(intake.ReasonTooLarge, 1)
			continue
		}
		if tx.isFull() {
			continue
		}
		tx.openPoint(p.Attributes(), p.Timestamp(), false, tx.m.opts.SendAggregations)
		e := exact{ok: true, count: p.Count()}
		e.takeSum(p.Sum())
		if tx.m.opts.SendAggregations && e.ok {
			tx.appendAggregations(&e)
			if p.HasMin() {
				tx.appendSeries(suffixMin, typeGauge, p.Min())
			}
			if p.HasMax() {
				tx.appendSeries(suffixMax, typeGauge, p.Max())
			}
		}
		if total == 0 {
			tx.closePoint(intake.ReasonEmpty)
			continue
		}
		why := intake.ReasonMalformed
		if s := &tx.sketch; tx.expo.convert(s, p, total, !e.ok) {
			why = intake.ReasonNotFinite // unless it is sent
			if e.ok {
				s.cnt, s.sum, s.avg = int64(e.count), e.sum, e.sum/float64(int64(e.count))
				if e.count == 1 {
					s.min, s.max = e.sum, e.sum
				}
			}
			if p.HasMin() {
				s.min = p.Min()
			}
			if p.HasMax() {
				s.max = p.Max()
			}
			tx.appendSketch(s)
		}
		tx.closePoint(why)
	}
}

// observations is the number of observations in one half of a point. As a float it cannot overflow.
func observations(b pmetric.ExponentialHistogramDataPointBuckets) (total float64) {
	var counts pcommon.UInt64Slice = b.BucketCounts()
	for i := range counts.Len() {
		total += float64(counts.At(i))
	}
	return total
}
