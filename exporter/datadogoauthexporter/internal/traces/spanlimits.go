package traces

import (
	"strconv"
	"strings"
)

// normalizeMeta brings the entries that Datadog indexes into the form of tags.
func (g *mapping) normalizeMeta() {
	n, a := &g.names, &g.text
	if e := g.meta.find(n.peerService); e != nil {
		e.value = a.peerService(e.value)
	}
	if e := g.meta.find(n.baseService); e != nil {
		e.value = a.peerService(e.value)
	}
	if e := g.meta.find(n.env); e != nil {
		e.value = a.tagValue(e.value)
	}
	if e := g.meta.find(n.httpStatusCode); e != nil {
		code, err := strconv.ParseUint(e.value, 10, 64)
		e.dead = err != nil || code < 100 || code > 599
	}
}

// entryBytes is what an entry takes beside its text.
const entryBytes = 64

// fit cuts the entries of the span under conversion to the intake's limits and makes them UTF-8. It adds their size to that of the chunk.
func (g *mapping) fit() {
	for i := g.meta.first; i < len(g.meta.all); i++ {
		e := &g.meta.all[i]
		g.chunk.bytes += entryBytes
		if e.fits || e.dead {
			g.chunk.bytes += len(e.text) + len(e.value)
			continue
		}
		if (len(e.text) > maxKeyBytes || len(e.value) > maxValueBytes) && !isStructured(e.text) {
			e.text = g.text.cut(e.text, maxKeyBytes)
			e.value = g.text.cut(e.value, maxValueBytes)
		}
		if !e.ours {
			e.text = validUTF8(e.text)
		}
		e.value = validUTF8(e.value)
		g.chunk.bytes += len(e.text) + len(e.value)
	}
	for i := g.metrics.first; i < len(g.metrics.all); i++ {
		if e := &g.metrics.all[i]; !e.ours {
			e.text = validUTF8(g.text.cut(e.text, maxKeyBytes))
		}
	}
}

// isStructured reports whether a key holds a document in a format that its suffix names. Those are not cut.
func isStructured(key string) bool {
	return strings.HasPrefix(key, "_dd.") &&
		(strings.HasSuffix(key, ".json") || strings.HasSuffix(key, ".msgpack") || strings.HasSuffix(key, ".protobuf"))
}
