package otlpwire

import "github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"

const (
	// targetBytes is the size of what an element holds from which on it is closed and another begun.
	targetBytes = 64 << 10
	// spread is how far the times in an element may be from that of its first item, in seconds: an element expires, or is too far ahead, as a
	// whole. Each element repeats its headers, so with long ones it is more: so many times as much as there are steps of headerStep in them, up to
	// maxSpread times.
	spread     = 60
	headerStep = 512
	maxSpread  = 10
	// maxLevels is the depth of metrics: resource, scope, metric, kind of data.
	maxLevels = 4
)

// Writer writes elements: messages within each other, the levels, and in the innermost one items (spans, log records, data points).
//
// A level is described once and written when an item needs it, again in every element. So an element never has an empty level.
type Writer struct {
	// MaxBytes is the largest element that fits a body, and MaxItems how many items one may have, 0 for any number.
	MaxBytes, MaxItems int

	out    *intake.Payload
	levels [maxLevels]level
	depth  int // levels that are described
	open   int // levels that are written

	begin       int   // of the element, in out.Body
	items       int   // in the element
	first, unix int64 // the times of its first item and of its latest

	before     int // where Body ended before the item under way and the levels that it opened
	openBefore int
	itemBegin  int
	item       Mark
	moved      []byte
}

type level struct {
	field  int
	header []byte
	mark   Mark
}

// Start begins to write to out.
func (w *Writer) Start(out *intake.Payload) { w.out, w.depth, w.open, w.items = out, 0, 0, 0 }

// Describe ends the level at depth and those inside, and returns the memory for what a new one at its place, under field, begins with. Give
// what was appended to Described.
func (w *Writer) Describe(depth, field int) []byte {
	for w.open > depth {
		w.closeLevel()
	}
	w.depth = depth + 1
	l := &w.levels[depth]
	l.field = field
	return l.header[:0]
}

// Described sets what the innermost level begins with.
func (w *Writer) Described(header []byte) { w.levels[w.depth-1].header = header }

// Full says that no item may be begun: the payload is full, or what the levels begin with fills a body. The item is to be dropped as too_large.
func (w *Writer) Full() bool { return w.out.Full() || w.headers() > w.MaxBytes }

// BeginItem returns Body with an item begun under field.
func (w *Writer) BeginItem(field, room int) []byte {
	dst := w.out.Body
	w.before, w.openBefore = len(dst), w.open
	if w.open == 0 {
		w.begin = len(dst)
	}
	dst = w.openLevels(dst)
	w.itemBegin = len(dst)
	dst, w.item = Begin(dst, field, room)
	return dst
}

// EndItem ends the item, which dst ends with, and dates it with Unix seconds. One whose time is far from that of the element begins another. It
// reports false, and leaves the item out, where no body can hold it.
func (w *Writer) EndItem(dst []byte, unix int64) bool {
	dst = End(dst, w.item)
	if w.items == 0 {
		w.first, w.unix = unix, unix
	}
	if w.far(unix) || w.tooLarge(dst) {
		w.moved = append(w.moved[:0], dst[w.itemBegin:]...)
		w.out.Body, w.open = dst[:w.before], w.openBefore
		w.closeElement()
		w.begin = len(w.out.Body)
		w.first, w.unix = unix, unix
		dst = append(w.openLevels(w.out.Body), w.moved...)
		if w.tooLarge(dst) {
			w.out.Body, w.open = dst[:w.begin], 0
			return false
		}
	}
	w.out.Body = dst
	w.items++
	w.unix = max(w.unix, unix)
	if len(dst)-w.begin >= targetBytes+w.headers() || w.items == w.MaxItems {
		w.closeElement()
	}
	return true
}

// Finish closes what is open. The writer lets go of the payload.
func (w *Writer) Finish() {
	w.closeElement()
	w.out, w.depth = nil, 0
}

// Size is about how many bytes the writer keeps for the next payload.
func (w *Writer) Size() int {
	n := cap(w.moved)
	for i := range w.levels {
		n += cap(w.levels[i].header)
	}
	return n
}

// far says that an item is not of the time of the element under way.
func (w *Writer) far(unix int64) bool {
	d := unix - w.first
	if d < 0 {
		d = -d
	}
	return d > spread && d > int64(spread*min(max(w.headers()/headerStep, 1), maxSpread))
}

// tooLarge allows for the longest lengths of the levels.
func (w *Writer) tooLarge(dst []byte) bool { return len(dst)-w.begin+w.open > w.MaxBytes }

// headers is what the levels cost in each element: repeated text never is more than about half of what is sent, unless times are far apart.
func (w *Writer) headers() int {
	n := 0
	for i := range w.depth {
		n += len(w.levels[i].header)
	}
	return n
}

func (w *Writer) openLevels(dst []byte) []byte {
	for ; w.open < w.depth; w.open++ {
		l := &w.levels[w.open]
		dst, l.mark = Begin(dst, l.field, Large)
		dst = append(dst, l.header...)
	}
	return dst
}

func (w *Writer) closeLevel() {
	if w.open == 1 {
		w.closeElement()
		return
	}
	w.open--
	w.out.Body = End(w.out.Body, w.levels[w.open].mark)
}

func (w *Writer) closeElement() {
	for ; w.open > 0; w.open-- {
		w.out.Body = End(w.out.Body, w.levels[w.open-1].mark)
	}
	if w.items > 0 {
		w.out.EndItem(w.items, w.unix)
	}
	w.items = 0
}
