// Package attributes reads from OTLP attributes what every signal needs alike: the source of the telemetry (a host, or a
// managed platform that has none), the resource tags, the container tags, the origin, and the text form of a value.
//
// Nothing in here changes the pdata that it reads, keeps a reference to it, or does I/O. Where an attribute key occurs twice in
// one map, which OTLP forbids, the first one decides about the source, as with pcommon.Map.Get.
//
// The rules are those of Datadog's own exporter (module datadog-agent/pkg/opentelemetry-mapping-go/otlp/attributes,
// v0.85.2). Unless a comment says otherwise a value is read as pdata's Str does: what is not a string counts as empty.
package attributes
