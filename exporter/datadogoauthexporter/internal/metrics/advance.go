package metrics

import (
	"slices"
	"time"
)

// verdict is what became of one point of a cumulative series.
type verdict uint8

const (
	verdictSend     verdict = iota // there is an amount to send
	verdictBaseline                // nothing to send: the point is where later differences begin
	verdictStale                   // not newer than what is remembered, which stays as it was
)

// undo is one write of a transaction, as it has to be taken back.
type undo struct {
	id     seriesID
	before point
	had    bool    // before was there; else the series is new
	gone   bool    // the series was evicted to make room
	sent   float64 // what the write made the transaction send
	passed float64 // what was owed before the write and still is after it
}

// increase advances a monotonic series and returns how much it grew. The first point, and one after a reset (a new start
// time or a smaller value), is sent with its full value if sendFirst, and else is a baseline.
func (tx *Tx) increase(id seriesID, start, ts uint64, value float64, sendFirst bool) (float64, verdict) {
	sh, old, had := tx.lock(id)
	if sh == nil {
		return 0, verdictBaseline
	}
	if had && old.ts >= ts {
		sh.mu.Unlock()
		return 0, verdictStale
	}
	amount, v, owed := 0.0, verdictSend, 0.0
	switch here := tx.stayed(old.ts); {
	case here && had && value-old.value >= 0 && old.continues(start, ts):
		amount = value - old.value + old.owed
	case sendFirst:
		amount = value
		if here {
			amount += old.owed
		}
	default:
		v = verdictBaseline
		if here {
			owed = old.owed
		}
	}
	tx.write(sh, id, old, had, point{start: start, ts: ts, value: value, owed: owed}, amount)
	return amount, v
}

// rate advances a monotonic series and returns how much it grew per second. A first point, and one after a reset, is a baseline.
//
// It is a gauge: what a refused request would have said of a time that is over is owed to nobody.
func (tx *Tx) rate(id seriesID, start, ts uint64, value float64) (float64, verdict) {
	sh, old, had := tx.lock(id)
	if sh == nil {
		return 0, verdictBaseline
	}
	if had && old.ts >= ts {
		sh.mu.Unlock()
		return 0, verdictStale
	}
	perSecond, v := 0.0, verdictBaseline
	if had {
		perSecond = (value - old.value) / time.Duration(ts-old.ts).Seconds()
		if perSecond >= 0 && old.continues(start, ts) {
			v = verdictSend
		}
	}
	tx.write(sh, id, old, had, point{start: start, ts: ts, value: value}, 0)
	return perSecond, v
}

// difference advances a series that may fall as well and returns how much it changed. A first point is a baseline. So is,
// with noFall, one that is smaller than the last: that is a reset.
func (tx *Tx) difference(id seriesID, start, ts uint64, value float64, noFall bool) (float64, verdict) {
	sh, old, had := tx.lock(id)
	if sh == nil {
		return 0, verdictBaseline
	}
	if had && old.ts > ts {
		sh.mu.Unlock()
		return 0, verdictStale
	}
	amount, v, owed := 0.0, verdictBaseline, old.owed
	switch {
	case !tx.stayed(old.ts):
		owed = 0
	case had && old.continues(start, ts) && !(noFall && value-old.value < 0):
		amount, v, owed = value-old.value+old.owed, verdictSend, 0
	}
	tx.write(sh, id, old, had, point{start: start, ts: ts, value: value, owed: owed}, amount)
	return amount, v
}

// lock returns the locked shard of a series and its remembered point. A new series is given room first; where there is none
// it is not remembered: shard nil.
func (tx *Tx) lock(id seriesID) (sh *shard, p point, had bool) {
	if sh = tx.roomFor(id, 1); sh == nil {
		return nil, point{}, false
	}
	if p, had = sh.points[id]; had && tx.m.state.expired(&p, tx.now) {
		return sh, point{}, false
	}
	return sh, p, had
}

// roomFor returns the locked shard of a series, or of a histogram that is to have so many cells. For what these are more than is remembered of it
// room is made; where that fails the shard is nil.
func (tx *Tx) roomFor(id seriesID, cells int) *shard {
	st := tx.m.state
	for attempts := 0; ; attempts++ {
		sh := tx.table.lock(id)
		more := cells
		if h := sh.histograms[id]; h != nil {
			more -= len(h.cells)
		} else if _, had := sh.points[id]; had {
			more = 0
		}
		if more <= 0 {
			return sh
		}
		victim, full := st.full(tx.table, more)
		if !full {
			return sh
		}
		sh.mu.Unlock()
		// At last others take the room as fast as it is made.
		if cells > st.maxPerTable || cells > st.maxInAll || attempts == 8+cells {
			st.evictions.Add(1)
			return nil
		}
		e, ok := st.evict(victim, id, tx.now)
		switch {
		case !ok || victim != tx.table:
		case e.histogram != nil:
			tx.histograms = append(tx.histograms, histogramUndo{id: e.id, gone: e.histogram})
		default:
			tx.undo = append(tx.undo, undo{id: e.id, before: e.point, gone: true})
		}
	}
}

// write stores a point, unlocks the shard and notes how to take it back.
func (tx *Tx) write(sh *shard, id seriesID, old point, had bool, p point, sent float64) {
	p.writer, p.written = tx.id, tx.now
	n := len(sh.points)
	sh.set(id, p)
	added := len(sh.points) > n
	sh.mu.Unlock()
	if added {
		tx.m.state.count(tx.table, 1)
	}
	tx.undo = append(tx.undo, undo{id: id, before: old, had: had, sent: sent, passed: p.owed})
}

// rollBack takes the writes of a transaction back, newest first.
//
// A series that only this transaction wrote is as before. Where another transaction wrote later, its difference began at
// our point, so what we would have sent is owed: it is added to the next difference, and totals stay true. An owed amount
// whose series has been evicted or has expired is lost with it. Evicted series of this tenant come back, those of another
// do not.
func (tx *Tx) rollBack() {
	for i := range tx.histograms {
		tx.undoHistogram(&tx.histograms[len(tx.histograms)-1-i])
	}
	for _, u := range slices.Backward(tx.undo) {
		sh := tx.table.lock(u.id)
		cur, ok := sh.points[u.id]
		added := int64(0)
		switch {
		case u.gone && !ok:
			sh.set(u.id, u.before)
			added = 1
		case u.gone || !ok:
		case cur.writer != tx.id:
			cur.owed += u.sent
			sh.points[u.id] = cur
		case u.had:
			u.before.owed += cur.owed - u.passed
			sh.points[u.id] = u.before
		default:
			delete(sh.points, u.id)
			added = -1
		}
		sh.mu.Unlock()
		if added != 0 {
			tx.m.state.count(tx.table, added)
		}
	}
}
