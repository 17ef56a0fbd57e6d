package metrics

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire"
)

// Tx is a transaction. It belongs to one goroutine, and to nobody after Commit or Rollback.
type Tx struct {
	m          *Mapper
	id         uint64
	now        int64 // Unix nanoseconds of the collector's clock
	table      *table
	tenantHash seriesID
	undo       []undo
	histograms []histogramUndo
	cells      []cellUndo // of histograms

	// See seconds.go.
	counts   []count
	countsOf *intake.Payload
	countAt  map[countSecond]int // index in counts, of those below indexed; nil until it is needed
	indexed  int
	settled  int                  // counts below it have their second
	taken    []int                // of those under way that do not
	added    []int                // of those, what was added to others
	grow     func(slots int) bool // mayGrow, bound once

	series, sketches *intake.Payload
	drops            *intake.Drops
	except           Exception
	hide             func(attribute string) bool // attributes of the data point at hand that become no tags, nil for none

	res    resource
	scope  scope
	base   tagSet // tags of resource and scope, and how many bytes of them are the resource's
	metric metric
	point  tagSet // tags of the data point
	lead   tagSet // tags of one series of the data point, before all others
	unix   int64  // time of the data point in seconds
	nanos  uint64 // the same in nanoseconds
	// interval is what a point of a series stands for in seconds, 0 for unknown.
	interval int64

	copy            *copyRule     // of the metric under way, nil for a metric of its own
	pending         []pendingCopy // of the scope under way
	pointAttributes pcommon.Map   // of the data point

	sent     bool // the data point has a wire item, or is a copy, which is not counted
	tooLarge bool // the data point had a wire item larger than the intake takes

	sketch    sketch
	expo      expoConverter
	buckets   buckets
	resources []byte

	otlp        *otlpwire.Writer // of MapOTLP, nil until it is needed
	otlpBuckets expoBuckets

	text       []byte
	addBase    func(key, value string) // tx.base.add, bound once
	hideWriter func(key string) bool   // isWriterOrHidden, bound once
	mapScope   func(key string, v pcommon.Value) bool
	mapPoint   func(key string, v pcommon.Value) bool // addPointAttribute, bound once
}

// resource is what the data points of a resource share.
type resource struct {
	overrides overrides // with ResourceAttributesAsTags
	name      string    // the host that is sent, empty for none
	host      []byte    // the same as a MetricSeries.resources field
	identity  seriesID
	sent      seriesID // of the host that is sent
	whole     uint64   // of all attributes, of the one resource that they are
	tags      int      // bytes of Tx.base that are the resource's
	tagHash   seriesID // sum over them
	asType    string   // ResourceAttributesAsTags: the asTypeAttribute of the resource
	hasAsType bool
}

// scope is what the data points of a scope share.
type scope struct {
	seriesOrigin, sketchOrigin []byte
	sent                       seriesID // of host and tags that are sent

	// With Options.Shared: the stay at the last export that arrived, and the time of that.
	stay    stay
	export  uint64
	arrived bool
}

// metric is what the data points of a metric share.
type metric struct {
	name      []byte
	nameChars int
	unit      []byte
	known     [numSuffixes]bool // which of names are computed
	names     [numSuffixes]seriesID
	rest      seriesID // identity of tenant, resource, scope: everything but name and data point
	source    string   // the name as received
}

func newTx(m *Mapper) *Tx {
	tx := &Tx{m: m}
	tx.addBase, tx.grow, tx.hideWriter = tx.base.add, tx.mayGrow, tx.isWriterOrHidden
	tx.mapScope = func(key string, v pcommon.Value) bool {
		tx.base.addAttribute(key, v)
		return true
	}
	tx.mapPoint = tx.addPointAttribute
	return tx
}

// Map appends the wire items of one resource's metrics to series and sketches, and counts in drops the data points that
// become none. The attribute that names the tenant is not in rm any more.
func (tx *Tx) Map(rm pmetric.ResourceMetrics, series, sketches *intake.Payload, drops *intake.Drops) {
	tx.MapExcept(rm, Exception{}, series, sketches, drops)
}

// Exception names data points of gauges that are more than that, or no metric at all. The zero value names none.
type Exception struct {
	// Is names the data points, nil for none.
	Is func(pmetric.NumberDataPoint) bool
	// Keep maps them all the same, without the attributes that Hide names.
	Keep bool
	Hide func(attribute string) bool
}

// MapExcept is Map with an exception: data points that it names and does not keep are left out.
func (tx *Tx) MapExcept(rm pmetric.ResourceMetrics, except Exception, series, sketches *intake.Payload, drops *intake.Drops) {
	tx.except = except
	tx.series, tx.sketches, tx.drops = series, sketches, drops
	tx.into(series)
	tx.openResource(rm.Resource().Attributes())
	scopes := rm.ScopeMetrics()
	for i := range scopes.Len() {
		sm := scopes.At(i)
		tx.openScope(sm.Scope())
		ms := sm.Metrics()
		for j := range ms.Len() {
			m := ms.At(j)
			tx.mapMetric(m)
			if tx.m.copies.enabled() {
				tx.noteCopies(j, m.Name())
			}
		}
		tx.mapCopies(ms)
	}
	tx.settleCounts(series)
	tx.series, tx.sketches, tx.drops = nil, nil, nil
	tx.res.overrides.reset()
	tx.pointAttributes = pcommon.Map{}
	tx.except = Exception{}
}

// Commit ends the transaction: what it sent is on its way.
func (tx *Tx) Commit() { tx.release() }

// Rollback ends the transaction as if it had not been: what it appended is thrown away by the caller, and the same data may
// be mapped again.
//
// Cumulative series are as before. Where another transaction of the tenant advanced the same series in between, its point
// stays, what this transaction would have sent is added to the next difference, and the point mapped again is stale: each
// total is still sent once.
func (tx *Tx) Rollback() {
	tx.rollBack()
	tx.releaseSeconds()
	tx.release()
}

// release returns tx to the pool. What one huge request made large is not kept.
func (tx *Tx) release() {
	const keep = 1 << 16
	tx.table.users.Add(-1)
	tx.table = nil
	if cap(tx.undo) > keep {
		tx.undo = nil
	}
	tx.undo = tx.undo[:0]
	if cap(tx.cells) > keep {
		tx.cells = nil
	}
	clear(tx.histograms)
	tx.histograms, tx.cells = tx.histograms[:0], tx.cells[:0]
	if cap(tx.counts) > keep || len(tx.countAt) > keep {
		tx.counts, tx.countAt, tx.taken, tx.added = nil, nil, nil, nil
	}
	tx.counts, tx.countsOf, tx.settled = tx.counts[:0], nil, 0
	if cap(tx.sketch.bins) > keep || tx.expo.size() > keep || cap(tx.base.all)+cap(tx.point.all) > 16*keep ||
		tx.otlp != nil && tx.otlp.Size() > 16*keep || tx.otlpBuckets.size() > keep {
		return
	}
	tx.m.pool.Put(tx)
}
