package oracle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/DataDog/agent-payload/v5/gogen"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

// seriesPoint is one point with its series, as it is sent.
type seriesPoint struct {
	metric, host, unit, sourceType string
	tags, resources                []string // resources other than the host, as type:name
	typ                            gogen.MetricPayload_MetricType
	interval, ts                   int64
	value                          float64
	product, category, service     uint32
}

func (s seriesPoint) item() item {
	return item{
		group: fmt.Sprintf("series %s at %d", s.metric, s.ts),
		id:    caseOf(s.metric, s.tags),
		fields: map[string]string{
			"host": s.host, "unit": s.unit, "source type": s.sourceType, "tags": set(s.tags), "resources": set(s.resources),
			"type": s.typ.String(), "interval": strconv.FormatInt(s.interval, 10), "value": number(s.value),
			"origin": fmt.Sprint(s.product, s.category, s.service),
		},
	}
}

// sketchPoint is one sketch with its series, as it is sent.
type sketchPoint struct {
	metric, host               string
	tags                       []string
	ts, cnt                    int64
	min, max, avg, sum         float64
	k                          []int32
	n                          []uint32
	product, category, service uint32
}

func (s sketchPoint) item() item {
	return item{
		group: fmt.Sprintf("sketch %s at %d", s.metric, s.ts),
		id:    caseOf(s.metric, s.tags),
		fields: map[string]string{
			"host": s.host, "tags": set(s.tags), "origin": fmt.Sprint(s.product, s.category, s.service),
			"cnt": strconv.FormatInt(s.cnt, 10), "min": number(s.min), "max": number(s.max), "avg": number(s.avg), "sum": number(s.sum),
			"bins": bins(s.k, s.n),
		},
	}
}

// caseTag is the attribute that names the case of a metric whose name must be as it is.
const caseTag = "oracle.case"

// caseOf is the case that a point belongs to: generated metrics are called <case>.<name>, or carry the caseTag.
func caseOf(metric string, tags []string) string {
	for _, tag := range tags {
		if id, ok := strings.CutPrefix(tag, caseTag+":"); ok {
			return id
		}
	}
	id, _, _ := strings.Cut(metric, ".")
	return id
}

// metricsItems are what arrived, field by field as it was sent.
func metricsItems(r intake.Received) []item {
	var items []item
	for _, p := range r.Series {
		s := seriesPoint{
			metric: p.Sent.Metric, unit: p.Sent.Unit, sourceType: p.Sent.SourceTypeName, tags: p.Sent.Tags,
			typ: p.Sent.Type, interval: p.Sent.Interval, ts: p.Timestamp, value: p.Value,
		}
		s.product, s.category, s.service = origin(p.Sent.Metadata)
		for _, res := range p.Sent.Resources {
			if res.Type == "host" {
				s.host = res.Name
				continue
			}
			s.resources = append(s.resources, res.Type+":"+res.Name)
		}
		items = append(items, s.item())
	}
	for _, p := range r.Sketches {
		s := sketchPoint{metric: p.Sent.Metric, host: p.Sent.Host, tags: p.Sent.Tags, ts: p.Timestamp}
		s.product, s.category, s.service = origin(p.Sent.Metadata)
		for _, d := range p.Sent.Dogsketches {
			if d.Ts == p.Timestamp { // the last of a second, as in lastWrites
				s.cnt, s.min, s.max, s.avg, s.sum, s.k, s.n = d.Cnt, d.Min, d.Max, d.Avg, d.Sum, d.K, d.N
			}
		}
		items = append(items, s.item())
	}
	return items
}

func origin(m *gogen.Metadata) (product, category, service uint32) {
	if m == nil || m.Origin == nil {
		return 0, 0, 0
	}
	return m.Origin.OriginProduct, m.Origin.OriginCategory, m.Origin.OriginService
}

// number is the shortest text that tells a float64 from every other. Zero has no sign.
func number(f float64) string { return strconv.FormatFloat(f+0, 'g', -1, 64) }

// set is a list without order, with repetitions.
func set(list []string) string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return strings.Join(sorted, "|")
}

// bins are key×count in the order in which they are sent.
func bins(k []int32, n []uint32) string {
	var b strings.Builder
	for i := range k {
		fmt.Fprintf(&b, "%d×%d ", k[i], n[i])
	}
	return strings.TrimSpace(b.String())
}
