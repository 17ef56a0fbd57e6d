package logs

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Options are what a Mapper needs to know beside the records. The zero value of each means its default.
type Options struct {
	// Source is the ddsource of a record that names none in the attribute datadog.log.source. Default "otlp_log_ingestion".
	Source string
	// FallbackHost is the hostname of a record that names none. Default none: the item has no hostname.
	FallbackHost string
	// DropResourceHost leaves out the host that a resource, or a record by the same attributes, names. A field hostname stays.
	DropResourceHost bool
	// OTelSource is the value of the tag otel_source. Default "datadog_exporter".
	OTelSource string
	// Now dates records without a time, for their expiry. Default time.Now.
	Now func() time.Time
}

// Mapper maps log records to items of the log intake. It is safe for concurrent use.
type Mapper struct {
	opts    Options
	scratch sync.Pool // of *mapping
}

// New returns a Mapper.
func New(opts Options) *Mapper {
	if opts.Source == "" {
		opts.Source = "otlp_log_ingestion"
	}
	if opts.OTelSource == "" {
		opts.OTelSource = "datadog_exporter"
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Mapper{opts: opts}
}

// writtenBytes is what attributes may come to before those that are replaced by others are cut out. A key is repeated in each leaf below it, so a
// small record can ask for any amount of memory; it is not written to its end.
const writtenBytes = 2 * maxItemBytes

// maxItemBytes is the largest object that fits into a body of 5 MB with the brackets around it.
const maxItemBytes = 5_000_000 - len("[]")

// Map appends one item per record of rl to out: a JSON object followed by a comma.
//
// A record that holds NaN or an infinity where JSON needs a number is counted in drops instead; so is one that is too large and has no long texts to
// cut, and so are all for which out has no room. rl is not changed and nothing of it is kept.
func (m *Mapper) Map(rl plog.ResourceLogs, out *intake.Payload, drops *intake.Drops) {
	m.MapExcept(rl, nil, out, drops)
}

// MapExcept is Map without the records that leave names: they are no logs. A nil leave leaves out none.
func (m *Mapper) MapExcept(rl plog.ResourceLogs, leave func(plog.LogRecord) bool, out *intake.Payload, drops *intake.Drops) {
	g, _ := m.scratch.Get().(*mapping)
	if g == nil {
		g = newMapping(&m.opts)
	}
	g.startResource(rl.Resource().Attributes())
	for _, sl := range rl.ScopeLogs().All() {
		started := false
		for _, lr := range sl.LogRecords().All() {
			if leave != nil && leave(lr) {
				continue
			}
			if out.Full() {
				drops.Add(intake.ReasonTooLarge, 1)
				continue
			}
			if !started {
				started = true
				g.startScope(rl.Resource().Attributes(), sl.Scope())
			}
			if g.shared.tooLarge {
				drops.Add(intake.ReasonTooLarge, 1)
				continue
			}
			g.inheritHostAndService(lr.Attributes())
			start := len(out.Body)
			g.obj.begin(out.Body)
			g.limit = start + writtenBytes
			if g.record(lr); g.tooLarge {
				drops.Add(intake.ReasonTooLarge, 1)
				out.Body = g.obj.buf[:start]
				continue
			}
			body, finite := g.obj.finish()
			fits := true
			if finite && len(body)-start > maxLogBytes {
				body, fits = cut(body, start, maxLogBytes)
			}
			switch {
			case !finite:
				drops.Add(intake.ReasonNotFinite, 1)
				out.Body = body[:start]
			case !fits:
				drops.Add(intake.ReasonTooLarge, 1)
				out.Body = body[:start]
			default:
				out.Body = append(body, ',')
				out.EndItem(1, g.unixSeconds(lr))
			}
		}
	}
	if g.release() {
		m.scratch.Put(g)
	}
}

// mapping is the working memory of one call of Map. All of it is used again for the next one.
type mapping struct {
	opts *Options
	// sourceTag is the tag otel_source as the inside of a JSON string.
	sourceTag []byte
	shared    shared
	obj       object // the record's object, at the end of the payload
	rec       record
	limit     int  // of obj.buf while attributes are written
	tooLarge  bool // it is passed
	// host and service belong to the resource. Where it names none, the first record that does names them for itself and for the
	// records after it.
	host, service string
	// tail holds the members that are the same for every record of a scope.
	tail      []byte
	tailStale bool
	names     names
	path      []byte // dotted key of the attribute at hand
	text      []byte // text form of the value at hand
	clock     clock
}

func newMapping(opts *Options) *mapping {
	quoted := attributes.AppendJSONString(nil, "otel_source:"+opts.OTelSource)
	g := &mapping{opts: opts, sourceTag: quoted[1 : len(quoted)-1]}
	g.obj.init()
	g.shared.obj.initLike(&g.obj)
	return g
}

// inheritHostAndService lets a record name the host and service that its resource does not name.
func (g *mapping) inheritHostAndService(attrs pcommon.Map) {
	if g.host == "" && !g.opts.DropResourceHost {
		if host := attributes.Host(attrs); host != "" {
			g.host, g.tailStale = host, true
		}
	}
	if g.service == "" {
		if v, ok := attrs.Get("service.name"); ok {
			if service := attributes.Text(v); service != "" {
				g.service, g.tailStale = service, true
			}
		}
	}
}

// release forgets the pdata and reports whether the memory is small enough to keep.
func (g *mapping) release() bool {
	const maxKeptBytes = 1 << 20
	g.host, g.service, g.shared.scopeName, g.shared.scopeVersion = "", "", "", ""
	g.rec = record{}
	g.names.forgetLong()
	g.obj.buf = nil // belongs to the payload
	return cap(g.tail)+cap(g.path)+cap(g.text)+cap(g.shared.obj.buf)+cap(g.shared.values) <= maxKeptBytes &&
		g.obj.cells() <= maxKeptBytes/64
}
