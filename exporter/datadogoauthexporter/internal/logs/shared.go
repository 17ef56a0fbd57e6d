package logs

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// shared is what a resource and a scope give to each of their records: attributes, which overwrite those of the record that
// have the same key, and the tags of the resource.
type shared struct {
	// obj holds the attributes that are no fields. It is never finished.
	obj object
	// fields are the attributes that are fields: the set, and the JSON text of each in values.
	set    fieldSet
	fields [numFields]span
	values []byte
	// tags is the resource's part of ddtags as the inside of a JSON string, each tag with a comma behind it.
	tags []byte
	// ofResource says that no scope attribute is mixed in.
	ofResource bool
	// tooLarge says that no item can hold it all.
	tooLarge bool
	// scopeName and scopeVersion are the scope's own, which give way to attributes.
	scopeName, scopeVersion string
}

// size is how many bytes of an item it takes. What scopes overwrite is in it.
func (s *shared) size() int { return len(s.obj.buf) + len(s.values) + len(s.tags) }

// value is the JSON text of a field that is in set.
func (s *shared) value(f field) []byte { return s.values[s.fields[f].start:s.fields[f].end] }

// startResource reads what the records of a resource have in common.
func (g *mapping) startResource(res pcommon.Map) {
	g.host = ""
	if !g.opts.DropResourceHost {
		g.host = attributes.Host(res)
	}
	g.service = ""
	if v, ok := res.Get("service.name"); ok {
		g.service = attributes.Text(v)
	}
	g.readTags(res)
	g.shared.ofResource, g.shared.tooLarge = false, false
}

func (g *mapping) readTags(res pcommon.Map) {
	g.text = g.text[:0]
	attributes.EachTag(res, func(key, value string) {
		g.text = append(g.text, key...)
		g.text = append(g.text, ':')
		g.text = append(g.text, value...)
		g.text = append(g.text, ',')
	})
	quoted := attributes.AppendJSONString(g.shared.tags[:0], g.text)
	g.shared.tags = append(quoted[:0], quoted[1:len(quoted)-1]...) // moves the inside to the front
}

// startScope adds what the records of a scope have in common. The attributes of the resource are encoded again only for a scope
// that has attributes, and after it.
//
// A resource that is too large is read once.
func (g *mapping) startScope(res pcommon.Map, scope pcommon.InstrumentationScope) {
	if g.shared.tooLarge && g.shared.ofResource {
		return
	}
	if !g.shared.ofResource || scope.Attributes().Len() > 0 {
		g.shared.obj.begin(g.shared.obj.buf[:0])
		g.shared.set, g.shared.values = 0, g.shared.values[:0]
		var named renamed
		for key, v := range res.All() {
			switch key {
			case "hostname": // under its own name it would replace the field; so would the next one
				g.share("otel.hostname", v)
			case "service":
				g.share("otel.service", v)
			case "otel.library.name":
				if !named.has(res, fieldScopeName) {
					g.share("otel.scope.name", v)
				}
			case "otel.library.version":
				if !named.has(res, fieldScopeVersion) {
					g.share("otel.scope.version", v)
				}
			default:
				g.share(key, v)
			}
		}
		if g.shared.ofResource = g.shared.size() > maxItemBytes; !g.shared.ofResource {
			for key, v := range scope.Attributes().All() {
				g.share(key, v)
			}
			g.shared.ofResource = scope.Attributes().Len() == 0
		}
		g.shared.tooLarge = g.shared.size() > maxItemBytes
	}
	g.shared.scopeName, g.shared.scopeVersion = scope.Name(), scope.Version()
	g.tailStale = true
}

// share writes one attribute of the resource or scope. Its value is text whatever its type.
func (g *mapping) share(key string, v pcommon.Value) {
	s := &g.shared
	g.path = append(g.path[:0], key...)
	if f := fieldOf(g.path); f != noField {
		start := len(s.values)
		s.values = g.appendText(s.values, v)
		s.fields[f] = span{start, len(s.values)}
		s.set |= 1 << f
		return
	}
	start, hash := s.obj.name(g.path)
	i := s.obj.add(s.obj.outermost(), start, hash)
	s.obj.buf = g.appendText(s.obj.buf, v)
	s.obj.end(i)
}

// appendText appends the text form of v as a JSON string.
func (g *mapping) appendText(dst []byte, v pcommon.Value) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return attributes.AppendJSONString(dst, v.Str())
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		g.text = attributes.AppendValue(g.text[:0], v)
		return attributes.AppendJSONString(dst, g.text)
	}
	// The text of a number, boolean or bytes needs no escaping.
	dst = append(dst, '"')
	dst = attributes.AppendValue(dst, v)
	return append(dst, '"')
}
