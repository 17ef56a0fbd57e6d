package metrics

import (
	"encoding/binary"
	"math"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Of points that share metric, host, tags and second, Datadog keeps the last: a count that another sender wrote before is lost. Senders share them
// when nothing that is sent tells them apart, such as replicas without an attribute that becomes a tag. So one item at most holds a second of a count:
//
//   - what else comes for it in the same transaction is added to that item,
//   - a point that comes once more, in a call that its sender repeats, goes where it went before, and overwrites itself,
//   - what else comes in another transaction goes into the next second that is free, since the item is on its way; totals stay true,
//   - where there is none within maxShift, it is sent as it is, and counted as lost.
//
// A point is the same if its resource, time in nanoseconds and value are. Of gauges the last one is the right one. Nothing is said of sketches of one
// second, and they are left alone.
//
// https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/metrics/
type seconds struct {
	mu    sync.Mutex
	table secondTable // guarded by mu
}

// Seconds are figures of counts whose second was taken.
type Seconds struct {
	Added    uint64 // to another item
	Repeated uint64 // where they were before
	Moved    uint64 // into a later second
	Lost     uint64 // at Datadog, or what was there before
}

// count is an item of the transaction that holds a count.
type count struct {
	id     seriesID
	second uint32 // 0 where none was taken
	mark   uint32 // of the point; 0 where another transaction has taken the second
	item   uint32 // in Items of the payload
	value  uint32 // where its value is in Body; the time follows
}

type countSecond struct {
	id     seriesID
	second uint32
}

// noteCount notes the item that comes next as a count, whose value is the next that is appended to body.
func (tx *Tx) noteCount(s suffix, typ metricType, value float64, body []byte) {
	if tx.unix <= 0 || tx.unix >= math.MaxUint32-maxShift {
		return
	}
	id := tx.nameHash(s).plus(tx.scope.sent).plus(tx.point.hash)
	if len(tx.lead.all) > 0 {
		id = id.plus(tx.m.key.sum(partTag, tx.lead.all))
	}
	if typ != typeCount || tx.interval != 0 { // what is of another kind cannot be added up
		id = id.plus(seriesID{uint64(typ)<<56 + uint64(tx.interval)<<8, uint64(tx.interval)})
	}
	mark := uint32(fold(tx.res.whole^tx.nanos, math.Float64bits(value)^tx.m.key[2])) | 1
	tx.counts = append(tx.counts, count{id: id, second: uint32(tx.unix), mark: mark, item: uint32(len(tx.series.Items)), value: uint32(len(body))})
}

// latest is the last second that a right clock has a point of, Unix time.
func (tx *Tx) latest() int64 { return min(max(tx.now/int64(time.Second), 0)+maxAhead, math.MaxUint32) }

// settleCounts takes the seconds of the counts that were appended to p since the last time. It is one walk under one lock.
func (tx *Tx) settleCounts(p *intake.Payload) {
	all, latest := &tx.table.seconds, uint32(tx.latest())
	all.mu.Lock()
	for i := tx.settled; i < len(tx.counts); i++ {
		c := &tx.counts[i]
		if !all.table.claim(c.id.a|1, c.second, c.mark, latest, tx.grow) {
			tx.taken = append(tx.taken, i)
		}
	}
	all.mu.Unlock()
	if len(tx.taken) > 0 {
		tx.settleTaken(p)
		tx.taken = tx.taken[:0]
	}
	tx.settled = len(tx.counts)
}

// settleTaken finds a place for counts whose second is taken.
func (tx *Tx) settleTaken(p *intake.Payload) {
	st, taken, added := tx.m.state, tx.taken, tx.added[:0]
	if tx.countAt == nil {
		tx.countAt = make(map[countSecond]int)
	}
	for ; tx.indexed < len(tx.counts); tx.indexed++ {
		c := &tx.counts[tx.indexed]
		if len(taken) > 0 && taken[0] == tx.indexed {
			taken = taken[1:]
			switch {
			case tx.addToSent(p, c, 0, 0):
				added = append(added, tx.indexed)
				st.added.Add(1)
			case tx.repeat(p, c):
				st.repeated.Add(1)
			case tx.addToSent(p, c, 1, maxShift):
				added = append(added, tx.indexed)
				st.added.Add(1)
			case tx.move(p, c):
				st.moved.Add(1)
			default:
				c.second = 0
				st.lost.Add(1)
			}
		}
		if c.second != 0 {
			tx.countAt[countSecond{c.id, c.second}] = tx.indexed
		}
	}
	tx.cut(p, added)
	tx.added = added
}

// addToSent adds a count to another item of the transaction, if there is one whose second is so much later, and takes its second from it.
func (tx *Tx) addToSent(p *intake.Payload, c *count, from, to uint32) bool {
	for shift := from; shift <= to; shift++ {
		at, ok := tx.countAt[countSecond{c.id, c.second + shift}]
		if !ok {
			continue
		}
		other := &tx.counts[at]
		sum := valueAt(p.Body[other.value:]) + valueAt(p.Body[c.value:])
		if !finite(sum) {
			return false
		}
		binary.LittleEndian.PutUint64(p.Body[other.value:], math.Float64bits(sum))
		p.Items[other.item].Count += p.Items[c.item].Count
		c.second = 0
		return true
	}
	return false
}

func valueAt(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }

// repeat lets the item of a count have the second that it took when it came before.
func (tx *Tx) repeat(p *intake.Payload, c *count) bool {
	all := &tx.table.seconds
	all.mu.Lock()
	at, ok := all.table.repeated(c.id.a|1, c.second, c.mark)
	all.mu.Unlock()
	if _, own := tx.countAt[countSecond{c.id, at}]; !ok || own || !c.setSecond(p, at) { // own: it is there twice in this one
		return false
	}
	c.mark = 0
	return true
}

// move lets the item of a count have a later second.
func (tx *Tx) move(p *intake.Payload, c *count) bool {
	all := &tx.table.seconds
	all.mu.Lock()
	defer all.mu.Unlock()
	later, ok := all.table.claimLater(c.id.a|1, c.second, c.mark)
	if !ok {
		return false
	}
	if !c.setSecond(p, later) {
		all.table.release(c.id.a|1, later)
		return false
	}
	return true
}

// setSecond writes a second into the item of c, if it takes as many bytes, which changes once in centuries.
func (c *count) setSecond(p *intake.Payload, second uint32) bool {
	if protowire.SizeVarint(uint64(second)) != protowire.SizeVarint(uint64(c.second)) {
		return false
	}
	protowire.AppendVarint(p.Body[c.value+9:c.value+9], uint64(second)) // behind eight bytes and the tag of the field
	c.second = second
	return true
}

// cut takes the items of counts that were added to others out of p. They are of those that settleCounts is about, and in order.
func (tx *Tx) cut(p *intake.Payload, added []int) {
	if len(added) == 0 {
		return
	}
	first := tx.counts[added[0]].item
	end := uint32(0)
	if first > 0 {
		end = p.Items[first-1].End
	}
	out, begin, next := first, end, added[0]
	for i := first; i < uint32(len(p.Items)); i++ {
		it := p.Items[i]
		size, isCut := it.End-begin, len(added) > 0 && tx.counts[added[0]].item == i
		for ; next < len(tx.counts) && tx.counts[next].item == i; next++ {
			tx.counts[next].item = out
			tx.counts[next].value -= begin - end
		}
		if isCut {
			added = added[1:]
		} else {
			copy(p.Body[end:], p.Body[begin:it.End])
			end += size
			p.Items[out] = intake.Item{End: end, Count: it.Count, Unix: it.Unix}
			out++
		}
		begin = it.End
	}
	p.Body, p.Items = p.Body[:end], p.Items[:out]
}

// into makes p the payload that counts are added up in. Those in another one stay as they are.
func (tx *Tx) into(p *intake.Payload) {
	if tx.countsOf != p {
		clear(tx.countAt)
		tx.countsOf, tx.indexed = p, len(tx.counts)
	}
}

// mayGrow reports whether a table of seconds may have so many slots.
func (tx *Tx) mayGrow(slots int) bool {
	st, more := tx.m.state, slots/2
	if slots == firstSlots {
		more = slots
	}
	if slots > max(firstSlots, 2*st.maxPerTable) {
		return false
	}
	if st.slots.Add(int64(more)) > 2*int64(st.maxInAll) {
		st.slots.Add(-int64(more))
		return false
	}
	return true
}

// releaseSeconds gives the seconds of the transaction back.
func (tx *Tx) releaseSeconds() {
	all := &tx.table.seconds
	all.mu.Lock()
	defer all.mu.Unlock()
	for i := range tx.counts {
		if c := &tx.counts[i]; c.second != 0 && c.mark != 0 {
			all.table.release(c.id.a|1, c.second)
		}
	}
}
