package oracle

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"
)

// generatedMetrics is a load before it is bound to a mode.
type generatedMetrics struct {
	payloads []pmetric.Metrics
	cells    map[string]string
}

// metricsGenerator draws loads of casesPerLoad metrics in one to three payloads. Each metric has a name of its own, one or two series, and up to
// five points a series, spread over the payloads. now is the time of the run, which decides about first values. With remapped, most names and
// attributes are such as are copied or renamed. The cells are taken in turn, beginning with the first-th.
func metricsGenerator(now time.Time, remapped bool, first int) *rapid.Generator[generatedMetrics] {
	return rapid.Custom(func(t *rapid.T) generatedMetrics {
		g := generatedMetrics{cells: make(map[string]string)}
		type key struct {
			payload int
			place   place
		}
		scopes := make(map[key]pmetric.ScopeMetrics)
		var resources [4]pcommon.Map
		var names [4][2]pcommon.InstrumentationScope
		for i := range resources {
			resources[i] = pcommon.NewMap()
			anyResource(t, resources[i])
			for j := range names[i] {
				names[i][j] = pcommon.NewInstrumentationScope()
				anyScope(t, names[i][j])
			}
		}
		for range 1 + upTo(t, 2) {
			g.payloads = append(g.payloads, pmetric.NewMetrics())
		}
		var malformed []pmetric.Metrics
		for i := range casesPerLoad {
			at := anyPlace(t)
			c := newMetricCase(t, caseID(i), now, remapped, metricCells[(first+i)%len(metricCells)])
			g.cells[c.id] = c.cell
			if c.malformed {
				// Datadog's translator gives up on the payload there, so it has one to itself.
				d := pmetric.NewMetrics()
				c.addTo(d.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics(), c.points)
				malformed = append(malformed, d)
				continue
			}
			for p, points := range c.spread(t, len(g.payloads)) {
				if len(points) == 0 && len(c.points) > 0 {
					continue
				}
				k := key{p, at}
				if _, ok := scopes[k]; !ok {
					rm := g.payloads[p].ResourceMetrics().AppendEmpty()
					resources[at.resource].CopyTo(rm.Resource().Attributes())
					scopes[k] = rm.ScopeMetrics().AppendEmpty()
					names[at.resource][at.scope].CopyTo(scopes[k].Scope())
				}
				c.addTo(scopes[k].Metrics(), points)
			}
		}
		g.payloads = append(g.payloads, malformed...)
		return g
	})
}

// metricCell is a flavour, and whether one of its points says that it has no value.
type metricCell struct {
	flavour flavour
	flagged bool
}

func (c metricCell) String() string {
	if c.flagged {
		return c.flavour.cell + ", no recorded value"
	}
	return c.flavour.cell
}

// metricCells are the cells of each mode: type × temporality × monotonic × flags.
var metricCells = func() (cells []metricCell) {
	for _, f := range flavours {
		cells = append(cells, metricCell{f, false})
		if !f.unflagged {
			cells = append(cells, metricCell{f, true})
		}
	}
	return cells
}()

// metricCase is one metric: how it is made, and the points in the order of their arrival.
type metricCase struct {
	id, cell, name, unit string
	malformed            bool
	points               []metricPoint
	// addTo appends the metric with some of its points.
	addTo func(pmetric.MetricSlice, []metricPoint)
}

// metricPoint is what points of all types have in common, and a function that sets the rest.
type metricPoint struct {
	series    int
	attrs     pcommon.Map
	start, ts time.Time // the zero start is not set
	flags     pmetric.DataPointFlags
	number    func(pmetric.NumberDataPoint)
	histogram func(pmetric.HistogramDataPoint)
	expo      func(pmetric.ExponentialHistogramDataPoint)
	summary   func(pmetric.SummaryDataPoint)
}

// spread divides the points between payloads, in their order. A point whose second its series had in an earlier payload is left out: payloads
// are sent at the same time, and which of two points of one second Datadog keeps is then chance.
func (c *metricCase) spread(t *rapid.T, payloads int) [][]metricPoint {
	type cell struct {
		series int
		second int64
	}
	taken := make(map[cell]int)
	out := make([][]metricPoint, payloads)
	p := upTo(t, payloads-1)
	for _, point := range c.points {
		if p < payloads-1 && chance(t, 3) {
			p++
		}
		at := cell{point.series, point.ts.Unix()}
		if !point.flags.NoRecordedValue() {
			if first, ok := taken[at]; ok && first != p {
				continue
			}
			taken[at] = p
		}
		out[p] = append(out[p], point)
	}
	return out
}

var units = []string{"", "1", "By", "MiBy", "ms", "s", "By/s", "{request}", "{request}/s", "{datapoint}", "%", "Cel", "min", "kHz", "a/b/c", "{nonsense}", "{}", "KiBy", "us"}

func newMetricCase(t *rapid.T, id string, now time.Time, remapped bool, cell metricCell) metricCase {
	c := metricCase{id: id, unit: pick(t, units...)}
	c.name = id + "." + pick(t, "requests", "http.server.request.duration", "system.cpu.time", "process.runtime.go.goroutines", "kafka.producer.request-rate", "jvm.memory.used", "x_Y")
	f := cell.flavour
	c.cell = cell.String()
	f.make(t, &c)
	if remapped && !c.malformed { // Datadog's translator gives up before the copies of a malformed one
		c.name = pick(t, remappedNames...)
	}
	series := 1
	if !c.malformed {
		series += upTo(t, 1)
	}
	for s := range series {
		attrs := pcommon.NewMap()
		anyAttributes(t, attrs, 4, "http.method", "http.status_code", "datadog.metric.as_type", "service.name", "host.name", "quantile", "dd.internal.resource")
		if _, ok := attrs.Get("datadog.metric.as_type"); ok {
			attrs.PutStr("datadog.metric.as_type", pick(t, "rate", "RATE", "count", "gauge", "nonsense"))
		}
		if remapped {
			remappedAttributes(t, attrs)
			attrs.PutStr(caseTag, id)
		}
		if series > 1 {
			attrs.PutInt("series.id", int64(s))
		}
		for _, p := range f.series(t, attrs, now) {
			p.series = s
			c.points = append(c.points, p)
		}
	}
	if cell.flagged {
		flag := func(p *metricPoint) { p.flags = p.flags.WithNoRecordedValue(true) }
		flag(&c.points[upTo(t, len(c.points)-1)])
		if chance(t, 3) {
			flag(&c.points[upTo(t, len(c.points)-1)])
		}
	}
	return c
}

// clock draws the times of a series: seconds apart, mostly growing, seldom the same or older, with a start that is missing, old, after the
// start of the process, the time itself, or changing.
type clock struct {
	kind      int
	start, ts time.Time
}

func newClock(t *rapid.T, now time.Time) *clock {
	c := &clock{kind: upTo(t, 4), ts: now.Add(time.Duration(-1000+upTo(t, 900)) * time.Second)}
	switch c.kind {
	case 1:
		c.start = now.Add(-40 * time.Minute)
	case 2, 3:
		c.start = now.Add(time.Minute)
		c.ts = now.Add(time.Duration(90+upTo(t, 100)) * time.Second)
	}
	return c
}

func (c *clock) tick(t *rapid.T) (start, ts time.Time) {
	switch upTo(t, 9) {
	case 0:
	case 1:
		c.ts = c.ts.Add(-time.Duration(upTo(t, 5)) * time.Second)
	default:
		c.ts = c.ts.Add(time.Duration(1+upTo(t, 20))*time.Second + time.Duration(upTo(t, 999))*time.Millisecond)
	}
	switch {
	case c.kind == 4:
		c.start = c.ts
	case c.kind == 3 && chance(t, 3):
		c.start = c.ts.Add(-time.Second)
	case c.kind == 3 && chance(t, 2): // about a whole number of seconds
		c.start = c.ts.Add(-time.Duration(upTo(t, 20))*time.Second + time.Duration(upTo(t, 120)-60)*time.Millisecond)
	}
	return c.start, c.ts
}

// drawPoints draws one to five points of a series.
func drawPoints(t *rapid.T, attrs pcommon.Map, now time.Time, set func(*metricPoint)) []metricPoint {
	c := newClock(t, now)
	var points []metricPoint
	for range 1 + upTo(t, 4) {
		p := metricPoint{attrs: attrs}
		p.start, p.ts = c.tick(t)
		set(&p)
		points = append(points, p)
	}
	return points
}

// common is the part of pdata's points that needs no type.
type common interface {
	timed
	Attributes() pcommon.Map
	SetFlags(pmetric.DataPointFlags)
}

func (p metricPoint) setCommon(dp common) {
	p.attrs.CopyTo(dp.Attributes())
	dp.SetTimestamp(pcommon.NewTimestampFromTime(p.ts))
	dp.SetFlags(p.flags)
	if !p.start.IsZero() {
		dp.SetStartTimestamp(pcommon.NewTimestampFromTime(p.start))
	}
}

func (c *metricCase) newMetric(ms pmetric.MetricSlice) pmetric.Metric {
	m := ms.AppendEmpty()
	m.SetName(c.name)
	m.SetUnit(c.unit)
	return m
}

// temporality is named in cells.
func temporality(a pmetric.AggregationTemporality) string { return fmt.Sprint(a) }
