package metrics

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

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
