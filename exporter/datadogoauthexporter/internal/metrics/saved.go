package metrics

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// The saved form of what is remembered of cumulative series: a head, and sections of one tenant each, so that a section which cannot be read
// costs the series in it and nothing else. All numbers are little endian.
//
//	head:    magic, version byte, id [8], when int64 (Unix ns), hash key [48], sections uint32, exporter (rest), crc32c
//	section: version byte, id [8], number uint32, length of tenant uint16, tenant, entries, crc32c
//	entry:   kind byte, series [16], written int64 (Unix ns), and a number (start, ts uint64 in Unix ns; value, owed float64)
//	         or, of a histogram, the number of cells uint32, the edges between its buckets float64, and for each cell whether it is
//	         known (a byte) and a number
//
// The id is random and ties sections to their head: a section that an earlier, broken saving left behind does not fit. Checksums find accidents.
// Nothing here is secret or kept from change: whoever can write into this storage can write what he likes into the queue beside it, as any tenant.
// The hash key lies beside the hashes, so a tenant who reads it can choose tags that collide, and so confuse series of his own; tables are one
// for each tenant, and the tenant's name is part of every hash.
const (
	savedMagic   = "datadogoauth delta state\n"
	savedVersion = 1
	keyBytes     = 48
	numberBytes  = 4 * 8
	entryBytes   = 1 + 16 + 8 // before its numbers
	// sectionBytes is the size from which on a section is closed.
	sectionBytes = 512 << 10
	// maxSections bounds what a head can make its reader ask for.
	maxSections = 1 << 20
)

// Why a saved form cannot be used.
var (
	errCorrupt = errors.New("its checksum or length is wrong")
	errForeign = errors.New("it was saved by something else")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Head is what leads to the sections of a saved form.
type Head struct {
	Sections int       // they are numbered from 0 on
	When     time.Time // it was saved
	id       [8]byte
	key      hashKey
}

// ReadHead reads a head that Save made for the same exporter.
func ReadHead(b []byte, exporter string) (Head, error) {
	const fixed = 8 + 8 + keyBytes + 4
	if len(b) < len(savedMagic)+1 || string(b[:len(savedMagic)]) != savedMagic {
		return Head{}, errForeign
	}
	if v := b[len(savedMagic)]; v != savedVersion {
		return Head{}, fmt.Errorf("it has format %d, this version reads %d", v, savedVersion)
	}
	b, ok := checked(b)
	if !ok || len(b) < len(savedMagic)+1+fixed {
		return Head{}, errCorrupt
	}
	b = b[len(savedMagic)+1:]
	h := Head{id: [8]byte(b), When: time.Unix(0, int64(binary.LittleEndian.Uint64(b[8:])))}
	for i := range h.key {
		h.key[i] = binary.LittleEndian.Uint64(b[16+8*i:])
	}
	if h.Sections = int(binary.LittleEndian.Uint32(b[16+keyBytes:])); h.Sections > maxSections {
		return Head{}, errCorrupt
	}
	if name := string(b[fixed:]); name != exporter {
		return Head{}, fmt.Errorf("it was saved by exporter %q", name)
	}
	return h, nil
}

// Adopt makes the Mapper hash as the one did that saved h. It comes before the first Begin.
func (m *Mapper) Adopt(h Head) { m.key = &h.key }

// Restore remembers the series of the i-th section again, and returns how many. Those without a point for longer than DeltaTTL are left out,
// and what is above the caps counts as evicted. It comes after Adopt and before the first Begin.
func (m *Mapper) Restore(h Head, i int, section []byte) (int, error) {
	b, ok := checked(section)
	const fixed = 1 + 8 + 4 + 2
	if !ok || len(b) < fixed {
		return 0, errCorrupt
	}
	if b[0] != savedVersion || [8]byte(b[1:]) != h.id || int(binary.LittleEndian.Uint32(b[9:])) != i {
		return 0, errForeign
	}
	n := int(binary.LittleEndian.Uint16(b[13:]))
	if b = b[fixed:]; len(b) < n {
		return 0, errCorrupt
	}
	tenant := string(b[:n])
	if err := intake.CheckTenant(tenant); err != nil {
		return 0, err
	}
	entries, ok := readEntries(b[n:])
	if !ok {
		return 0, errCorrupt
	}
	t := m.state.open(tenant)
	defer t.users.Add(-1)
	now, restored := m.opts.Now().UnixNano(), 0
	for i := range entries {
		e := &entries[i]
		if e.point.written = min(e.point.written, now); m.state.expired(&e.point, now) { // a clock that was put back must not make it live longer
			continue
		}
		if _, full := m.state.full(t, e.cells()); full {
			m.state.evictions.Add(1)
			continue
		}
		room := m.state.remember(t, e)
		m.state.count(t, room)
		restored += int(room)
	}
	return restored, nil
}

// remember puts a saved entry back, and returns how many series that are. One that is there already stays.
func (s *state) remember(t *table, e *evicted) int64 {
	sh := t.lock(e.id)
	defer sh.mu.Unlock()
	if _, known := sh.points[e.id]; known || sh.histograms[e.id] != nil {
		return 0
	}
	if h := e.histogram; h != nil {
		h.written = e.point.written
		sh.setHistogram(e.id, h)
		return int64(len(h.cells))
	}
	sh.set(e.id, e.point)
	return 1
}

// Save gives the sections of what is remembered to put, one after another, and returns the head, which is to be stored after them, and the number
// of series. put must not keep the slice. No transaction is open.
func (m *Mapper) Save(exporter string, put func(i int, section []byte) error) (head []byte, series int, err error) {
	w := sectionWriter{id: newHashKey()[0], now: m.opts.Now().UnixNano(), put: put}
	for tenant, t := range m.state.all() {
		w.tenant = tenant
		shards := t.shards()
		for i := range shards {
			w.addShard(m.state, &shards[i])
			if len(w.buf) >= sectionBytes {
				w.flush()
			}
		}
		w.flush()
	}
	head = append([]byte(savedMagic), savedVersion)
	head = binary.LittleEndian.AppendUint64(head, w.id)
	head = binary.LittleEndian.AppendUint64(head, uint64(w.now))
	for _, k := range m.key {
		head = binary.LittleEndian.AppendUint64(head, k)
	}
	head = binary.LittleEndian.AppendUint32(head, uint32(w.sections))
	return withChecksum(append(head, exporter...)), w.series, w.err
}

// sectionWriter makes sections. After the first error of put it makes no more.
type sectionWriter struct {
	id       uint64
	now      int64
	put      func(i int, section []byte) error
	tenant   string
	buf      []byte // the section under way, empty for none
	sections int
	series   int
	err      error
}

func (w *sectionWriter) flush() {
	if len(w.buf) == 0 || w.err != nil {
		return
	}
	w.err = w.put(w.sections, withChecksum(w.buf))
	w.buf = w.buf[:0]
	w.sections++
}

// all are the tables at this moment.
func (s *state) all() map[string]*table {
	s.mu.RLock()
	defer s.mu.RUnlock()
	tables := make(map[string]*table, len(s.tables))
	for tenant, t := range s.tables {
		tables[tenant] = t
	}
	return tables
}

// withChecksum appends the checksum of b.
func withChecksum(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// checked takes the checksum off again.
func checked(b []byte) ([]byte, bool) {
	if len(b) < 4 {
		return nil, false
	}
	body := b[:len(b)-4]
	return body, binary.LittleEndian.Uint32(b[len(body):]) == crc32.Checksum(body, castagnoli)
}
