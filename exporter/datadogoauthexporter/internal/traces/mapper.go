package traces

import (
	"hash/maphash"
	"regexp"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Options are the settings of a Mapper. Their zero values are the defaults.
type Options struct {
	// FallbackHost is the host of resources that name none. Default empty: such spans have no host, and the machine of the
	// collector is nobody's host.
	FallbackHost string
	// PeerTags are the keys of meta that stats are told of, in the order that they are told in. At most 32767, none longer than 200 bytes.
	PeerTags []string
	// DropResourceHost leaves out the host that a resource, or its spans in _dd.hostname, names.
	DropResourceHost bool
	// KeepQueryStrings leaves the queries of URLs as they are. User information goes out in any case.
	KeepQueryStrings bool
	// IgnoreResources leave out the traces whose root has a resource, before it is obfuscated, that one of them matches.
	IgnoreResources []*regexp.Regexp
	// SpanNameAsResourceName makes the name of a span its operation name. SpanNameRemappings are other operation names, by operation name before it
	// is normalised. With either, names follow the first version of Datadog's rules.
	SpanNameAsResourceName bool
	SpanNameRemappings     map[string]string
	// TopLevelBySpanKind takes spans without a parent, of servers and of consumers for those by which a service is entered, and measures those of
	// clients and producers; otherwise a service is entered where a span and its parent differ in it.
	TopLevelBySpanKind bool
	// Public makes items of the public span intake, instead of those of the Agent's.
	Public bool
	// Now dates spans that start before the year 2000. Default time.Now.
	Now func() time.Time
}

// Mapper turns the spans of resources into items of the trace intake. It has no state of its own from one call to the next, and is safe
// for concurrent use. Build one with New.
type Mapper struct {
	opts    Options
	names   names
	targets [numAttrKeys]name // attrTargets with their hashes
	seed    maphash.Seed
	sql     sqlObfuscator
	pool    sync.Pool // of *mapping

	firstNaming bool // names follow the first version of the rules

	statsKeys statsKeys
}

// New builds a Mapper.
func New(o Options) *Mapper {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Mapper{
		opts: o, seed: maphash.MakeSeed(), sql: newSQLObfuscator(),
		firstNaming: o.SpanNameAsResourceName || len(o.SpanNameRemappings) > 0,
	}
	m.names = newNames(m.seed)
	for key, text := range attrTargets {
		m.targets[key] = name{text, maphash.String(m.seed, text), true}
	}
	m.statsKeys = newStatsKeys(m, o.PeerTags)
	return m
}

// Map appends the spans of one resource to out, as items that hold whole trace chunks: all spans of one trace in one TracerPayload,
// unless they are too large for one body. An item counts its spans and is dated by the latest span end in it.
//
// Spans that are not sent are counted in drops: ReasonMalformed for all spans of a chunk in which a trace or span id is zero,
// ReasonIgnored for those of a trace that Options.IgnoreResources leaves out, ReasonSampled for those of a trace that its sender marked as not to be
// kept, ReasonTooLarge for a span that no body can hold, or for which out has no room.
//
// stats is told of the spans that are sent, and of those that are not because of their priority. It is not told of a resource whose sender computed
// stats, and may be nil.
//
// rs is only read, and nothing of it is kept.
func (m *Mapper) Map(rs ptrace.ResourceSpans, out *intake.Payload, drops *intake.Drops, stats Stats) {
	g, _ := m.pool.Get().(*mapping)
	if g == nil {
		g = newMapping(m)
	}
	g.run(rs, out, drops, stats)
	if g.release() {
		m.pool.Put(g)
	}
}

// name hashes a key that came in with the data.
func (m *Mapper) name(text string) name { return name{text: text, hash: maphash.String(m.seed, text)} }

// maxPooledBytes is the size above which scratch is left to the garbage collector, so that one huge request does not keep its
// memory for good.
const maxPooledBytes = 4 << 20

// mapping is the scratch of one call of Map.
type mapping struct {
	*Mapper
	out   *intake.Payload
	drops *intake.Drops

	res    resource
	scopes []scope
	lasts  arena // text that lasts for the whole call: of resource and scopes

	refs    []spanRef
	heads   []chunkHead
	byTrace map[uint64]int32 // low half of a trace id to its place in heads

	chunk   chunk
	text    arena // text of the chunk under conversion
	attrs   known // of the span under conversion
	meta    pairs[string]
	metrics pairs[float64]

	payload tracerPayload

	hide    reading // of what stays OTLP
	replace func(key string, v pcommon.Value) (string, bool)

	stats      Stats // nil when it need not be told
	facts      statsFacts
	statsChunk StatsChunk
	statsSpan  StatsSpan
}

func newMapping(m *Mapper) *mapping {
	g := &mapping{Mapper: m, byTrace: map[uint64]int32{}, chunk: chunk{byID: map[uint64]int32{}}}
	g.replace = g.hidden
	return g
}

func (g *mapping) run(rs ptrace.ResourceSpans, out *intake.Payload, drops *intake.Drops, stats Stats) {
	g.out, g.drops = out, drops
	g.group(rs)
	if len(g.heads) == 0 {
		return
	}
	if stats != nil && !g.lasts.statsAreComputed(rs.Resource().Attributes()) {
		g.stats = stats
	}
	g.readResource(rs.Resource())
	for i := range g.scopes {
		g.readScope(&g.scopes[i])
	}
	for i := range g.heads {
		g.mapChunk(&g.heads[i])
	}
	g.closePayload()
}

// release drops every reference to pdata and to the caller's buffers. It reports whether the scratch is small enough to be used again.
func (g *mapping) release() bool {
	small := g.size() < maxPooledBytes
	g.out, g.drops, g.stats = nil, nil, nil
	g.facts.release()
	g.statsChunk, g.statsSpan = StatsChunk{}, StatsSpan{}
	g.res.release()
	for i := range g.scopes {
		g.scopes[i].release()
	}
	g.scopes = g.scopes[:0]
	clear(g.refs)
	g.refs, g.heads = g.refs[:0], g.heads[:0]
	clear(g.byTrace)
	g.chunk.reset()
	g.meta.reset()
	g.metrics.reset()
	g.attrs = known{}
	g.payload, g.hide = tracerPayload{}, reading{}
	g.lasts.reset()
	g.text.reset()
	return small
}

// size is about how many bytes the scratch holds on to. A map keeps its size, and the time that clearing it takes, so the largest
// parts of a call count: its chunks and its largest chunk.
func (g *mapping) size() int {
	const pairBytes, slotBytes, spanBytes, refBytes, headBytes = 56, 16, 216, 24, 12 + 32
	return cap(g.lasts.buf) + cap(g.text.buf) + pairBytes*(cap(g.meta.all)+cap(g.metrics.all)) +
		slotBytes*(len(g.meta.slots)+len(g.metrics.slots)) + spanBytes*cap(g.chunk.spans) + refBytes*cap(g.refs) + headBytes*cap(g.heads)
}
