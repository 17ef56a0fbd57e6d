package metrics

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire"
)

func (tx *Tx) mapOTLPSum(s pmetric.Sum) {
	points := s.DataPoints()
	switch {
	case tx.metric.source == statsPayloadMetric:
		tx.drop(intake.ReasonForeignStats, points.Len())
	case !tx.known(s.AggregationTemporality(), points.Len()):
	case s.AggregationTemporality() == pmetric.AggregationTemporalityDelta:
		tx.describeOTLP(otlpSum, true, s.IsMonotonic())
		tx.mapOTLPNumbers(points)
	case s.IsMonotonic() && tx.m.opts.CumulativeMonotonic == CumulativeToDelta:
		tx.describeOTLP(otlpSum, true, true)
		tx.mapOTLPMonotonic(points)
	default:
		tx.describeOTLP(otlpGauge, false, false)
		tx.mapOTLPNumbers(points)
	}
}

// mapOTLPGauge sends points as they are, but for the exceptions.
func (tx *Tx) mapOTLPGauge(points pmetric.NumberDataPointSlice) {
	if tx.except.Is == nil {
		tx.mapOTLPNumbers(points)
		return
	}
	for i := range points.Len() {
		p := points.At(i)
		switch is := tx.except.Is(p); {
		case !is:
			tx.mapOTLPNumber(p, nil)
		case tx.except.Keep:
			tx.mapOTLPNumber(p, tx.except.Hide)
		}
	}
}

func (tx *Tx) mapOTLPNumbers(points pmetric.NumberDataPointSlice) {
	for i := range points.Len() {
		tx.mapOTLPNumber(points.At(i), nil)
	}
}

// mapOTLPNumber sends a point as it is, without the attributes that hide names.
//
//	message NumberDataPoint { repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
//	  oneof value { double as_double = 4; sfixed64 as_int = 6; } }
func (tx *Tx) mapOTLPNumber(p pmetric.NumberDataPoint, hide func(string) bool) {
	if _, ok := tx.number(p); !ok || !tx.takesOTLP(p.Timestamp()) {
		return
	}
	dst := appendOTLPTimes(tx.beginOTLPPoint(), uint64(p.StartTimestamp()), uint64(p.Timestamp()))
	if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
		dst = otlpwire.AppendSetFixed64(dst, 6, uint64(p.IntValue()))
	} else {
		dst = otlpwire.AppendSetDouble(dst, 4, p.DoubleValue())
	}
	tx.endOTLPPoint(tx.appendOTLPAttributes(dst, 7, p.Attributes(), hide), p.Timestamp())
}

// mapOTLPMonotonic sends how much each series grew since its last point. See mapMonotonic.
func (tx *Tx) mapOTLPMonotonic(points pmetric.NumberDataPointSlice) {
	for i := range points.Len() {
		p := points.At(i)
		value, ok := tx.number(p)
		if !ok || !tx.takesOTLP(p.Timestamp()) {
			continue
		}
		tx.openPoint(p.Attributes(), p.Timestamp(), true, false)
		start, ts := uint64(p.StartTimestamp()), uint64(p.Timestamp())
		growth, v := tx.increase(tx.identity(noSuffix), start, ts, value, i == 0 && tx.sendFirst(start, ts))
		switch {
		case v != verdictSend:
			tx.drop(v.reason(), 1)
			continue
		case !finite(growth): // the growth can overflow
			tx.drop(intake.ReasonNotFinite, 1)
			continue
		}
		last := tx.undo[len(tx.undo)-1].before.ts // 0 for a first point
		dst := appendOTLPTimes(tx.beginOTLPPoint(), max(start, last), ts)
		dst = otlpwire.AppendSetDouble(dst, 4, growth)
		tx.endOTLPPoint(tx.appendOTLPAttributes(dst, 7, p.Attributes(), nil), p.Timestamp())
	}
}

// mapOTLPSummaries sends summaries as they are, without quantiles that are no number.
//
//	message SummaryDataPoint { repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
//	  double sum = 5; repeated ValueAtQuantile quantile_values = 6; }
//	message ValueAtQuantile { double quantile = 1; double value = 2; }
func (tx *Tx) mapOTLPSummaries(points pmetric.SummaryDataPointSlice) {
	for i := range points.Len() {
		p := points.At(i)
		switch {
		case p.Flags().NoRecordedValue():
			tx.drop(intake.ReasonNoRecordedValue, 1)
			continue
		case !finite(p.Sum()):
			tx.drop(intake.ReasonNotFinite, 1)
			continue
		case !tx.takesOTLP(p.Timestamp()):
			continue
		}
		dst := appendOTLPTimes(tx.beginOTLPPoint(), uint64(p.StartTimestamp()), uint64(p.Timestamp()))
		dst = otlpwire.AppendFixed64(dst, 4, p.Count())
		dst = otlpwire.AppendDouble(dst, 5, p.Sum())
		for _, q := range p.QuantileValues().All() {
			if !finite(q.Quantile()) || !finite(q.Value()) {
				continue
			}
			var whole otlpwire.Mark
			dst, whole = otlpwire.Begin(dst, 6, otlpwire.Small)
			dst = otlpwire.AppendDouble(dst, 1, q.Quantile())
			dst = otlpwire.AppendDouble(dst, 2, q.Value())
			dst = otlpwire.End(dst, whole)
		}
		tx.endOTLPPoint(tx.appendOTLPAttributes(dst, 7, p.Attributes(), nil), p.Timestamp())
	}
}
