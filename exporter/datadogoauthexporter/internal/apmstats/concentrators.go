package apmstats

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Options are the settings of Concentrators.
type Options struct {
	// BySpanKind computes stats for each span that serves or calls, besides those by which a service is entered and those that ask for it.
	BySpanKind bool
	// BucketInterval is the length of a bucket in ns.
	BucketInterval int64
	// MaxKeysPerTenant and MaxKeys bound the groups that are open at a time, and with keyBytes for each of them the bytes of their keys.
	MaxKeysPerTenant, MaxKeys int
	// AgentHost is the host of spans that have none.
	AgentHost string
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Observer is told of what an operator counts. It may be nil.
	Observer Observer
}

// Observer is told of spans. It is called from many goroutines, never with a lock held.
type Observer interface {
	// StatsLate is told of spans that ended before the oldest bucket that was open. They are counted in that bucket.
	StatsLate(spans int)
	// StatsOverflow is told of spans that are counted in an overflow group.
	StatsOverflow(spans int)
}

const (
	// keptBuckets is how many buckets stay open, the current one included: spans that arrive as late as that are in the right one.
	keptBuckets = 2
	// keyBytes is what a key may have on average, maxKeyBytes what one may have.
	keyBytes    = 1 << 10
	maxKeyBytes = 64 << 10
)

// Concentrators are the concentrators of all tenants. They are safe for concurrent use. Build them with New.
type Concentrators struct {
	opts   Options
	seed   maphash.Seed
	txs    sync.Pool // of *Tx
	groups sync.Pool // of *group

	keys, bytes atomic.Int64 // of the open groups of all tenants

	mu      sync.RWMutex // guards all, came and oldest
	all     map[owner]*concentrator
	came    int   // concentrators so far
	oldest  int64 // start of the oldest bucket that takes spans, ns
	flushMu sync.Mutex
}

// owner is whom stats belong to: a tenant with the organisation that had consented when the spans were mapped.
type owner struct{ tenant, org string }

// New builds Concentrators without a tenant.
func New(o Options) *Concentrators {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Concentrators{opts: o, seed: maphash.MakeSeed(), all: make(map[owner]*concentrator), oldest: align(o.Now().UnixNano(), o.BucketInterval)}
}

// Begin opens a transaction.
func (s *Concentrators) Begin(tenant, org string) *Tx {
	x, _ := s.txs.Get().(*Tx)
	if x == nil {
		x = &Tx{}
	}
	x.set, x.tenant, x.org = s, tenant, org
	return x
}

func (s *Concentrators) add(x *Tx) {
	now := s.opts.Now().UnixNano()
	late, overflowed, ok := 0, 0, false
	for !ok {
		late, overflowed, ok = s.of(owner{x.tenant, x.org}).add(x, now)
	}
	if s.opts.Observer == nil {
		return
	}
	if late > 0 {
		s.opts.Observer.StatsLate(late)
	}
	if overflowed > 0 {
		s.opts.Observer.StatsOverflow(overflowed)
	}
}

func (s *Concentrators) of(o owner) *concentrator {
	s.mu.RLock()
	c := s.all[o]
	s.mu.RUnlock()
	if c != nil {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c = s.all[o]; c == nil {
		c = &concentrator{set: s, owner: o, number: s.came, oldest: s.oldest}
		s.all[o] = c
		s.came++
	}
	return c
}

// reserve takes room for one more group with a key of size bytes, if there is some.
func (s *Concentrators) reserve(size int) bool {
	keys, bytes := s.keys.Add(1), s.bytes.Add(int64(size))
	if keys > int64(s.opts.MaxKeys) || bytes > int64(s.opts.MaxKeys)*keyBytes {
		s.free(1, size)
		return false
	}
	return true
}

func (s *Concentrators) free(keys, size int) {
	s.keys.Add(-int64(keys))
	s.bytes.Add(-int64(size))
}

// group makes one with a key that is kept, and never changed.
func (s *Concentrators) group(p *payload, key []byte) *group {
	g, _ := s.groups.Get().(*group)
	if g == nil {
		g = &group{}
	}
	g.payload, g.key = p, key
	return g
}

// Flush hands the buckets that are due to emit, with force all of them, encoded as items of the stats intake: each tenant's as one payload. An
// item counts its groups and is dated by the end of its bucket. emit takes over the payload, and returns false when the others are to wait for
// the next flush.
func (s *Concentrators) Flush(force bool, emit func(tenant, org string, p intake.Payload) bool) {
	s.flush(force, 0, 1, emit)
}

// FlushSome is Flush without force for one of so many parts, from 0 on, of the tenants. A tenant stays in its part as long as it has a bucket.
func (s *Concentrators) FlushSome(part, parts int, emit func(tenant, org string, p intake.Payload) bool) {
	s.flush(false, part, parts, emit)
}

func (s *Concentrators) flush(force bool, part, parts int, emit func(tenant, org string, p intake.Payload) bool) {
	s.flushMu.Lock() // so that a bucket's memory is given back before it is taken again
	defer s.flushMu.Unlock()
	now, interval := s.opts.Now().UnixNano(), s.opts.BucketInterval
	limit, oldest := now-keptBuckets*interval, align(now, interval)-(keptBuckets-1)*interval
	if force {
		limit = math.MaxInt64
	}
	for _, c := range s.started(oldest, part, parts) {
		due := c.take(limit, oldest)
		if len(due) == 0 {
			s.forget(c)
			continue
		}
		p := encode(due, uint64(interval))
		for _, b := range due {
			c.giveBack(b)
		}
		if !emit(c.owner.tenant, c.owner.org, p) {
			return
		}
	}
}

// started lists the concentrators of a part, in an order of chance, and keeps those that come from now on from buckets before oldest.
func (s *Concentrators) started(oldest int64, part, parts int) (all []*concentrator) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oldest = max(s.oldest, oldest)
	for _, c := range s.all {
		if c.number%parts == part {
			all = append(all, c)
		}
	}
	return all
}

// forget removes a concentrator that holds nothing.
func (s *Concentrators) forget(c *concentrator) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.buckets) == 0 {
		c.gone = true
		delete(s.all, c.owner)
	}
}
