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

// statsPayloadMetric is the sum in which a Datadog connector hands APM stats on. It is no metric of anybody's, and its stats are not sent: they name hosts
// and services as their sender likes, and those of the spans that come here are computed here.
const statsPayloadMetric = "dd.internal.stats.payload"

func (tx *Tx) mapSum(s pmetric.Sum) {
	points := s.DataPoints()
	if tx.metric.source == statsPayloadMetric {
		tx.drop(intake.ReasonForeignStats, points.Len())
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
		tx.drop(intake.ReasonTemporality, points.Len())
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
	if !tx.takes(p.Attributes()) {
		return
	}
	value, ok := tx.number(p)
	if !ok || tx.isFull() {
		return
	}
	tx.openPoint(p.Attributes(), p.Timestamp(), false, typ == typeCount)
	if typ == typeCount {
		if tx.m.opts.InferDeltaInterval {
			tx.interval = inferInterval(p.StartTimestamp(), p.Timestamp())
		}
		if tx.wantsRate(p.Attributes()) {
			typ = typeRate
			if tx.interval > 0 {
				value /= float64(tx.interval)
			}
		}
	}
	tx.appendSeries(noSuffix, typ, value)
	tx.closePoint(intake.ReasonTooLarge) // nothing else is left
}

// inferInterval is the time between start and ts in seconds, or 0 where that is not about a whole number or start is not known.
func inferInterval(start, ts pcommon.Timestamp) int64 {
	const tolerance = 0.05 // s
	if start == 0 || start > ts {
		return 0
	}
	seconds := float64(ts-start) / 1e9
	if whole := math.Round(seconds); math.Abs(whole-seconds) < tolerance {
		return int64(whole)
	}
	return 0
}

// mapMonotonic sends how much each series grew since its last point.
func (tx *Tx) mapMonotonic(points pmetric.NumberDataPointSlice) {
	asRate := isRateAsGauge(tx.metric.name)
	first := true // of the points that the metric, or its copy, has
	for i := range points.Len() {
		p := points.At(i)
		if !tx.takes(p.Attributes()) {
			continue
		}
		isFirst := first || tx.copy != nil && tx.copy.splits()
		first = false
		value, ok := tx.number(p)
		if !ok || tx.isFull() {
			continue
		}
		tx.openPoint(p.Attributes(), p.Timestamp(), true, true)
		start, ts := uint64(p.StartTimestamp()), uint64(p.Timestamp())
		if asRate {
			rate, v := tx.rate(tx.identity(noSuffix), start, ts, value)
			if v != verdictSend {
				tx.closePoint(v.reason())
				continue
			}
			tx.appendSeries(noSuffix, typeGauge, rate)
			tx.closePoint(intake.ReasonNotFinite)
			continue
		}
		// Only the first point of a metric is sent in full: of several, one may be of an older series.
		growth, v := tx.increase(tx.identity(noSuffix), start, ts, value, isFirst && tx.sendFirst(start, ts))
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
		tx.drop(intake.ReasonNoRecordedValue, 1)
		return 0, false
	}
	switch p.ValueType() {
	case pmetric.NumberDataPointValueTypeDouble:
		value = tx.copy.scale(p.DoubleValue())
	case pmetric.NumberDataPointValueTypeInt:
		value = float64(tx.copy.scaleInt(p.IntValue()))
	}
	if !finite(value) {
		tx.drop(intake.ReasonNotFinite, 1)
		return 0, false
	}
	return value, true
}

// wantsRate reports whether a delta sum's data point asks to be a rate. Without an interval its value stays as it is.
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
