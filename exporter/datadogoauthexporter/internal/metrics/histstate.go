package metrics

import "math"

// histogram is what is remembered of one cumulative histogram: one entry of a table for all its numbers.
type histogram struct {
	written int64 // when, Unix nanoseconds of the collector's clock
	// edges are those between the buckets of cells. They are never changed in place: an undo may hold them.
	edges []float64
	cells []cell // count, sum, minimum, maximum, and one for each bucket once there was a point with buckets
}

// The cells that every histogram has.
const (
	cellCount = iota
	cellSum
	cellMin
	cellMax
	firstBucket
)

// cell is the last value of one number of a histogram. See point.
type cell struct {
	start, ts   uint64
	value, owed float64
	writer      uint64 // the transaction that wrote it, 0 for none: nothing is remembered
}

// restoredWriter is no transaction's.
const restoredWriter = math.MaxUint64

// cellUndo is one cell as it was before a point of a transaction, and what the point did to it.
type cellUndo struct {
	before cell
	wrote  bool
	sent   float64 // what the write made the transaction send
	passed float64 // what was owed before the write and still is after it
}

// histogramUndo is one point of a transaction, as it has to be taken back.
type histogramUndo struct {
	id       seriesID
	gone     *histogram // not nil: the histogram was evicted to make room
	had      bool       // it was there before
	written  int64
	edges    []float64  // of the histogram since
	from, to int        // the cells of the point, in Tx.cells
	old      *histogram // as it was with other buckets; nil if the point did not replace them
}

// openHistogram returns the locked shard of a histogram and the histogram, with room for the buckets that are between edges; edges nil leaves
// its buckets alone. Where there is no room for a new one the shard is nil.
func (tx *Tx) openHistogram(id seriesID, edges []float64, buckets int) (*shard, *histogram) {
	sh := tx.roomFor(id, firstBucket+buckets)
	if sh == nil {
		return nil, nil
	}
	h := sh.histograms[id]
	u := histogramUndo{id: id, from: len(tx.cells)}
	switch {
	case h == nil:
		h = &histogram{cells: make([]cell, firstBucket, firstBucket+buckets)}
		sh.setHistogram(id, h)
		tx.m.state.count(tx.table, int64(len(h.cells)))
	case tx.m.state.hasExpired(h.written, tx.now):
		clear(h.cells)
	default:
		u.had, u.written = true, h.written
	}
	if buckets > 0 && (len(h.cells) != firstBucket+buckets || !sameEdges(h.edges, edges)) {
		if u.had {
			u.old = &histogram{written: h.written, edges: h.edges, cells: append([]cell(nil), h.cells...)}
		}
		tx.m.state.count(tx.table, int64(firstBucket+buckets-len(h.cells)))
		h.layOut(edges, buckets)
	}
	h.written = tx.now
	for _, c := range h.cells {
		tx.cells = append(tx.cells, cellUndo{before: c})
	}
	u.edges, u.to = h.edges, len(tx.cells)
	tx.histograms = append(tx.histograms, u)
	return sh, h
}

// layOut gives h other buckets. Those with the same bounds as before go on.
func (h *histogram) layOut(edges []float64, buckets int) {
	old, was := h.cells, h.edges
	h.edges = append([]float64(nil), edges...)
	h.cells = make([]cell, firstBucket+buckets)
	copy(h.cells, old[:firstBucket])
	continued(len(old)-firstBucket, buckets,
		func(k int) (lower, upper float64) { return boundsOf(was, k) },
		func(j int) (lower, upper float64) { return boundsOf(h.edges, j) },
		func(k, j int) { h.cells[firstBucket+j] = old[firstBucket+k] })
}

// continued calls goesOn for each of n buckets j with the first of the old buckets k that has the same bounds, if one has. It
// looks at the bounds of each bucket once: a hostile sender chooses how many there are, and may change them with each point.
func continued(old, n int, oldBounds, bounds func(int) (lower, upper float64), goesOn func(k, j int)) {
	if old == 0 {
		return
	}
	first := make(map[[2]uint64]int, old)
	for k := range old {
		lower, upper := oldBounds(k)
		key := [2]uint64{canonicalBits(lower), canonicalBits(upper)}
		if _, again := first[key]; !again {
			first[key] = k
		}
	}
	for j := range n {
		lower, upper := bounds(j)
		if k, ok := first[[2]uint64{canonicalBits(lower), canonicalBits(upper)}]; ok {
			goesOn(k, j)
		}
	}
}

func sameEdges(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && canonicalBits(a[i]) != canonicalBits(b[i]) {
			return false
		}
	}
	return true
}

// change advances a cell that may fall as well and returns how much it changed, as Tx.difference does. The shard is locked.
func (tx *Tx) change(h *histogram, at int, start, ts uint64, value float64, noFall bool) (float64, verdict) {
	c := &h.cells[at]
	had := c.writer != 0
	if had && c.ts > ts {
		return 0, verdictStale
	}
	amount, v, owed := 0.0, verdictBaseline, c.owed
	switch {
	case !tx.stayed(c.ts):
		owed = 0
	case had && continues(c.start, start, ts) && !(noFall && value-c.value < 0):
		amount, v, owed = value-c.value+c.owed, verdictSend, 0
	}
	tx.setCell(h, at, cell{start: start, ts: ts, value: value, owed: owed}, amount)
	return amount, v
}

// reached advances a minimum (sign -1) or maximum (sign +1) and reports whether it was reached since the last point: it moved outward, or it
// moved inward, which takes a reset. The shard is locked.
func (tx *Tx) reached(h *histogram, at int, start, ts uint64, value, sign float64) bool {
	c := &h.cells[at]
	had := c.writer != 0
	if had && c.ts > ts {
		return false
	}
	outward := (value - c.value) * sign
	recent := had && (outward < 0 || outward > 0 && continues(c.start, start, ts))
	tx.setCell(h, at, cell{start: start, ts: ts, value: value}, 0)
	return recent
}

func (tx *Tx) setCell(h *histogram, at int, c cell, sent float64) {
	c.writer = tx.id
	h.cells[at] = c
	u := &tx.cells[len(tx.cells)-len(h.cells)+at]
	u.wrote, u.sent, u.passed = true, sent, c.owed
}

// undoHistogram takes one point back. See Tx.rollBack.
func (tx *Tx) undoHistogram(u *histogramUndo) {
	sh := tx.table.lock(u.id)
	defer sh.mu.Unlock()
	cur := sh.histograms[u.id]
	if u.gone != nil {
		if cur == nil {
			sh.setHistogram(u.id, u.gone)
			tx.m.state.count(tx.table, int64(len(u.gone.cells)))
		}
		return
	}
	undos := tx.cells[u.from:u.to]
	if cur == nil || len(undos) > firstBucket && (len(cur.cells) != len(undos) || !sameEdges(cur.edges, u.edges)) {
		return // evicted, or others gave it other buckets since: what is owed is lost
	}
	alone := len(cur.cells) == len(undos)
	for i := range undos {
		c, was := &cur.cells[i], &undos[i]
		switch {
		case !was.wrote:
			alone = alone && (c.writer == was.before.writer)
		case c.writer != tx.id:
			c.owed += was.sent
			alone = false
		default:
			was.before.owed += c.owed - was.passed
			*c = was.before
		}
	}
	switch {
	case !alone:
	case !u.had:
		delete(sh.histograms, u.id)
		tx.m.state.count(tx.table, -int64(len(cur.cells)))
	default:
		cur.written = u.written
		if u.old != nil {
			tx.m.state.count(tx.table, int64(len(u.old.cells)-len(cur.cells)))
			cur.edges, cur.cells = u.old.edges, u.old.cells
		}
	}
}
