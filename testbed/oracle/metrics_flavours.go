package oracle

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"
)

// flavour is one kind of metric that is generated: type × temporality × monotonic.
type flavour struct {
	cell string
	// unflagged says that it has no point whose flags could matter.
	unflagged bool
	// make gives the case its addTo, and series draws the points of one series.
	make   func(*rapid.T, *metricCase)
	series func(t *rapid.T, attrs pcommon.Map, now time.Time) []metricPoint
}

const (
	delta       = pmetric.AggregationTemporalityDelta
	cumulative  = pmetric.AggregationTemporalityCumulative
	unspecified = pmetric.AggregationTemporalityUnspecified
)

var flavours = []flavour{
	gauges(),
	sums(delta, true), sums(delta, false), sums(cumulative, true), sums(cumulative, false), sums(unspecified, true), sums(unspecified, false),
	histograms(delta), histograms(cumulative), histograms(unspecified),
	exponentials(delta), exponentials(cumulative), exponentials(unspecified),
	summaries(),
	malformedHistograms(delta), malformedHistograms(cumulative),
	empties(),
}

func gauges() flavour {
	return flavour{
		cell: "gauge",
		make: func(_ *rapid.T, c *metricCase) {
			c.addTo = func(ms pmetric.MetricSlice, points []metricPoint) {
				addNumbers(c.newMetric(ms).SetEmptyGauge().DataPoints(), points)
			}
		},
		series: anyNumbers,
	}
}

func sums(a pmetric.AggregationTemporality, monotonic bool) flavour {
	f := flavour{
		cell: "sum, " + temporality(a),
		make: func(_ *rapid.T, c *metricCase) {
			c.addTo = func(ms pmetric.MetricSlice, points []metricPoint) {
				s := c.newMetric(ms).SetEmptySum()
				s.SetAggregationTemporality(a)
				s.SetIsMonotonic(monotonic)
				addNumbers(s.DataPoints(), points)
			}
		},
		series: anyNumbers,
	}
	if monotonic {
		f.cell += ", monotonic"
	}
	if a == cumulative && monotonic {
		f.series = growingNumbers
	}
	return f
}

func addNumbers(to pmetric.NumberDataPointSlice, points []metricPoint) {
	for _, p := range points {
		dp := to.AppendEmpty()
		p.setCommon(dp)
		p.number(dp)
	}
}

func anyNumbers(t *rapid.T, attrs pcommon.Map, now time.Time) []metricPoint {
	return drawPoints(t, attrs, now, func(p *metricPoint) {
		switch upTo(t, 7) {
		case 0:
			p.number = func(pmetric.NumberDataPoint) {} // no value
		case 1, 2, 3:
			v := rapid.Int64().Draw(t, "int")
			if !chance(t, 4) {
				v = int64(rapid.IntRange(-1000, 1000).Draw(t, "small"))
			}
			p.number = func(dp pmetric.NumberDataPoint) { dp.SetIntValue(v) }
		default:
			v := anyNumber(t)
			p.number = func(dp pmetric.NumberDataPoint) { dp.SetDoubleValue(v) }
		}
	})
}

// growingNumbers grow, mostly: a counter is reset now and then, or has a value that cannot be sent.
func growingNumbers(t *rapid.T, attrs pcommon.Map, now time.Time) []metricPoint {
	v := float64(upTo(t, 100))
	whole := chance(t, 2)
	return drawPoints(t, attrs, now, func(p *metricPoint) {
		switch upTo(t, 9) {
		case 0:
			v = float64(upTo(t, 5))
		case 1:
		default:
			v += float64(upTo(t, 400)) / 4
		}
		value := v
		if chance(t, 20) {
			value = pick(t, math.NaN(), math.Inf(1))
		}
		if whole && value == math.Trunc(value) {
			p.number = func(dp pmetric.NumberDataPoint) { dp.SetIntValue(int64(value)) }
			return
		}
		p.number = func(dp pmetric.NumberDataPoint) { dp.SetDoubleValue(value) }
	})
}

func empties() flavour {
	return flavour{
		cell: "metric without data", unflagged: true,
		make: func(_ *rapid.T, c *metricCase) {
			c.addTo = func(ms pmetric.MetricSlice, _ []metricPoint) { c.newMetric(ms) }
		},
		series: func(*rapid.T, pcommon.Map, time.Time) []metricPoint { return nil },
	}
}

func summaries() flavour {
	return flavour{
		cell: "summary",
		make: func(_ *rapid.T, c *metricCase) {
			c.addTo = func(ms pmetric.MetricSlice, points []metricPoint) {
				s := c.newMetric(ms).SetEmptySummary()
				for _, p := range points {
					dp := s.DataPoints().AppendEmpty()
					p.setCommon(dp)
					p.summary(dp)
				}
			}
		},
		series: func(t *rapid.T, attrs pcommon.Map, now time.Time) []metricPoint {
			count, sum := uint64(upTo(t, 10)), float64(upTo(t, 100))
			return drawPoints(t, attrs, now, func(p *metricPoint) {
				switch upTo(t, 9) {
				case 0:
					count, sum = uint64(upTo(t, 3)), float64(upTo(t, 5))
				case 1:
				default:
					count, sum = count+uint64(upTo(t, 50)), sum+float64(rapid.IntRange(-5, 400).Draw(t, "more"))/4
				}
				n, total := count, sum
				if chance(t, 20) {
					total = math.NaN()
				}
				var quantiles [][2]float64
				for range upTo(t, 4) {
					quantiles = append(quantiles, [2]float64{pick(t, 0, 0.5, 0.9, 0.99, 0.999, 1, 1e-5, 0.123456789), anyNumber(t)})
				}
				p.summary = func(dp pmetric.SummaryDataPoint) {
					dp.SetCount(n)
					dp.SetSum(total)
					for _, q := range quantiles {
						v := dp.QuantileValues().AppendEmpty()
						v.SetQuantile(q[0])
						v.SetValue(q[1])
					}
				}
			})
		},
	}
}
