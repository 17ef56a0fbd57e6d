package events

import (
	"cmp"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Options are what a Mapper needs to know beside the records.
type Options struct {
	// Events and Checks say which kinds are taken.
	Events, Checks bool
	// Source is the source_type_name of an event that names none. Default none.
	Source string
	// FallbackHost is the host of resources that name none. Default none.
	FallbackHost string
	// DropResourceHost leaves out the host that a resource, or a record by the same attributes, names. One that a record names for this purpose stays.
	DropResourceHost bool
	// Now dates what has no time, and bounds how far ahead an event may be. Default time.Now.
	Now func() time.Time
}

// Output is what was made of the records of one kind. The zero value is empty.
type Output struct {
	intake.Payload
	// Records is how many records or data points were of the kind, those in Drops included.
	Records int
	Drops   intake.Drops
}

// isFull counts a record for which there is no room, and reports it.
func (o *Output) isFull() bool {
	if !o.Full() {
		return false
	}
	o.Drops.Add(intake.ReasonTooLarge, 1)
	return true
}

// Outputs are an Output for each kind.
type Outputs struct{ Events, Checks Output }

// Mapper maps log records and data points to events and service checks. It is safe for concurrent use.
type Mapper struct {
	opts    Options
	scratch sync.Pool // of *mapping
}

// New returns a Mapper.
func New(opts Options) *Mapper {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Mapper{opts: opts}
}

// Takes tells whether records of the kind are mapped.
func (m *Mapper) Takes(k Kind) bool {
	return k == Event && m.opts.Events || k == Check && m.opts.Checks
}

// MapLogs appends one item for each record of a kind that is taken, and returns how many those are. rl is not changed and nothing of it is
// kept.
func (m *Mapper) MapLogs(rl plog.ResourceLogs, out *Outputs) (taken int) {
	var g *mapping
	for _, sl := range rl.ScopeLogs().All() {
		for _, lr := range sl.LogRecords().All() {
			kind := KindOf(lr)
			if !m.Takes(kind) {
				continue
			}
			taken++
			if g == nil {
				g = m.begin(rl.Resource().Attributes())
			}
			if kind == Event {
				g.mapEvent(lr, &out.Events)
			} else {
				g.mapCheckRecord(lr, &out.Checks)
			}
		}
	}
	m.end(g)
	return taken
}

// MapGauges appends one service check for each data point of a gauge that is one, and returns how many those are.
func (m *Mapper) MapGauges(rm pmetric.ResourceMetrics, out *Output) (taken int) {
	if !m.opts.Checks {
		return 0
	}
	var g *mapping
	for _, sm := range rm.ScopeMetrics().All() {
		for _, metric := range sm.Metrics().All() {
			if metric.Type() != pmetric.MetricTypeGauge {
				continue
			}
			points := metric.Gauge().DataPoints()
			for i := range points.Len() {
				p := points.At(i)
				if !IsCheck(p) {
					continue
				}
				taken++
				if g == nil {
					g = m.begin(rm.Resource().Attributes())
				}
				g.mapCheckPoint(metric.Name(), p, out)
			}
		}
	}
	m.end(g)
	return taken
}

// mapping is the working memory of one call. All of it is used again for the next one.
type mapping struct {
	opts *Options
	now  int64 // Unix seconds
	// host of the resource; recordHost says that a record may name it, and then the fallback applies.
	host       string
	recordHost bool
	resource   tagList // tags of the resource
	own        tagList // of the record: those that it lists
	others     tagList // of the record: its other attributes
	head       []byte  // title of an event, message of a check
	text       []byte
	addTag     func(key, value string) // resource.add, bound once
	fields     fields
}

func (m *Mapper) begin(res pcommon.Map) *mapping {
	g, _ := m.scratch.Get().(*mapping)
	if g == nil {
		g = &mapping{opts: &m.opts}
		g.addTag = g.addResourceTag
	}
	g.now = m.opts.Now().Unix()
	kind, id := attributes.Source(res)
	if kind == attributes.KindHost && m.opts.DropResourceHost {
		kind = attributes.KindNone
	}
	g.host, g.recordHost = "", kind == attributes.KindNone
	if kind == attributes.KindHost {
		g.host = id
	}
	g.resource.reset()
	attributes.EachTag(res, g.addTag)
	return g
}

// end forgets the pdata. What one huge record made large is not kept.
func (m *Mapper) end(g *mapping) {
	const maxKeptBytes = 1 << 20
	if g == nil {
		return
	}
	g.host, g.fields = "", fields{}
	if cap(g.head)+cap(g.text)+cap(g.resource.text)+cap(g.own.text)+cap(g.others.text) <= maxKeptBytes {
		m.scratch.Put(g)
	}
}

func (g *mapping) addResourceTag(key, value string) {
	g.text = append(append(append(g.text[:0], key...), ':'), value...)
	g.resource.add(g.text)
}

// hostOf is the host of a record or data point: the one that it names for this purpose, else that of the resource, else the one that its
// attributes name by the rules of resources, else the fallback.
func (g *mapping) hostOf(attrs pcommon.Map) string {
	if named := g.named(fieldHost); named != "" {
		return named
	}
	if g.host != "" || !g.recordHost {
		return g.host
	}
	if g.opts.DropResourceHost {
		return g.opts.FallbackHost
	}
	return cmp.Or(attributes.Host(attrs), g.opts.FallbackHost)
}

// secondsOf is a time in Unix seconds; what has none is as old as its mapping.
func (g *mapping) secondsOf(times ...pcommon.Timestamp) int64 {
	for _, t := range times {
		if t != 0 {
			return int64(t / 1e9)
		}
	}
	return g.now
}
