package traces

import (
	"encoding/hex"
	"math"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// span is one converted span. Its entries of meta and metrics lie in mapping.meta and mapping.metrics.
type span struct {
	service, name, resource, typ string
	named                        string // the resource before it was obfuscated
	id, parent                   uint64
	start, duration              int64 // ns
	failed                       bool
	metaFrom, metaTo             int
	metricsFrom, metricsTo       int
	size                         int  // of the wire message
	left                         bool // not sent: the trace is dropped without it
}

// Free entries for what is known only once the chunk is complete: the decision maker; top level and two rates.
const (
	lateMeta    = 1
	lateMetrics = 3
)

// convert appends in to the chunk's spans.
func (g *mapping) convert(in ptrace.Span, sc *scope) {
	g.attrs.has = 0
	for key, v := range in.Attributes().All() {
		g.attrs.note(attrKeyOf(key), v)
	}
	c := g.concepts()
	g.meta.begin()
	g.metrics.begin()

	s := span{
		service:     g.serviceName(c),
		typ:         g.spanType(in.Kind(), c),
		id:          spanID(in.SpanID()),
		parent:      spanID(in.ParentSpanID()),
		failed:      in.Status().Code() == ptrace.StatusCodeError,
		metaFrom:    g.meta.first,
		metricsFrom: g.metrics.first,
	}
	s.start, s.duration = g.times(in)
	if traceID := lowTraceID(in.TraceID()); s.parent == s.id && s.id == traceID {
		s.parent = 0
	}
	g.writeMeta(in, sc, c, s.failed)
	g.nameSpan(&s, in, sc, c)
	g.normalizeMeta()
	g.obfuscate(&s)
	s.typ = validUTF8(truncateUTF8(s.typ, maxNameBytes))
	s.resource = validUTF8(truncateUTF8(s.resource, maxResourceBytes))
	g.fit()
	if g.opts.TopLevelBySpanKind {
		g.believeTracer()
	}

	g.meta.reserve(lateMeta)
	g.metrics.reserve(lateMetrics)
	s.metaTo, s.metricsTo = len(g.meta.all), len(g.metrics.all)
	g.chunk.spans = append(g.chunk.spans, s)
}

// writeMeta fills meta and metrics. The order matters: it decides who wins.
func (g *mapping) writeMeta(in ptrace.Span, sc *scope, c concepts, failed bool) {
	n, meta, metrics, a := &g.names, &g.meta, &g.metrics, &g.text

	meta.add(n.spanKind, kindName(in.Kind())).fits = true
	if code, ok := c.httpStatusCode(); ok && code >= 0 {
		metrics.add(n.httpStatusCode, float64(code))
	}
	if code := c.grpcStatusCode(a); code != "" {
		meta.set(n.grpcStatusCode, code)
	}
	if g.opts.TopLevelBySpanKind {
		g.markByKind(in)
	}
	if v, ok := c.int(attrMeasured); ok && v == 1 {
		metrics.set(n.measured, 1)
	}
	if v, ok := g.attrs.get(attrSampleRate); ok {
		if rate, ok := number(v); ok {
			metrics.set(n.sampleRate, rate)
		}
	}
	if ts := in.TraceState().AsRaw(); ts != "" {
		meta.set(n.traceState, ts)
		if p, ok := samplingProbability(ts); ok {
			metrics.setIfAbsent(n.sampleRate, p)
		}
	}
	g.writeAttributes(in.Attributes())

	traceID := in.TraceID()
	from := len(a.buf)
	a.buf = hex.AppendEncode(a.buf, traceID[:])
	meta.set(n.traceID, a.since(from)).fits = true
	if version := g.normalized(c.str(attrServiceVersion), g.res.version); version != "" && meta.find(n.version) == nil {
		meta.add(n.version, version).fits = true // as every tag value
	}
	if in.Events().Len() > 0 {
		text, exception := a.events(in.Events())
		meta.set(n.events, text)
		if exception {
			meta.set(n.hasException, "true")
		}
	}
	if in.Links().Len() > 0 {
		meta.set(n.spanLinks, a.links(in.Links()))
	}
	if s := sc.name; s.value != "" {
		meta.set(n.scopeName, s.value).fits = s.fits
		meta.set(n.libraryName, s.value).fits = s.fits
	}
	if s := sc.version; s.value != "" {
		meta.set(n.scopeVersion, s.value).fits = s.fits
		meta.set(n.libraryVersion, s.value).fits = s.fits
	}
	meta.set(n.statusCode, in.Status().Code().String()).fits = true
	if s := in.Status().Message(); s != "" {
		meta.set(n.statusDescription, s)
	}
	if failed {
		if msg := g.errorMessage(in.Status().Message()); msg != "" {
			meta.setIfAbsent(n.errorMsg, msg)
		}
	}
	if env := g.normalized(c.str(attrEnvName, attrEnv), g.res.env); env != "" && meta.find(n.env) == nil {
		meta.add(n.env, env).fits = true
	}
	for i := range g.res.attrs {
		e := &g.res.attrs[i]
		known := len(meta.all)
		g.writeText(e.name, e.value)
		if len(meta.all) > known {
			meta.all[known].fits = e.fits
		}
	}
	for i := range sc.attrs {
		e := &sc.attrs[i]
		meta.set(e.name, e.value).fits = e.fits
	}
	if namespace := c.str(attrDBNamespace); namespace != "" {
		meta.setIfAbsent(n.dbName, namespace)
	}
}

// writeAttributes writes the attributes of the span under conversion: numbers into metrics, everything else as text into meta.
func (g *mapping) writeAttributes(attrs pcommon.Map) {
	for key, v := range attrs.All() {
		id := attrKeyOf(key)
		target := g.target(&g.text, id, key)
		if target.text == "" {
			continue
		}
		f, isNumber := number(v)
		switch {
		case !isNumber:
			g.writeText(target, g.text.value(v))
		case id == attrSamplingPriority:
			g.metrics.setIfAbsent(g.names.priority, f)
		default:
			g.metrics.setIfAbsent(target, f)
		}
	}
}

// writeText writes an attribute into meta. "analytics.event" is a switch that lives in metrics.
func (g *mapping) writeText(key name, value string) {
	if key.text != "analytics.event" {
		g.meta.setIfEmpty(key, value)
		return
	}
	if on, err := strconv.ParseBool(value); err == nil {
		rate := 0.0
		if on {
			rate = 1
		}
		g.metrics.setIfAbsent(g.names.eventRate, rate)
	}
}

func number(v pcommon.Value) (float64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeDouble:
		return v.Double(), true
	case pcommon.ValueTypeInt:
		return float64(v.Int()), true
	}
	return 0, false
}

// errorMessage is what to say of a failed span that says nothing under error.msg: its status message, else the HTTP status where it is
// there as text. (As a number it is in metrics, and does not count.)
func (g *mapping) errorMessage(status string) string {
	if status != "" {
		return status
	}
	code, _ := g.meta.get(g.names.httpStatusCode)
	if code == "" {
		return ""
	}
	if n, err := strconv.Atoi(code); err == nil {
		if phrase := http.StatusText(n); phrase != "" {
			return g.text.join(code, " ", phrase)
		}
	}
	return code
}

// year2000 is 2000-01-01T00:00:00Z in ns. An earlier start is a fault.
const year2000 = 946684800000000000

// times are start and duration in ns, put right: no negative duration, and for a start that cannot be one that ends with this moment.
func (g *mapping) times(in ptrace.Span) (start, duration int64) {
	start = int64(in.StartTimestamp())
	duration = int64(in.EndTimestamp()) - start
	if duration < 0 || duration > math.MaxInt64-start {
		duration = 0
	}
	if start < year2000 {
		now := g.opts.Now().UnixNano()
		if start = now - duration; start < 0 {
			start = now
		}
	}
	return start, duration
}

// end is the end of a span in seconds since 1970.
func (s *span) end() int64 { return (s.start + s.duration) / int64(time.Second) }
