package metrics

import (
	"sync"
	"sync/atomic"
)

// Mapper maps the metrics of all tenants of one exporter. It is safe for concurrent use.
type Mapper struct {
	opts         Options
	processStart uint64 // Unix nanoseconds
	copies       copyTables
	writer       writer
	key          *hashKey
	state        *state
	lastTx       atomic.Uint64
	pool         sync.Pool // *Tx
}

// New returns a Mapper that remembers no series yet.
func New(o Options) *Mapper {
	o = o.withDefaults()
	return &Mapper{
		opts: o, processStart: uint64(o.ProcessStart.UnixNano()), copies: newCopyTables(o.Remapping), writer: newWriter(o.WriterTag), key: newHashKey(), state: newState(&o),
	}
}

// Stats are the figures of a Mapper's memory of cumulative series.
type Stats struct {
	Series    int    // remembered now, of all tenants
	Evictions uint64 // forgotten, or not remembered, for lack of room; an expired series is none
	Seconds   Seconds
}

// Stats returns the figures of this moment.
func (m *Mapper) Stats() Stats {
	st := m.state
	return Stats{
		Series: int(st.series.Load()), Evictions: st.evictions.Load(),
		Seconds: Seconds{Added: st.added.Load(), Repeated: st.repeated.Load(), Moved: st.moved.Load(), Lost: st.lost.Load()},
	}
}

// Begin opens a transaction for one tenant: the mapping of one request. Exactly one of Commit and Rollback ends it.
func (m *Mapper) Begin(tenant string) *Tx {
	tx, _ := m.pool.Get().(*Tx)
	if tx == nil {
		tx = newTx(m)
	}
	tx.id = m.lastTx.Add(1)
	tx.now = m.opts.Now().UnixNano()
	m.state.sweepIfDue(tx.now)
	tx.table = m.state.open(tenant)
	tx.table.begun.Store(tx.now)
	tx.tenantHash = m.key.sum(partTenant, append(tx.text[:0], tenant...))
	return tx
}
