package metrics

import (
	"encoding/binary"
	"math"
)

// The kinds of entries.
const (
	entryOfSeries    = 1
	entryOfHistogram = 2
)

func (w *sectionWriter) addShard(s *state, sh *shard) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for id, p := range sh.points {
		if s.expired(&p, w.now) {
			continue
		}
		w.begin(entryOfSeries, id, p.written)
		w.buf = appendNumber(w.buf, p.start, p.ts, p.value, p.owed)
		w.series++
	}
	for id, h := range sh.histograms {
		if s.hasExpired(h.written, w.now) {
			continue
		}
		w.begin(entryOfHistogram, id, h.written)
		w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(len(h.cells)))
		for _, edge := range h.edges {
			w.buf = binary.LittleEndian.AppendUint64(w.buf, math.Float64bits(edge))
		}
		for i := range h.cells {
			c := &h.cells[i]
			known := byte(0)
			if c.writer != 0 {
				known = 1
			}
			w.buf = appendNumber(append(w.buf, known), c.start, c.ts, c.value, c.owed)
		}
		w.series += len(h.cells)
	}
}

// begin begins an entry, and before the first one the section.
func (w *sectionWriter) begin(kind byte, id seriesID, written int64) {
	if len(w.buf) == 0 {
		w.buf = append(w.buf, savedVersion)
		w.buf = binary.LittleEndian.AppendUint64(w.buf, w.id)
		w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(w.sections))
		w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(len(w.tenant)))
		w.buf = append(w.buf, w.tenant...)
	}
	w.buf = append(w.buf, kind)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, id.a)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, id.b)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(written))
}

func appendNumber(dst []byte, start, ts uint64, value, owed float64) []byte {
	for _, n := range [...]uint64{start, ts, math.Float64bits(value), math.Float64bits(owed)} {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	return dst
}

func readNumber(b []byte) (start, ts uint64, value, owed float64) {
	n := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	return n(0), n(1), math.Float64frombits(n(2)), math.Float64frombits(n(3))
}

// readEntries reads all entries of a section, or none. What is as long as its numbers say is all that they need.
func readEntries(b []byte) (entries []evicted, ok bool) {
	for len(b) > 0 {
		if len(b) < entryBytes {
			return nil, false
		}
		kind := b[0]
		e := evicted{id: seriesID{binary.LittleEndian.Uint64(b[1:]), binary.LittleEndian.Uint64(b[9:])}}
		e.point.written = int64(binary.LittleEndian.Uint64(b[17:]))
		b = b[entryBytes:]
		switch kind {
		case entryOfSeries:
			if len(b) < numberBytes {
				return nil, false
			}
			e.point.start, e.point.ts, e.point.value, e.point.owed = readNumber(b)
			b = b[numberBytes:]
		case entryOfHistogram:
			if e.histogram, b = readHistogram(b); e.histogram == nil {
				return nil, false
			}
		default:
			return nil, false
		}
		entries = append(entries, e)
	}
	return entries, true
}

// readHistogram returns nil for what is none.
func readHistogram(b []byte) (h *histogram, rest []byte) {
	if len(b) < 4 {
		return nil, nil
	}
	cells := int(binary.LittleEndian.Uint32(b))
	b = b[4:]
	edges := max(cells-firstBucket-1, 0)
	if cells < firstBucket || len(b)/(1+numberBytes) < cells || len(b) < 8*edges+(1+numberBytes)*cells {
		return nil, nil
	}
	h = &histogram{cells: make([]cell, cells)}
	for range edges {
		h.edges = append(h.edges, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		b = b[8:]
	}
	for i := range h.cells {
		c := &h.cells[i]
		if b[0] != 0 {
			c.writer = restoredWriter
		}
		c.start, c.ts, c.value, c.owed = readNumber(b[1:])
		b = b[1+numberBytes:]
	}
	return h, b
}
