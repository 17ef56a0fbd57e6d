package isolation

import (
	"cmp"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Generator makes telemetry of owners, at random. Use it from one goroutine.
type Generator struct {
	// Claim is the tenant that resources say they are of, whosever they are. Empty is the truth.
	Claim string

	rnd     *rand.Rand
	streams *Streams
	now     time.Time
	batch   uint64 // number of what is made
	owner   Owner
	bare    bool // the resource under way names nobody
}

// NewGenerator continues the counters of streams.
func NewGenerator(rnd *rand.Rand, streams *Streams) *Generator {
	return &Generator{rnd: rnd, streams: streams}
}

// TenantAttribute is the resource attribute that names the tenant.
const TenantAttribute = "datadog.tenant"

// begin fills a resource of an owner.
func (g *Generator) begin(r pcommon.Resource, o Owner) {
	g.owner, g.bare = o, g.rnd.IntN(3) == 0
	a := r.Attributes()
	a.PutStr(TenantAttribute, cmp.Or(g.Claim, o.Name()))
	if g.bare {
		return
	}
	a.PutStr("service.name", "svc-"+o.mark())
	a.PutStr("host.name", "host-"+o.mark())
	if g.maybe() {
		a.PutStr("deployment.environment.name", "env-"+o.mark())
		a.PutStr("service.version", "v-"+o.mark())
	}
	if g.maybe() {
		a.PutStr("team", "team-"+o.mark())
		a.PutBool("datadog.host.use_as_metadata", true)
		a.PutStr("host.id", "id-"+o.mark())
	}
}

func (g *Generator) maybe() bool { return g.rnd.IntN(2) == 0 }

// many is how many items a resource has: few as a rule, and sometimes so many that the exporter lends memory for them.
func (g *Generator) many() int {
	if g.rnd.IntN(8) == 0 {
		return 20 + g.rnd.IntN(60)
	}
	return 1 + g.rnd.IntN(4)
}

// scope names an instrumentation scope, or does not.
func (g *Generator) scope(s pcommon.InstrumentationScope) {
	if !g.bare && g.maybe() {
		s.SetName("scope-" + g.owner.mark())
		s.SetVersion("1-" + g.owner.mark())
	}
}

// word is a text of the owner, or one of everybody.
func (g *Generator) word(prefix string) string {
	if g.bare {
		return "bare." + prefix
	}
	return prefix + "." + g.owner.mark()
}

// count is a small multiple of the owner's prime.
func (g *Generator) count() int64 { return int64(g.owner.prime()) * int64(1+g.rnd.IntN(9)) }

// sized is a multiple of the owner's prime in its tenant's range.
func (g *Generator) sized() int64 {
	p := float64(g.owner.prime())
	from, to := int64(g.owner.low()/p)+1, int64(g.owner.low()*1.25/p)
	return int64(p) * (from + g.rnd.Int64N(to-from+1))
}

// attributes are of an item.
func (g *Generator) attributes(a pcommon.Map, nested bool) {
	if g.bare {
		if g.maybe() {
			a.PutInt("bare.n", g.count())
		}
		return
	}
	a.PutStr("who", "w-"+g.owner.mark())
	if g.maybe() {
		a.PutInt("n", g.count())
	}
	if g.maybe() {
		a.PutStr("key."+g.owner.mark(), "v-"+g.owner.mark())
	}
	if nested && g.maybe() {
		a.PutDouble("d", float64(g.count()))
		a.PutBool("yes", true)
		m := a.PutEmptyMap("map")
		m.PutStr("inner", g.owner.mark())
		m.PutInt("count", g.count())
		s := a.PutEmptySlice("list")
		s.AppendEmpty().SetStr(g.owner.mark())
		s.AppendEmpty().SetInt(g.count())
	}
}

// id is that of a trace or span: the number of the batch, chance, and the tenant.
func (g *Generator) id() uint64 {
	return g.batch<<batchShift | g.rnd.Uint64()>>(64-batchShift)/idRest*idRest | uint64(g.owner.Tenant)
}

// Streams are the counters of all owners, which several generators can continue. The zero Streams is ready.
type Streams struct {
	batches atomic.Uint64

	mu    sync.Mutex // guards what follows
	open  map[streamKey]*stream
	begun time.Duration // a ns for each counter that began
}

type streamKey struct {
	owner  Owner
	name   string
	marked bool
}

// stream is a cumulative counter with its buckets, of which each grows by a multiple of the owner's prime with every point.
type stream struct {
	start, last time.Time
	count       uint64
	sum         float64
	buckets     [4]uint64
}

// observed is what a stream has seen by a moment.
type observed struct {
	start, at time.Time
	count     uint64
	sum       float64
	buckets   [4]uint64
}

// next counts one more step of a stream. Each bucket grows by its number of observations, sum by what was observed in all. With restart the
// counter begins anew. No two counters have the same start.
func (s *Streams) next(k streamKey, at time.Time, restart bool, grow [4]uint64, sum float64) observed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[streamKey]*stream)
	}
	st := s.open[k]
	if st == nil || restart {
		s.begun++
		begin := at.Truncate(time.Second).Add(s.begun)
		last := begin
		if st != nil && st.last.After(last) {
			last = st.last
		}
		st = &stream{start: begin, last: last}
		s.open[k] = st
	}
	if !at.After(st.last) {
		at = st.last.Add(1)
	}
	st.last = at
	for i, n := range grow {
		st.buckets[i] += n
		st.count += n
	}
	st.sum += sum
	return observed{st.start, at, st.count, st.sum, st.buckets}
}
