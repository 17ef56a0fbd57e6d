package metrics

import (
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire"
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

func (tx *Tx) openResource(attrs pcommon.Map) {
	r, o, key := &tx.res, &tx.m.opts, tx.m.key
	kind, id := attributes.Source(attrs)
	own := "" // distinguishes cumulative series even where it is not sent
	switch kind {
	case attributes.KindHost:
		own = validUTF8(id)
		r.name = own
		if o.DropResourceHost {
			r.name = o.FallbackHost
		}
	case attributes.KindNone:
		own, r.name = o.FallbackHost, o.FallbackHost
	default:
		r.name = ""
	}
	r.host = r.host[:0]
	if r.name != "" {
		r.host = appendResource(r.host, "host", r.name)
	}
	prefix, id := attributes.OriginID(attrs)
	r.identity = tx.tenantHash
	tx.text = append(tx.text[:0], own...)
	r.identity = r.identity.plus(key.sum(partHost, tx.text))
	tx.text = append(tx.text[:0], r.name...)
	r.sent = key.sum(partHost, tx.text)
	tx.text = tx.text[:0]
	for name, v := range attrs.All() {
		tx.text = append(append(append(tx.text, name...), 0), byte(v.Type()))
		tx.text = append(attributes.AppendValue(tx.text, v), 0)
	}
	r.whole = key.sum(partTag, tx.text).a
	tx.text = append(append(tx.text[:0], prefix...), id...)
	r.identity = r.identity.plus(key.sum(partOrigin, tx.text))

	tx.base.reset(key)
	attributes.EachTag(attrs, tx.addBase)
	r.tags, r.tagHash = len(tx.base.all), tx.base.hash
	r.asType, r.hasAsType = "", false
	if o.ResourceAttributesAsTags {
		r.overrides.read(attrs)
		if v, ok := r.overrides.get(asTypeAttribute); ok {
			r.asType, r.hasAsType = v.Str(), true
		}
	}
}

func (tx *Tx) openScope(sc pcommon.InstrumentationScope) {
	b := &tx.base
	b.all, b.hash = b.all[:tx.res.tags], tx.res.tagHash
	if tx.m.opts.ScopeTags {
		b.addOrNA("instrumentation_scope", sc.Name())
		b.addOrNA("instrumentation_scope_version", sc.Version())
		sc.Attributes().Range(tx.mapScope)
	}
	b.all = append(b.all, tx.m.writer.field...)
	if b.giveUp {
		// It may stay set for the next scope of the resource, which costs that scope a split and nothing else.
		b.hasDevice = false
		b.split()
	}
	tx.scope.arrived, tx.scope.sent = false, tx.res.sent.plus(b.hash)
	tx.scope.seriesOrigin = appendOrigin(tx.scope.seriesOrigin[:0], 9, sc.Name())
	tx.scope.sketchOrigin = appendOrigin(tx.scope.sketchOrigin[:0], 8, sc.Name())
}

func (tx *Tx) mapMetric(m pmetric.Metric) {
	mt := &tx.metric
	mt.source = m.Name()
	if tx.copy == nil {
		mt.name = tx.appendOwnName(mt.name[:0], mt.source)
	} else {
		mt.name = append(mt.name[:0], tx.copy.name...)
	}
	if len(mt.name) == 0 || !isASCIILetter(mt.name[0]) {
		tx.drop(intake.ReasonMalformed, DataPoints(m))
		return
	}
	mt.nameChars = utf8.RuneCount(mt.name)
	mt.unit = mt.unit[:0]
	if tx.m.opts.Units && (tx.copy == nil || !tx.copy.noUnit) {
		mt.unit = appendUnit(mt.unit, m.Unit())
	}
	mt.known = [numSuffixes]bool{}
	mt.rest = tx.res.identity.plus(tx.base.hash)
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		tx.mapGauge(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		tx.mapSum(m.Sum())
	case pmetric.MetricTypeHistogram:
		h := m.Histogram()
		switch h.AggregationTemporality() {
		case pmetric.AggregationTemporalityDelta:
			tx.mapHistograms(h.DataPoints(), true)
		case pmetric.AggregationTemporalityCumulative:
			tx.mapHistograms(h.DataPoints(), false)
		default:
			tx.drop(intake.ReasonTemporality, h.DataPoints().Len())
		}
	case pmetric.MetricTypeExponentialHistogram:
		h := m.ExponentialHistogram()
		if h.AggregationTemporality() != pmetric.AggregationTemporalityDelta {
			tx.drop(intake.ReasonTemporality, h.DataPoints().Len())
			return
		}
		tx.mapExponentialHistograms(h.DataPoints())
	case pmetric.MetricTypeSummary:
		tx.mapSummaries(m.Summary().DataPoints())
	}
}

// openPoint begins a data point: its time and its tags. Only one that is cumulative, or becomes a count, has an identity.
//
// The caller has asked isFull, and fits for a point of many series, before a point advances the memory of its series: one that finds no room
// is not lost to the difference of the next one.
func (tx *Tx) openPoint(attrs pcommon.Map, ts pcommon.Timestamp, cumulative, counts bool) {
	tx.unix, tx.nanos, tx.interval = int64(ts/1e9), uint64(ts), 0
	tx.sent, tx.tooLarge = tx.copy != nil, false
	tx.lead.reset(nil)
	key := tx.m.key
	if !cumulative && !counts {
		key = nil
	}
	tx.point.reset(key)
	tx.pointAttributes = attrs
	tx.addPointAttributes(attrs)
	if tx.copy != nil {
		tx.addSetAttributes()
	}
	if cumulative && tx.m.opts.Shared && (!tx.scope.arrived || uint64(ts) > tx.scope.export+sameExport) {
		tx.arrive(uint64(ts))
	}
}

func (tx *Tx) addPointAttributes(attrs pcommon.Map) {
	if !tx.m.opts.ResourceAttributesAsTags {
		attrs.Range(tx.mapPoint)
		return
	}
	tx.res.overrides.addTo(attrs, tx.mapPoint)
}

func (tx *Tx) addPointAttribute(key string, v pcommon.Value) bool {
	switch {
	case tx.hide != nil && tx.hide(key):
	case tx.copy != nil:
		tx.addCopiedAttribute(key, v)
	default:
		tx.point.addAttribute(key, v)
	}
	return true
}

// isFull counts a data point for which there is no room, and reports it.
func (tx *Tx) isFull() bool {
	if !tx.series.Full() && !tx.sketches.Full() {
		return false
	}
	tx.drop(intake.ReasonTooLarge, 1)
	return true
}

// fits reports whether n series of the open data point have room; else the point is counted as dropped. The tags of a point are repeated in each
// of its series, so a small point of many buckets or quantiles can ask for any amount of memory.
func (tx *Tx) fits(n int) bool {
	const others = 256 // of a series: its own tags and numbers, at most
	each := len(tx.res.host) + len(tx.metric.name) + len(tx.metric.unit) + len(tx.point.all) + len(tx.base.all) + others
	if n <= tx.series.Room()/each {
		return true
	}
	tx.drop(intake.ReasonTooLarge, 1)
	return false
}

// drop counts data points that are not sent. Those of a copy are counted as those of the original.
func (tx *Tx) drop(why intake.Reason, n int) {
	if tx.copy == nil {
		tx.drops.Add(why, n)
	}
}

// closePoint counts a data point that became no wire item.
func (tx *Tx) closePoint(why intake.Reason) {
	if tx.sent {
		return
	}
	if tx.tooLarge {
		why = intake.ReasonTooLarge
	}
	tx.drops.Add(why, 1)
}

// identity is the cumulative series of the current data point under a suffix.
func (tx *Tx) identity(s suffix) seriesID {
	return tx.nameHash(s).plus(tx.metric.rest).plus(tx.point.hash)
}

// nameHash is the part of an identity that the metric's name is, with a suffix.
func (tx *Tx) nameHash(s suffix) seriesID {
	mt := &tx.metric
	if !mt.known[s] {
		tx.text = append(append(tx.text[:0], mt.name...), suffixTexts[s]...)
		mt.names[s], mt.known[s] = tx.m.key.sum(partName, tx.text), true
	}
	return mt.names[s]
}

// sendFirst reports whether the first point of a monotonic series is sent, with its full value.
//
// With InitialAuto a series must have begun after this process did: then nothing was sent of it before. A series that was
// evicted looks like a new one too, so it must also have begun after the last eviction. With Shared it must have begun after its sender came here.
func (tx *Tx) sendFirst(start, ts uint64) bool {
	switch tx.m.opts.InitialValue {
	case InitialKeep:
		return true
	case InitialAuto:
		return start > tx.m.processStart && start != ts && start > uint64(tx.table.evicted.Load()) && (!tx.m.opts.Shared || start > tx.scope.stay.since)
	}
	return false
}

// validUTF8 repairs text that is not UTF-8: a strict decoder refuses a whole payload for it.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
