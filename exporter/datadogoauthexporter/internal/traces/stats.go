package traces

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Stats is told of every span that is mapped, chunk by chunk and before sampling, so that stats can be computed of what was measured rather
// than of what is sent. What it is given is good during the call only.
type Stats interface {
	// Chunk tells what the spans that follow have in common.
	Chunk(*StatsChunk)
	Span(*StatsSpan)
}

// StatsChunk is what the spans of a chunk have in common.
type StatsChunk struct {
	// Of the payload that the chunk is sent in.
	Env, Hostname, Version, ContainerID, GitCommitSha, Lang string
	// The root's _dd.base_service and _dd.origin.
	BaseService, Origin string
	// The root's _sample_rate, 0 when it has none.
	SampleRate float64
}

// StatsSpan is a span as it is sent, with what its entries say.
type StatsSpan struct {
	Service, Name, Resource, Type string
	// Meta span.kind, _dd.svc_src and _dd.base_service.
	Kind, ServiceSource, BaseService string
	// The HTTP status code, 0 for none, and the gRPC status as the span has it.
	HTTPStatus int64
	GRPCStatus string
	// The entries of meta under Options.PeerTags that are not empty, in that order.
	PeerTags []PeerTag
	// In ns. Neither is negative, nor is their sum too large.
	Start, Duration int64

	Failed, TraceRoot, TopLevel, Measured, Partial bool
}

// PeerTag is an entry of meta that may name the peer of a span.
type PeerTag = struct{ Key, Value string }

// fact numbers what stats need to know from meta and metrics.
type fact uint8

const (
	factNone fact = iota
	factKind
	factServiceSource
	factBaseService
	factTopLevel
	factTracerTopLevel
	factMeasured
	factPartial
	factHTTPStatus
	factHTTPResponseStatus
	factGRPCStatus // this and the next three are the keys of the concept in their order
	factGRPCCode
	factGRPCStatusDotCode
	factGRPCPlainStatusCode
	factRPCResponseStatus
	factRPCSystemName
	factRPCSystem
	numFacts
)

var factKeys = [numFacts]string{
	factKind: "span.kind", factServiceSource: "_dd.svc_src", factBaseService: "_dd.base_service", factTopLevel: "_top_level",
	factTracerTopLevel: "_dd.top_level", factMeasured: "_dd.measured", factPartial: "_dd.partial_version", factHTTPStatus: "http.status_code",
	factHTTPResponseStatus: "http.response.status_code", factGRPCStatus: "rpc.grpc.status_code", factGRPCCode: "grpc.code",
	factGRPCStatusDotCode: "rpc.grpc.status.code", factGRPCPlainStatusCode: "grpc.status.code", factRPCResponseStatus: "rpc.response.status_code",
	factRPCSystemName: "rpc.system.name", factRPCSystem: "rpc.system",
}

// statsKeys finds the keys that matter for stats among those of a span, at a probe or two for each.
type statsKeys struct {
	slots []statsKey
	peers []string
	// commit is a key that a chunk is searched for.
	commit name
}

type statsKey struct {
	name
	fact fact
	peer int16 // its place in peers, -1 for none
}

func newStatsKeys(m *Mapper, peers []string) statsKeys {
	size := 256
	for size < 4*(len(peers)+int(numFacts)) {
		size *= 2
	}
	k := statsKeys{slots: make([]statsKey, size), peers: peers, commit: m.name("_dd.git.commit.sha")}
	for f := factNone + 1; f < numFacts; f++ {
		k.slot(m.name(factKeys[f])).fact = f
	}
	for i, key := range peers {
		k.slot(m.name(key)).peer = int16(i)
	}
	return k
}

// slot is that of key, which is put there if it is not.
func (k *statsKeys) slot(key name) *statsKey {
	mask := uint64(len(k.slots) - 1)
	for i := key.hash & mask; ; i = (i + 1) & mask {
		switch s := &k.slots[i]; {
		case s.text == "":
			*s = statsKey{name: key, peer: -1}
			return s
		case s.hash == key.hash && s.text == key.text:
			return s
		}
	}
}

func (k *statsKeys) find(key *name) *statsKey {
	mask := uint64(len(k.slots) - 1)
	for i := key.hash & mask; ; i = (i + 1) & mask {
		switch s := &k.slots[i]; {
		case s.text == "":
			return nil
		case s.hash == key.hash && s.text == key.text:
			return s
		}
	}
}

// statsFacts is what the entries of one span say. Of texts and numbers only those that are there are good.
type statsFacts struct {
	hasText, hasNumber uint32
	texts              [numFacts]string
	numbers            [numFacts]float64
	peers              []PeerTag
	order              []int16 // of peers
}

var _ [32 - numFacts]struct{} // hasText holds a bit for each

// release drops every reference to text.
func (f *statsFacts) release() {
	f.hasText, f.texts = 0, [numFacts]string{}
	clear(f.peers[:cap(f.peers)])
	f.peers = f.peers[:0]
}

func (f *statsFacts) text(k fact) string {
	if f.hasText&(1<<k) != 0 {
		return f.texts[k]
	}
	return ""
}

func (f *statsFacts) number(k fact) (float64, bool) {
	return f.numbers[k], f.hasNumber&(1<<k) != 0
}

func (f *statsFacts) isOne(k fact) bool {
	v, ok := f.number(k)
	return ok && v == 1
}

// whole is the number under k if it is an integer. -2^63 is one, 2^63 is none of 64 bits.
func (f *statsFacts) whole(k fact) (int64, bool) {
	v, ok := f.number(k)
	if !ok || v != math.Trunc(v) || v < -1<<63 || v >= 1<<63 {
		return 0, false
	}
	return int64(v), true
}

// tellStats tells the stats of the chunk, whose values are complete but for what sampling adds.
func (g *mapping) tellStats() {
	if g.stats == nil {
		return
	}
	c, p := &g.chunk, &g.payload
	rate, _ := lookUp(g.metricsOf(c.root), g.names.sampleRate)
	base, _ := lookUp(g.metaOf(c.root), g.names.baseService)
	g.statsChunk = StatsChunk{
		Env: p.env, Hostname: p.hostname, Version: p.appVersion, ContainerID: p.containerID, Lang: p.languageName,
		GitCommitSha: g.ofRootElseOthers(g.statsKeys.commit), BaseService: base, Origin: c.origin, SampleRate: rate,
	}
	g.stats.Chunk(&g.statsChunk)
	for i := range c.spans {
		g.readFacts(i)
		g.describeSpan(&c.spans[i])
		g.stats.Span(&g.statsSpan)
	}
}

// readFacts reads what the entries of the span at i say.
func (g *mapping) readFacts(i int) {
	f := &g.facts
	f.hasText, f.hasNumber, f.peers, f.order = 0, 0, f.peers[:0], f.order[:0]
	meta, metrics := g.metaOf(i), g.metricsOf(i)
	for j := range meta {
		e := &meta[j]
		if e.dead {
			continue
		}
		k := g.statsKeys.find(&e.name)
		if k == nil {
			continue
		}
		if k.fact != factNone {
			f.hasText |= 1 << k.fact
			f.texts[k.fact] = e.value
		}
		if k.peer >= 0 && e.value != "" {
			f.addPeer(k, e.value)
		}
	}
	for j := range metrics {
		e := &metrics[j]
		if e.dead {
			continue
		}
		if k := g.statsKeys.find(&e.name); k != nil && k.fact != factNone {
			f.hasNumber |= 1 << k.fact
			f.numbers[k.fact] = e.value
		}
	}
}

// addPeer keeps the order of the keys. There are few.
func (f *statsFacts) addPeer(k *statsKey, value string) {
	f.peers, f.order = append(f.peers, PeerTag{k.text, value}), append(f.order, k.peer)
	for i := len(f.order) - 1; i > 0 && f.order[i] < f.order[i-1]; i-- {
		f.order[i], f.order[i-1] = f.order[i-1], f.order[i]
		f.peers[i], f.peers[i-1] = f.peers[i-1], f.peers[i]
	}
}

func (g *mapping) describeSpan(s *span) {
	f := &g.facts
	partial, isPartial := f.number(factPartial)
	g.statsSpan = StatsSpan{
		Service: s.service, Name: s.name, Resource: s.resource, Type: s.typ,
		Kind: f.text(factKind), ServiceSource: f.text(factServiceSource), BaseService: f.text(factBaseService),
		HTTPStatus: f.httpStatus(), GRPCStatus: f.grpcStatus(&g.text), PeerTags: f.peers, Start: s.start, Duration: s.duration,
		Failed: s.failed, TraceRoot: s.parent == 0, TopLevel: f.isOne(factTopLevel) || f.isOne(factTracerTopLevel),
		Measured: f.isOne(factMeasured), Partial: isPartial && partial >= 0,
	}
}

// httpStatus reads the concept http.status_code from the entries of a converted span; see concepts for that of an OTLP span.
func (f *statsFacts) httpStatus() int64 {
	for _, k := range [...]fact{factHTTPStatus, factHTTPResponseStatus} {
		if code, ok := f.whole(k); ok {
			return code
		}
		if code, ok := integer(f.text(k)); ok {
			return code
		}
	}
	return 0
}

// grpcStatus reads the concept rpc.grpc.status_code.
func (f *statsFacts) grpcStatus(a *arena) string {
	for k := factGRPCStatus; k <= factGRPCPlainStatusCode; k++ {
		if code := f.either(a, k); code != "" {
			return code
		}
	}
	system := f.text(factRPCSystemName)
	if system == "" {
		system = f.text(factRPCSystem)
	}
	if system == "grpc" {
		return f.either(a, factRPCResponseStatus)
	}
	return ""
}

// either is the text under k, or else the integer as text.
func (f *statsFacts) either(a *arena, k fact) string {
	if s := f.text(k); s != "" {
		return s
	}
	if i, ok := f.whole(k); ok {
		return a.int(i)
	}
	return ""
}

// StatsAreComputed says that whoever sent a resource with these attributes has computed stats of its spans.
func StatsAreComputed(res pcommon.Map) bool {
	v, ok := res.Get("_dd.stats_computed")
	if ok && v.Type() == pcommon.ValueTypeBool {
		return v.Bool()
	}
	return ok && new(arena).statsAreComputed(res)
}

// statsAreComputed says that whoever sent the resource has computed stats of its spans.
func (a *arena) statsAreComputed(res pcommon.Map) bool {
	v, ok := res.Get("_dd.stats_computed")
	if !ok {
		return false
	}
	text := a.tagValue(a.value(v))
	return text != "" && text != "false"
}
