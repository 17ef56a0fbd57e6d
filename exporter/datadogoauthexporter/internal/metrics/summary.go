package metrics

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// mapSummaries sends of each data point .count and .sum, both as what was added since the last point, and its quantiles.
// Count and sum of a summary are cumulative always.
func (tx *Tx) mapSummaries(points pmetric.SummaryDataPointSlice) {
	for i := range points.Len() {
		p := points.At(i)
		if p.Flags().NoRecordedValue() {
			tx.drop(intake.ReasonNoRecordedValue, 1)
			continue
		}
		if tx.isFull() {
			continue
		}
		tx.openPoint(p.Attributes(), p.Timestamp(), true, true)
		series := 2
		if tx.m.opts.SummaryMode == SummaryGauges {
			series += p.QuantileValues().Len()
		}
		if !tx.fits(series) {
			continue
		}
		start, ts := uint64(p.StartTimestamp()), uint64(p.Timestamp())
		first := i == 0 && tx.sendFirst(start, ts)
		growth, v := tx.increase(tx.identity(suffixCount), start, ts, float64(p.Count()), first)
		if v == verdictSend {
			tx.appendSeries(suffixCount, typeCount, growth)
		}
		if finite(p.Sum()) {
			if change, v := tx.difference(tx.identity(suffixSum), start, ts, p.Sum(), false); v == verdictSend {
				tx.appendSeries(suffixSum, typeCount, change)
			}
		}
		if tx.m.opts.SummaryMode == SummaryGauges {
			tx.mapQuantiles(p.QuantileValues())
		}
		tx.closePoint(v.reason())
	}
}

func (tx *Tx) mapQuantiles(qs pmetric.SummaryDataPointValueAtQuantileSlice) {
	for i := range qs.Len() {
		q := qs.At(i)
		if !finite(q.Value()) {
			continue
		}
		tx.lead.reset(nil)
		tx.lead.addNumber("quantile", q.Quantile())
		tx.appendSeries(suffixQuantile, typeGauge, q.Value())
	}
	tx.lead.reset(nil)
}
