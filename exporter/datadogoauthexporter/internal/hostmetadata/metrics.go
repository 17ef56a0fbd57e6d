package hostmetadata

import (
	"math"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// eachMetric yields what the metrics tell: the last data point of each that is read. What is no finite number tells nothing.
func eachMetric(scopes pmetric.ScopeMetricsSlice, yield func(field, float64)) {
	for _, scope := range scopes.All() {
		for _, m := range scope.Metrics().All() {
			f, factor := metricField(m.Name())
			if f == noField {
				continue
			}
			var points pmetric.NumberDataPointSlice
			switch m.Type() {
			case pmetric.MetricTypeGauge:
				points = m.Gauge().DataPoints()
			case pmetric.MetricTypeSum:
				points = m.Sum().DataPoints()
			default:
				continue
			}
			if points.Len() == 0 {
				continue
			}
			var value float64
			switch p := points.At(points.Len() - 1); p.ValueType() {
			case pmetric.NumberDataPointValueTypeInt:
				value = float64(p.IntValue())
			case pmetric.NumberDataPointValueTypeDouble:
				value = p.DoubleValue()
			default:
				continue
			}
			if value *= factor; !math.IsNaN(value) && !math.IsInf(value, 0) {
				yield(f, value)
			}
		}
	}
}

func (r *record) readMetrics(scopes pmetric.ScopeMetricsSlice) {
	eachMetric(scopes, func(f field, value float64) { r.set(f, string(appendNumber(nil, value))) })
}

// appendNumber writes a number with as many digits as it has, with an exponent as fmt's %g does.
func appendNumber(dst []byte, f float64) []byte { return strconv.AppendFloat(dst, f, 'g', -1, 64) }
