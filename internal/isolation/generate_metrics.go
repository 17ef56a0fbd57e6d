package isolation

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Metrics has one resource of each owner.
func (g *Generator) Metrics(now time.Time, owners ...Owner) pmetric.Metrics {
	g.now = now
	d := pmetric.NewMetrics()
	for _, o := range owners {
		rm := d.ResourceMetrics().AppendEmpty()
		g.begin(rm.Resource(), o)
		sm := rm.ScopeMetrics().AppendEmpty()
		g.scope(sm.Scope())
		for range g.many() {
			g.metric(sm.Metrics().AppendEmpty())
		}
	}
	return d
}

func (g *Generator) metric(m pmetric.Metric) {
	switch g.rnd.IntN(10) {
	case 0:
		m.SetName(g.word("gauge"))
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		if g.maybe() {
			p.SetIntValue(g.count())
		} else {
			p.SetDoubleValue(float64(g.count()))
		}
		g.point(p)
	case 1:
		g.sum(m, "delta", false)
	case 2, 3, 4:
		g.sum(m, "requests", true)
	case 5, 6:
		g.histogram(m, true)
	case 7:
		g.histogram(m, false)
	case 8:
		g.exponential(m)
	default:
		if g.bare || g.maybe() {
			g.summary(m)
			return
		}
		m.SetName(g.word("check"))
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetIntValue(int64(g.rnd.IntN(4)))
		p.SetTimestamp(g.timestamp())
		p.Attributes().PutStr("datadog.type", "service_check")
		p.Attributes().PutStr("datadog.check.message", g.word("message"))
	}
}

func (g *Generator) timestamp() pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(g.owner.moment(g.now))
}

func (g *Generator) point(p interface {
	SetTimestamp(pcommon.Timestamp)
	Attributes() pcommon.Map
}) {
	p.SetTimestamp(g.timestamp())
	g.attributes(p.Attributes(), false)
}

// step is what was observed since the step before: the count of each bucket, and a sum in the range of its values.
func (g *Generator) step() (grow [4]uint64, sum float64) {
	for i := range grow {
		grow[i] = uint64(g.owner.prime()) * uint64(1+g.rnd.IntN(3))
		sum += float64(grow[i]) * g.owner.low() * 1.1
	}
	return grow, float64(uint64(sum) / g.owner.prime() * g.owner.prime())
}

// total is what a stream has observed with one more step.
func (g *Generator) total(name string) observed {
	grow, sum := g.step()
	return g.streams.next(streamKey{g.owner, name, !g.bare}, g.owner.moment(g.now), g.rnd.IntN(40) == 0, grow, sum)
}

func (g *Generator) sum(m pmetric.Metric, name string, cumulative bool) {
	m.SetName(g.word(name))
	s := m.SetEmptySum()
	p := s.DataPoints().AppendEmpty()
	if !cumulative {
		s.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		s.SetIsMonotonic(g.maybe())
		p.SetIntValue(g.count())
		g.point(p)
		return
	}
	s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	s.SetIsMonotonic(g.rnd.IntN(8) > 0)
	o := g.total(name)
	p.SetTimestamp(pcommon.NewTimestampFromTime(o.at))
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(o.start))
	if g.maybe() {
		p.SetIntValue(int64(o.count))
	} else {
		p.SetDoubleValue(float64(o.count))
	}
	g.stable(p.Attributes())
}

// stable are attributes that do not change from point to point of a series.
func (g *Generator) stable(a pcommon.Map) {
	if !g.bare {
		a.PutStr("who", "w-"+g.owner.mark())
	}
}

func (g *Generator) histogram(m pmetric.Metric, cumulative bool) {
	h := m.SetEmptyHistogram()
	p := h.DataPoints().AppendEmpty()
	if cumulative {
		m.SetName(g.word("latency"))
		h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		o := g.total("latency")
		p.SetTimestamp(pcommon.NewTimestampFromTime(o.at))
		p.SetStartTimestamp(pcommon.NewTimestampFromTime(o.start))
		p.SetCount(o.count)
		p.SetSum(o.sum)
		p.BucketCounts().FromRaw(o.buckets[:])
	} else {
		m.SetName(g.word("delta.latency"))
		h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		p.SetTimestamp(g.timestamp())
		buckets, sum := g.step()
		p.SetCount(buckets[0] + buckets[1] + buckets[2] + buckets[3])
		p.SetSum(sum)
		p.SetMin(float64(g.sized()))
		p.SetMax(float64(g.sized()))
		p.BucketCounts().FromRaw(buckets[:])
	}
	if low := g.owner.low(); g.bare {
		p.ExplicitBounds().FromRaw([]float64{1, 2, 5})
	} else {
		p.ExplicitBounds().FromRaw([]float64{low * 1.05, low * 1.1, low * 1.2})
	}
	g.stable(p.Attributes())
}

// exponential has buckets of a factor of 2^(1/8), the first of which begins with the tenant's range.
func (g *Generator) exponential(m pmetric.Metric) {
	m.SetName(g.word("exponential"))
	h := m.SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	p := h.DataPoints().AppendEmpty()
	g.point(p)
	const scale = 3
	p.SetScale(scale)
	p.Positive().SetOffset(int32((14 + g.owner.Tenant) << scale)) // firstRange is 1<<14
	counts := []uint64{uint64(g.count()), uint64(g.count())}
	p.Positive().BucketCounts().FromRaw(counts)
	p.SetCount(counts[0] + counts[1])
	p.SetSum(float64(counts[0]+counts[1]) * float64(int64(g.owner.low()*1.1)))
}

func (g *Generator) summary(m pmetric.Metric) {
	m.SetName(g.word("sizes"))
	p := m.SetEmptySummary().DataPoints().AppendEmpty()
	o := g.total("sizes")
	p.SetTimestamp(pcommon.NewTimestampFromTime(o.at))
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(o.start))
	p.SetCount(o.count)
	p.SetSum(o.sum)
	q := p.QuantileValues().AppendEmpty()
	q.SetQuantile(0.5)
	q.SetValue(float64(g.count()))
	g.stable(p.Attributes())
}
