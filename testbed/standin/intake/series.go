package intake

import (
	"math"
	"time"

	"github.com/DataDog/agent-payload/v5/gogen"
)

// seriesDoor is POST api.<site>/api/v2/series, in the public JSON form and in the Agent's protobuf form.
// Limits: the v2 OpenAPI; zstd1 is in its Content-Encoding enum.
var seriesDoor = door{
	kind:     KindSeries,
	media:    []string{"application/json", "application/x-protobuf"},
	zstd:     true,
	maxSent:  512_000,
	maxPlain: 5_242_880 - 1,
	refuse:   answerErrors,
	store:    storeSeries,
}

// The window of metric points, relative to the arrival.
const (
	metricPast   = time.Hour
	metricFuture = 10 * time.Minute
)

// noErrors is the body of a 202 of the metric intakes.
var noErrors = map[string][]string{"errors": {}}

// point is a cell of the series grid.
type point struct {
	value   float64
	sent    *gogen.MetricPayload_MetricSeries
	arrived time.Time
}

func storeSeries(c *call) (any, error) {
	decode := decodeSeriesProto
	if c.media == "application/json" {
		decode = decodeSeriesJSON
	}
	series, err := decode(c.body)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, s := range series {
		if err := checkSeries(s); err != nil {
			return nil, err
		}
		total += len(s.Points)
	}
	c.org.write(KindSeries, total, func() {
		for _, s := range series {
			c.org.addSeries(s, c.now)
		}
	})
	return noErrors, nil
}

// checkSeries refuses a series that neither form of the intake takes.
func checkSeries(s *gogen.MetricPayload_MetricSeries) error {
	if err := checkMetricName(s.Metric); err != nil {
		return err
	}
	if err := checkText("tag of "+s.Metric, s.Tags...); err != nil {
		return err
	}
	if err := checkText("unit or source of "+s.Metric, s.Unit, s.SourceTypeName); err != nil {
		return err
	}
	if _, ok := gogen.MetricPayload_MetricType_name[int32(s.Type)]; !ok {
		return badRequest("metric %s: type %d is none of 0, 1, 2, 3", s.Metric, s.Type)
	}
	if s.Interval < 0 {
		return badRequest("metric %s: interval %d is negative", s.Metric, s.Interval)
	}
	hosts := 0
	for _, r := range s.Resources {
		if err := checkText("resource of "+s.Metric, r.Type, r.Name); err != nil {
			return err
		}
		if r.Type == "" {
			return badRequest("metric %s: a resource without type", s.Metric)
		}
		if r.Type == "host" {
			hosts++
		}
	}
	if hosts > 1 {
		return badRequest("metric %s: %d host resources; a series has one host", s.Metric, hosts)
	}
	if len(s.Points) == 0 {
		return badRequest("metric %s: no points", s.Metric)
	}
	for _, p := range s.Points {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			return badRequest("metric %s: value %v is not a finite number", s.Metric, p.Value)
		}
	}
	return nil
}

// addSeries keeps the points inside the window; the last write of a second wins. The caller holds the lock.
func (o *org) addSeries(s *gogen.MetricPayload_MetricSeries, now time.Time) {
	id := o.seriesID(KindSeries, s.Metric, hostOf(s), s.Tags)
	for _, p := range s.Points {
		if !o.inMetricWindow(KindSeries, s.Metric, p.Timestamp, now) {
			continue
		}
		isNew, evicted := o.series.put(id, p.Timestamp, point{p.Value, s, now}, func(_, p point) point { return p })
		o.accepted.Points++
		if isNew {
			o.counts.Points++
		}
		o.drops.add(KindSeries, DropEvicted, "", evicted)
	}
}

func hostOf(s *gogen.MetricPayload_MetricSeries) string {
	for _, r := range s.Resources {
		if r.Type == "host" {
			return r.Name
		}
	}
	return ""
}

func (o *org) seriesID(kind, metric, host string, sentTags []string) seriesID {
	tags, harmed := tagNames(sentTags)
	o.drops.add(kind, DropTags, metric, harmed)
	return seriesID{metricName(metric), host, tags}
}

// inMetricWindow says whether a point is kept, and counts it as dropped if not.
func (o *org) inMetricWindow(kind, metric string, ts int64, now time.Time) bool {
	switch {
	case ts < now.Add(-metricPast).Unix():
		o.drops.add(kind, DropTooOld, metric, 1)
		return false
	case ts > now.Add(metricFuture).Unix():
		o.drops.add(kind, DropTooNew, metric, 1)
		return false
	}
	return true
}
