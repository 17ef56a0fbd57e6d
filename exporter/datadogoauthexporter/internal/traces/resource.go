package traces

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// resource is what the spans of one resource have in common.
type resource struct {
	known
	// attrs are the attributes as they go into the meta of each span, their keys mapped.
	attrs []pair[string]
	// service, version and env are the raw texts and what normalising makes of them. The work is done once per resource.
	service, version, env normalized
}

type normalized struct{ raw, value string }

// release forgets the resource but keeps the memory.
func (r *resource) release() {
	clear(r.attrs)
	*r = resource{attrs: r.attrs[:0]}
}

// readResource reads the resource and starts the payload with the values that it decides.
func (g *mapping) readResource(res pcommon.Resource) {
	r, a := &g.res, &g.lasts
	for key, v := range res.Attributes().All() {
		if attributes.ConsumedByContainerTags(key, v) {
			continue
		}
		id := attrKeyOf(key)
		r.note(id, v)
		if target := g.target(a, id, key); target.text != "" {
			r.attrs = append(r.attrs, settled(target, a.value(v)))
		}
	}
	c := g.concepts() // no span yet: attrs is empty
	r.service.raw = c.str(attrServiceName)
	if r.service.raw == "" {
		r.service.raw = defaultService
	}
	r.service.value = a.service(r.service.raw)
	r.version.raw = c.str(attrServiceVersion)
	r.version.value = a.tagValue(r.version.raw)
	r.env.raw = c.str(attrEnvName, attrEnv)
	r.env.value = a.tagValue(r.env.raw)

	g.payload = tracerPayload{
		containerID:   a.tagValue(c.str(attrContainerID)),
		languageName:  a.tagValue(g.anyText(attrSDKLanguage)),
		tracerVersion: a.join("otlp-", a.tagValue(g.anyText(attrSDKVersion))),
		env:           r.env.value,
		hostname:      validUTF8(g.hostname(res.Attributes())),
		containerTags: validUTF8(g.containerTags(res.Attributes())),
	}
}

// anyText is a resource attribute of any type as text.
func (g *mapping) anyText(key attrKey) string {
	if v, ok := g.res.get(key); ok {
		return g.lasts.value(v)
	}
	return ""
}

func (g *mapping) hostname(res pcommon.Map) string {
	switch kind, id := attributes.Source(res); kind {
	case attributes.KindHost:
		if g.opts.DropResourceHost {
			return g.opts.FallbackHost
		}
		return id
	case attributes.KindNone, attributes.KindNoneFinal:
		return g.opts.FallbackHost
	default:
		return ""
	}
}

// containerTags is "key:value,key:value", as the intake takes it in one tag of the payload.
func (g *mapping) containerTags(res pcommon.Map) string {
	a := &g.lasts
	from := len(a.buf)
	attributes.ContainerTags(res, func(key, value string) {
		if len(a.buf) > from {
			a.buf = append(a.buf, ',')
		}
		a.buf = append(a.buf, key...)
		a.buf = append(a.buf, ':')
		a.buf = append(a.buf, value...)
	})
	return a.since(from)
}

// readScope prepares the texts of a scope. The keys of its attributes are not mapped.
func (g *mapping) readScope(s *scope) {
	s.name, s.version = settled(g.names.scopeName, s.Name()), settled(g.names.scopeVersion, s.Version())
	s.attrs = s.attrs[:0]
	for key, v := range s.Attributes().All() {
		s.attrs = append(s.attrs, settled(g.name(key), g.lasts.value(v)))
	}
}

// settled is an entry that many spans share, checked once.
func settled(key name, value string) pair[string] {
	fits := len(key.text) <= maxKeyBytes && len(value) <= maxValueBytes
	return pair[string]{name: key, value: value, fits: fits && validUTF8(key.text) == key.text && validUTF8(value) == value}
}

// target is Datadog's key for an attribute, "" for one that is not sent as such.
func (g *mapping) target(a *arena, id attrKey, key string) name {
	if id != attrOther {
		return g.targets[id]
	}
	if header, ok := strings.CutPrefix(key, "http.request.header."); ok {
		key = a.join("http.request.headers.", header)
	}
	return g.name(key)
}

// value is what pdata's AsString gives.
func (a *arena) value(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	from := len(a.buf)
	a.buf = attributes.AppendValue(a.buf, v)
	return a.since(from)
}
