package metrics

import (
	"math"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// asTypeAttribute is the data point attribute by which a delta sum asks to be a rate. It stays as a tag.
const asTypeAttribute = "datadog.metric.as_type"

// statsPayloadMetric is the sum in which the collector's own components hand APM stats on. It is no metric of anybody's.
const statsPayloadMetric = "dd.internal.stats.payload"

func (tx *Tx) mapSum(s pmetric.Sum) {
	points := s.DataPoints()
	if tx.metric.source == statsPayloadMetric {
		tx.drops.Add(intake.ReasonEmpty, points.Len())
		return
	}
	switch s.AggregationTemporality() {
	case pmetric.AggregationTemporalityDelta:
		tx.mapNumbers(points, typeCount)
	case pmetric.AggregationTemporalityCumulative:
		if s.IsMonotonic() && tx.m.opts.CumulativeMonotonic == CumulativeToDelta {
			tx.mapMonotonic(points)
			return
		}
		tx.mapNumbers(points, typeGauge)
	default:
		tx.drops.Add(intake.ReasonTemporality, points.Len())
	}
}

// mapGauge sends values as they are, but for the exceptions.
func (tx *Tx) mapGauge(points pmetric.NumberDataPointSlice) {
	if tx.except.Is == nil {
		tx.mapNumbers(points, typeGauge)
		return
	}
	for i := range points.Len() {
		p := points.At(i)
		switch is := tx.except.Is(p); {
		case !is:
			tx.mapNumber(p, typeGauge)
		case tx.except.Keep:
			tx.hide = tx.except.Hide
			tx.mapNumber(p, typeGauge)
			tx.hide = nil
		}
	}
}

// mapNumbers sends values as they are.
func (tx *Tx) mapNumbers(points pmetric.NumberDataPointSlice, typ metricType) {
	for i := range points.Len() {
		tx.mapNumber(points.At(i), typ)
	}
}

func (tx *Tx) mapNumber(p pmetric.NumberDataPoint, typ metricType) {
	value, ok := tx.number(p)
	if !ok {
		return
	}
	tx.openPoint(p.Attributes(), p.Timestamp(), false)
	if typ == typeCount && tx.wantsRate(p.Attributes()) {
		typ = typeRate
	}
	tx.appendSeries(noSuffix, typ, value)
	tx.closePoint(intake.ReasonTooLarge) // nothing else is left
}

// mapMonotonic sends how much each series grew since its last point.
func (tx *Tx) mapMonotonic(points pmetric.NumberDataPointSlice) {
	for i := range points.Len() {
		p := points.At(i)
		value, ok := tx.number(p)
		if !ok {
			continue
		}
		tx.openPoint(p.Attributes(), p.Timestamp(), true)
		start, ts := uint64(p.StartTimestamp()), uint64(p.Timestamp())
		// Only the first point of a metric is sent in full: of several, one may be of an older series.
		growth, v := tx.increase(tx.identity(noSuffix), start, ts, value, i == 0 && tx.sendFirst(start, ts))
		if v != verdictSend {
			tx.closePoint(v.reason())
			continue
		}
		tx.appendSeries(noSuffix, typeCount, growth)
		tx.closePoint(intake.ReasonNotFinite) // the growth can overflow
	}
}

// number is the value of a data point that has a finite one; else the point is counted as dropped.
func (tx *Tx) number(p pmetric.NumberDataPoint) (value float64, ok bool) {
	if p.Flags().NoRecordedValue() {
		tx.drops.Add(intake.ReasonNoRecordedValue, 1)
		return 0, false
	}
	switch p.ValueType() {
	case pmetric.NumberDataPointValueTypeDouble:
		value = p.DoubleValue()
	case pmetric.NumberDataPointValueTypeInt:
		value = float64(p.IntValue())
	}
	if !finite(value) {
		tx.drops.Add(intake.ReasonNotFinite, 1)
		return 0, false
	}
	return value, true
}

// wantsRate reports whether a delta sum's data point asks to be a rate. Its value stays as it is: no interval is inferred.
func (tx *Tx) wantsRate(attrs pcommon.Map) bool {
	asType := tx.res.asType
	if !tx.res.hasAsType {
		v, ok := attrs.Get(asTypeAttribute)
		if !ok {
			return false
		}
		asType = v.Str()
	}
	return strings.EqualFold(asType, "rate")
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// reason is why a point that is not sent is dropped.
func (v verdict) reason() intake.Reason {
	if v == verdictStale {
		return intake.ReasonStale
	}
	return intake.ReasonBaseline
}
