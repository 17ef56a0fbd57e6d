package traces

import (
	"strconv"
	"unsafe"
)

// arena holds the text that a conversion makes up (numbers, joined names, JSON) until the spans it belongs to are on the wire.
//
// The strings it hands out share its memory. That is safe because bytes below len(buf) are written once: growing copies them
// and leaves the old array to the strings in it, and reset is called only when no such string is in use any more. They must
// not be kept longer, neither in a map nor in an error.
type arena struct {
	buf []byte
}

// since is the text appended to buf after it had length from.
func (a *arena) since(from int) string {
	if from == len(a.buf) {
		return ""
	}
	return unsafe.String(&a.buf[from], len(a.buf)-from)
}

// join is the concatenation of parts.
func (a *arena) join(parts ...string) string {
	from := len(a.buf)
	for _, p := range parts {
		a.buf = append(a.buf, p...)
	}
	return a.since(from)
}

func (a *arena) int(i int64) string {
	from := len(a.buf)
	a.buf = strconv.AppendInt(a.buf, i, 10)
	return a.since(from)
}

func (a *arena) reset() { a.buf = a.buf[:0] }
