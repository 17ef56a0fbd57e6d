package logs

import (
	"bytes"
	"cmp"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// writeTail writes the attributes of the resource and scope and the fields that they decide. They are encoded once for all
// records of a scope whose attributes do not interfere.
func (g *mapping) writeTail() {
	if g.rec.set&tailFields != 0 || g.rec.hasTags {
		g.writeTailFields()
		return
	}
	if g.tailStale {
		whole := g.obj.buf
		g.obj.buf = g.tail[:0]
		g.writeTailFields()
		g.tail, g.obj.buf = g.obj.buf, whole
		g.tailStale = false
	}
	g.obj.buf = append(g.obj.buf, g.tail...)
}

func (g *mapping) writeTailFields() {
	g.obj.buf = g.shared.obj.appendMembers(g.obj.buf)
	// The order matters: what the attributes say about the source and the tags is read before it can be dropped.
	g.writeSource()
	g.yield(fieldLogSource)
	g.writeTags()
	g.writeOwnText(fieldHostname, cmp.Or(g.host, g.opts.FallbackHost))
	g.writeOwnText(fieldService, g.service)
	if !g.yield(fieldScopeName) {
		g.writeText(fieldScopeName, g.shared.scopeName)
	}
	if !g.yield(fieldScopeVersion) {
		g.writeText(fieldScopeVersion, g.shared.scopeVersion)
	}
}

// writeSource takes ddsource from the attribute datadog.log.source, else from an attribute called like the field, else from the
// options.
func (g *mapping) writeSource() {
	if named := g.logSource(); len(named) > len(`""`) {
		g.text = append(g.text[:0], named...) // it may lie in the buffer that is written to
		g.win(fieldSource)
		g.obj.buf = append(g.obj.buf, g.text...)
		g.obj.buf = append(g.obj.buf, ',')
		return
	}
	g.writeOwnText(fieldSource, g.opts.Source)
}

// logSource is the quoted value of the attribute datadog.log.source, empty when there is none that is a string.
func (g *mapping) logSource() []byte {
	switch {
	case g.shared.set.has(fieldLogSource):
		return g.shared.value(fieldLogSource)
	case g.rec.set.has(fieldLogSource) && bytes.HasPrefix(g.recordValue(fieldLogSource), []byte{'"'}):
		return g.recordValue(fieldLogSource)
	}
	return nil
}

// recordValue is the JSON text of a field that an attribute of the record wrote.
func (g *mapping) recordValue(f field) []byte {
	m := &g.obj.members[g.rec.member[f]]
	return g.obj.buf[m.colon+1 : m.end-1]
}

// writeOwnText writes a field that is text and that attributes called like it replace, unless they are empty.
func (g *mapping) writeOwnText(f field, own string) {
	if g.rec.set.has(f) && len(g.recordValue(f)) <= len(`""`) {
		g.dropAttribute(f)
	}
	if g.shared.set.has(f) && len(g.shared.value(f)) > len(`""`) {
		g.yield(f)
	} else if !g.rec.set.has(f) {
		g.writeText(f, own)
	}
}

// writeText writes a field unless it is empty.
func (g *mapping) writeText(f field, text string) {
	if text == "" {
		return
	}
	g.obj.buf = append(g.obj.buf, fieldKeys[f]...)
	g.obj.buf = attributes.AppendJSONString(g.obj.buf, text)
	g.obj.buf = append(g.obj.buf, ',')
}

// writeTags writes ddtags: the tags of the resource, those of attributes called ddtags, and the tag otel_source.
func (g *mapping) writeTags() {
	g.obj.buf = append(g.obj.buf, fieldKeys[fieldTags]...)
	g.obj.buf = append(g.obj.buf, '"')
	g.obj.buf = append(g.obj.buf, g.shared.tags...)
	if g.rec.hasTags {
		start := len(g.obj.buf)
		g.obj.buf = endTag(g.appendText(g.obj.buf, g.rec.tags), start)
	}
	if g.shared.set.has(fieldTags) {
		start := len(g.obj.buf)
		g.obj.buf = endTag(append(g.obj.buf, g.shared.value(fieldTags)...), start)
	}
	g.obj.buf = append(g.obj.buf, g.sourceTag...)
	g.obj.buf = append(g.obj.buf, '"', ',')
}

// endTag takes the quotes off the JSON string at buf[start:] and puts a comma behind it, unless it is empty.
func endTag(buf []byte, start int) []byte {
	if len(buf)-start <= len(`""`) {
		return buf[:start]
	}
	copy(buf[start:], buf[start+1:len(buf)-1])
	buf[len(buf)-2] = ','
	return buf[:len(buf)-1]
}
