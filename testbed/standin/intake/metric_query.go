package intake

import (
	"cmp"
	"slices"
	"strings"

	"github.com/DataDog/agent-payload/v5/gogen"
)

// metricQuery is a query of the form
//
//	[avg|sum|min|max|count:]metric{*|tag[,tag…]}[.as_count()|.as_rate()]
//
// where tags are all required. Nothing is rolled up: each second with points is one value, aggregated over the series that
// match. A count is shown per second of its interval unless .as_count() is there, as Datadog does; where a series has no
// interval, assumedInterval takes its place.
type metricQuery struct {
	text   string
	agg    string
	metric string
	tags   []string // as Datadog keeps them; none for {*}
	as     string   // "", "as_count" or "as_rate"
}

const assumedInterval = 10 // seconds; the Agent's flush interval

func parseMetricQuery(text string) (q metricQuery, err error) {
	q.text = text
	head, rest, ok := strings.Cut(strings.TrimSpace(text), "{")
	scope, suffix, closed := strings.Cut(rest, "}")
	if !ok || !closed {
		return q, badRequest("query %.200q: expected agg:metric{scope}", text)
	}
	var explicit bool
	if q.agg, q.metric, explicit = strings.Cut(head, ":"); !explicit {
		q.agg, q.metric = "avg", head
	}
	if !slices.Contains([]string{"avg", "sum", "min", "max", "count"}, q.agg) {
		return q, badRequest("query %.200q: the stand-in aggregates by avg, sum, min, max, count; not by %.50q", text, q.agg)
	}
	if err := checkMetricName(q.metric); err != nil || metricName(q.metric) != q.metric {
		return q, badRequest("query %.200q: %.200q is no metric name", text, q.metric)
	}
	switch suffix {
	case "", ".as_count()", ".as_rate()":
		q.as = strings.Trim(suffix, ".()")
	default:
		return q, badRequest("query %.200q: the stand-in does not imitate %.100q", text, suffix)
	}
	if strings.TrimSpace(scope) == "*" {
		return q, nil
	}
	for tag := range strings.SplitSeq(scope, ",") {
		tag = strings.TrimSpace(tag)
		kept, _ := tagName(tag)
		if kept == "" || strings.ContainsAny(tag, "!*() ") {
			return q, badRequest("query %.200q: the stand-in does not imitate the scope %.100q", text, tag)
		}
		q.tags = append(q.tags, kept)
	}
	return q, nil
}

// matches says whether the tags of the query are all among those of the series. The host is a tag as well.
func (q metricQuery) matches(id seriesID) bool {
	if id.metric != q.metric {
		return false
	}
	for _, tag := range q.tags {
		if !slices.Contains(id.tags, tag) && tag != hostTag(id.host) {
			return false
		}
	}
	return true
}

// hostTag is host as a query names it; "" for no host.
func hostTag(host string) string {
	if host == "" {
		return ""
	}
	tag, _ := tagName("host:" + host)
	return tag
}

// timedValue is one point of an answer. ts is Unix seconds.
type timedValue struct {
	ts    int64
	value float64
}

// run evaluates q over [from, to), in Unix seconds, for what is searchable. The caller holds the lock of o.
func (q metricQuery) run(in *Intake, o *org, from, to int64) []timedValue {
	since := in.visibleSince()
	sums := map[int64]*aggregate{}
	at := func(ts int64) *aggregate {
		if sums[ts] == nil {
			sums[ts] = &aggregate{}
		}
		return sums[ts]
	}
	for _, r := range o.series.rows {
		if !q.matches(r.seriesID) {
			continue
		}
		for ts, p := range r.points {
			if ts >= from && ts < to && !p.arrived.After(since) {
				v := q.shown(p)
				at(ts).add(1, v, v, v)
			}
		}
	}
	for _, r := range o.sketches.rows {
		if !q.matches(r.seriesID) {
			continue
		}
		for ts, p := range r.points {
			if ts >= from && ts < to && !p.arrived.After(since) {
				at(ts).add(p.cnt, p.sum, p.min, p.max)
			}
		}
	}
	q.eachHits(o, since, func(ts int64, v float64) {
		if ts >= from && ts < to {
			at(ts).add(1, v, v, v)
		}
	})
	values := make([]timedValue, 0, len(sums))
	for ts, a := range sums {
		values = append(values, timedValue{ts, a.value(q.agg)})
	}
	slices.SortFunc(values, func(a, b timedValue) int { return cmp.Compare(a.ts, b.ts) })
	return values
}

// shown is the value of a point after .as_count() or .as_rate().
func (q metricQuery) shown(p point) float64 {
	interval := float64(cmp.Or(p.sent.Interval, assumedInterval))
	switch {
	case p.sent.Type == gogen.MetricPayload_COUNT && q.as != "as_count":
		return p.value / interval
	case p.sent.Type == gogen.MetricPayload_RATE && q.as == "as_count":
		return p.value * interval
	}
	return p.value
}

// aggregate is what the values of one second have in common.
type aggregate struct {
	cnt           int64
	sum, min, max float64
}

func (a *aggregate) add(cnt int64, sum, least, most float64) {
	if a.cnt == 0 {
		a.min, a.max = least, most
	}
	a.cnt += cnt
	a.sum += sum
	a.min, a.max = min(a.min, least), max(a.max, most)
}

func (a *aggregate) value(agg string) float64 {
	switch agg {
	case "sum":
		return a.sum
	case "min":
		return a.min
	case "max":
		return a.max
	case "count":
		return float64(a.cnt)
	}
	return a.sum / float64(a.cnt)
}
