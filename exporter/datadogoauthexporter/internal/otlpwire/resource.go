package otlpwire

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// AppendResource appends what a ResourceLogs, ResourceMetrics or ResourceSpans begins with.
//
// A resource that names no source gets fallbackHost, if there is one, as host.name.
//
//	message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
//	message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
func AppendResource(dst []byte, res pcommon.Resource, schemaURL, fallbackHost string, more ...TextAttribute) []byte {
	return AppendResourceReplaced(dst, res, schemaURL, fallbackHost, nil, more...)
}

// AppendResourceReplaced is AppendResource with the texts that replace, if it is not nil, gives in place of values.
func AppendResourceReplaced(dst []byte, res pcommon.Resource, schemaURL, fallbackHost string, replace Replace, more ...TextAttribute) []byte {
	dst, whole := Begin(dst, 1, Medium)
	dst = AppendAttributesReplaced(dst, 1, res.Attributes(), replace)
	if fallbackHost != "" {
		if kind, _ := attributes.Source(res.Attributes()); kind == attributes.KindNone {
			if _, named := res.Attributes().Get(hostName); !named {
				dst = AppendTextAttribute(dst, 1, hostName, fallbackHost)
			}
		}
	}
	for _, a := range more {
		if _, there := res.Attributes().Get(a.Key); a.Value != "" && !there {
			dst = AppendTextAttribute(dst, 1, a.Key, a.Value)
		}
	}
	dst = AppendUint(dst, 2, uint64(res.DroppedAttributesCount()))
	return AppendString(End(dst, whole), 3, schemaURL)
}

// TextAttribute is added to a resource that has none under its key. Nothing is added when the value is empty.
type TextAttribute struct{ Key, Value string }

const hostName = "host.name"

// AppendScope appends what a ScopeLogs, ScopeMetrics or ScopeSpans begins with.
//
//	message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
//	message InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
func AppendScope(dst []byte, sc pcommon.InstrumentationScope, schemaURL string) []byte {
	return AppendScopeReplaced(dst, sc, schemaURL, nil)
}

// AppendScopeReplaced is AppendScope with the texts that replace, if it is not nil, gives in place of values.
func AppendScopeReplaced(dst []byte, sc pcommon.InstrumentationScope, schemaURL string, replace Replace) []byte {
	dst, whole := Begin(dst, 1, Small)
	dst = AppendString(dst, 1, sc.Name())
	dst = AppendString(dst, 2, sc.Version())
	dst = AppendAttributesReplaced(dst, 3, sc.Attributes(), replace)
	dst = AppendUint(dst, 4, uint64(sc.DroppedAttributesCount()))
	return AppendString(End(dst, whole), 3, schemaURL)
}
