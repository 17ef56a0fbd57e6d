package traces

import "go.opentelemetry.io/collector/pdata/ptrace"

// nameSpan names the operation and the resource of the span under conversion, whose entries are written. An option about names asks for the first
// version of Datadog's rules.
func (g *mapping) nameSpan(s *span, in ptrace.Span, sc *scope, c concepts) {
	if g.firstNaming {
		s.name = g.text.operationName(g.firstOperationName(in, sc, s.typ))
		s.resource = truncateUTF8(g.firstResourceName(in), maxResourceBytes)
	} else {
		s.name = g.text.operationName(g.operationName(in, c))
		s.resource = g.resourceName(in, c)
	}
	if s.resource == "" {
		s.resource = s.name
	}
	s.named = s.resource
}

// firstOperationName says what kind of work a span is, before normalisation, by the first version of Datadog's rules: what the attribute says, else
// the name of the span or of its scope, and what the configuration makes of that.
//
// datadog-agent pkg/trace/transform, GetOTelOperationNameV1
func (g *mapping) firstOperationName(in ptrace.Span, sc *scope, typ string) string {
	name := g.firstText(attrOperationName)
	ofSpan := name == "" && g.opts.SpanNameAsResourceName
	switch {
	case ofSpan:
		name = in.Name()
	case name == "" && sc.Name() != "":
		name = g.text.join(sc.Name(), ".", firstKindName(in.Kind()))
	case name == "":
		name = g.text.join("opentelemetry.", firstKindName(in.Kind()))
	}
	if other, ok := g.opts.SpanNameRemappings[name]; ok {
		return other
	}
	if ofSpan {
		return g.spanNameWithoutValues(name, typ)
	}
	return name
}

// firstKindName is the kind in the first version of an operation name, "" for one that OTLP does not know.
func firstKindName(k ptrace.SpanKind) string {
	if k < ptrace.SpanKindUnspecified || k > ptrace.SpanKindConsumer {
		return ""
	}
	return kindName(k)
}

// spanNameWithoutValues is the name of a span of type typ, without the values in it where it is a statement or a command. A resource that is a name is
// treated by obfuscate.
func (g *mapping) spanNameWithoutValues(text, typ string) string {
	if text == "" {
		return ""
	}
	language := g.systemLanguage(languageOf(typ))
	for _, key := range [...]name{g.names.dbStatement, g.names.dbQueryText, g.names.sqlQuery} {
		if statement, _ := g.meta.get(key); statement == text {
			return g.withoutValues(text, language)
		}
	}
	if !g.mayHoldValues(text, language) {
		return text
	}
	return g.withoutValues(text, language)
}

// firstResourceName says on what a span works, not yet obfuscated, by the first version of Datadog's rules: without databases.
//
// datadog-agent pkg/trace/transform, GetOTelResourceV1
func (g *mapping) firstResourceName(in ptrace.Span) string {
	if name := g.firstText(attrResourceName); name != "" {
		return name
	}
	if method := g.firstText(attrHTTPRequestMethod, attrHTTPMethod); method != "" {
		return g.qualified(method, g.firstText(attrHTTPRoute))
	}
	if operation := g.firstText(attrMessagingOperation); operation != "" {
		return g.qualified(operation, g.firstText(attrMessagingDestination, attrMessagingDestinationName))
	}
	if method := g.firstText(attrRPCMethod); method != "" {
		return g.qualified(method, g.firstText(attrRPCService))
	}
	if operation := g.firstText(attrGraphQLOperationType); operation != "" {
		return g.qualified(operation, g.firstText(attrGraphQLOperationName))
	}
	return in.Name()
}

// firstText is how the first version of the rules reads an attribute: of the resource, then of the span, the first of keys that is there, whatever its
// type. An empty one hides those after it.
func (g *mapping) firstText(keys ...attrKey) string {
	for _, from := range [...]*known{&g.res.known, &g.attrs} {
		for _, key := range keys {
			v, ok := from.get(key)
			if !ok {
				continue
			}
			if text := g.text.value(v); text != "" {
				return text
			}
			break
		}
	}
	return ""
}
