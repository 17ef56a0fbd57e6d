package metrics

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// point is what is remembered of a cumulative series: its last point.
type point struct {
	start, ts uint64  // Unix nanoseconds
	value     float64 // of a sum or count; or the minimum or maximum
	owed      float64 // differences that were sent in a request that then was refused; the next difference has them in it
	writer    uint64  // the transaction that wrote it
	written   int64   // when, Unix nanoseconds of the collector's clock
}

// continues reports whether a point goes on from p, rather than being the first one after a start or reset.
//
// Without a start time it always does. With start equal to its own time, a sequence begins there at an unknown start.
// https://opentelemetry.io/docs/specs/otel/metrics/data-model/#resets-and-gaps
func (p *point) continues(start, ts uint64) bool { return continues(p.start, start, ts) }

func continues(last, start, ts uint64) bool { return start == 0 || start != ts && start == last }

// state is the memory of all tenants: one table per tenant, so that no key, cap or lock of one is another's.
type state struct {
	maxPerTable int
	maxInAll    int
	ttl         time.Duration

	series    atomic.Int64
	evictions atomic.Uint64
	slots     atomic.Int64 // of the tables of seconds
	added     atomic.Uint64
	repeated  atomic.Uint64
	moved     atomic.Uint64
	lost      atomic.Uint64
	largest   atomic.Pointer[table] // about the table with most series: it gives way when the memory is full in all
	nextSweep atomic.Int64          // Unix nanoseconds

	mu     sync.RWMutex
	tables map[string]*table // guarded by mu
}

// table is the memory of one tenant.
type table struct {
	begun   atomic.Int64 // when the last transaction began, Unix nanoseconds
	users   atomic.Int32 // transactions that hold it; a table in use is not removed
	series  atomic.Int64
	evicted atomic.Int64                      // when a series was last evicted, Unix nanoseconds
	few     [1]shard                          // all series, until many is set
	many    atomic.Pointer[[manyShards]shard] // all series, once they are many
	seconds seconds
}

func newState(o *Options) *state {
	s := &state{
		maxPerTable: o.MaxSeriesPerTenant,
		maxInAll:    o.MaxSeries,
		ttl:         o.DeltaTTL,
		tables:      make(map[string]*table),
	}
	s.nextSweep.Store(o.Now().Add(s.sweepEvery()).UnixNano())
	return s
}

func (s *state) sweepEvery() time.Duration { return max(s.ttl/2, time.Second) }

// open returns the table of a tenant and keeps it alive until users is decremented.
func (s *state) open(tenant string) *table {
	s.mu.RLock()
	t := s.tables[tenant]
	if t != nil {
		t.users.Add(1)
	}
	s.mu.RUnlock()
	if t != nil {
		return t
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t = s.tables[tenant]; t == nil {
		t = new(table)
		s.tables[strings.Clone(tenant)] = t
	}
	t.users.Add(1)
	return t
}

// sweepIfDue forgets what expired, in the caller that comes first after half a TTL. Expired points count as absent anyway;
// this is about memory. One shard is locked at a time.
func (s *state) sweepIfDue(now int64) {
	due := s.nextSweep.Load()
	if now < due || !s.nextSweep.CompareAndSwap(due, now+int64(s.sweepEvery())) {
		return
	}
	s.mu.RLock()
	tables := make([]*table, 0, len(s.tables))
	for _, t := range s.tables {
		tables = append(tables, t)
	}
	s.mu.RUnlock()
	var largest *table
	for _, t := range tables {
		shards := t.shards()
		for i := range shards {
			s.sweepShard(t, &shards[i], now)
		}
		if largest == nil || t.series.Load() > largest.series.Load() {
			largest = t
		}
	}
	s.largest.Store(largest)

	s.mu.Lock()
	defer s.mu.Unlock()
	for tenant, t := range s.tables {
		if t.users.Load() == 0 && t.series.Load() == 0 && now-t.begun.Load() > int64(idleSeconds*time.Second) {
			delete(s.tables, tenant)
			s.slots.Add(-int64(len(t.seconds.table.slots))) // nobody uses it
		}
	}
}

func (s *state) sweepShard(t *table, sh *shard, now int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for id, p := range sh.points {
		if s.expired(&p, now) {
			delete(sh.points, id)
			s.count(t, -1)
		}
	}
	if len(sh.points) == 0 {
		sh.points = nil
	}
	for id, h := range sh.histograms {
		if s.hasExpired(h.written, now) {
			delete(sh.histograms, id)
			s.count(t, -int64(len(h.cells)))
		}
	}
	if len(sh.histograms) == 0 {
		sh.histograms = nil
	}
}

func (s *state) expired(p *point, now int64) bool { return s.hasExpired(p.written, now) }

func (s *state) hasExpired(written, now int64) bool { return now-written > int64(s.ttl) }

func (s *state) count(t *table, n int64) {
	s.series.Add(n)
	mine := t.series.Add(n)
	if n > 0 {
		if l := s.largest.Load(); l == nil || l != t && mine > l.series.Load() {
			s.largest.Store(t)
		}
	}
}

// full reports whether so many more series in t need room to be made first, and in which table.
func (s *state) full(t *table, more int) (victim *table, full bool) {
	if t.series.Load()+int64(more) > int64(s.maxPerTable) {
		return t, true
	}
	if s.series.Load()+int64(more) > int64(s.maxInAll) {
		if l := s.largest.Load(); l != nil && l.series.Load() > t.series.Load() {
			return l, true
		}
		return t, true
	}
	return nil, false
}

// evicted is what was forgotten to make room: a series or a histogram.
type evicted struct {
	id        seriesID
	point     point
	histogram *histogram // nil: a series
}

// cells is how many series it counts as.
func (e *evicted) cells() int {
	if e.histogram == nil {
		return 1
	}
	return len(e.histogram.cells)
}

// evict forgets the series or histogram of t that is longest without a point, among a sample. It returns what it forgot, if anything.
func (s *state) evict(t *table, from seriesID, now int64) (e evicted, ok bool) {
	shards, sample, oldest := t.shards(), 24, int64(0)
	for i := 0; i < len(shards) && sample > 0; i++ {
		sh := &shards[(from.a+uint64(i))%uint64(len(shards))]
		sh.mu.Lock()
		for candidate, q := range sh.points { // a map's order is random
			if !ok || q.written < oldest {
				e, oldest, ok = evicted{id: candidate}, q.written, true
			}
			if sample--; sample == 0 {
				break
			}
		}
		for candidate, h := range sh.histograms {
			if sample <= 0 {
				break
			}
			if !ok || h.written < oldest {
				e, oldest, ok = evicted{id: candidate, histogram: h}, h.written, true
			}
			sample--
		}
		sh.mu.Unlock()
	}
	if !ok {
		return evicted{}, false
	}
	sh := t.lock(e.id)
	room := int64(e.cells())
	if e.histogram == nil {
		e.point, ok = sh.points[e.id]
		delete(sh.points, e.id)
	} else {
		ok = sh.histograms[e.id] == e.histogram
		if ok {
			delete(sh.histograms, e.id)
		}
	}
	sh.mu.Unlock()
	if ok { // nobody else forgot it since
		s.count(t, -room)
		s.evictions.Add(1)
		t.evicted.Store(now)
	}
	return e, ok
}
