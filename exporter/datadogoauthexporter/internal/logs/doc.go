// Package logs turns OTLP log records into the items of Datadog's log intake, one JSON object a record.
//
// Datadog's own exporter sends each record in two layers: an outer item of seven keys, whose `message` is a string that holds the
// JSON text of an inner item with the record's fields and attributes; the intake parses that text and merges it. This package
// sends what the two mean together in one layer, the form of the public log API:
//
//	{"user.id":42, …                             record attributes, nested maps flattened to dotted keys
//	 "service.name":"web","host.name":"h", …      resource and scope attributes, always as text
//	 "ddsource":"otlp_log_ingestion","ddtags":"env:prod,…,otel_source:datadog_exporter","hostname":"h","service":"web",
//	 "otel.scope.name":"lib","message":"…","status":"Info","otel.severity_text":"Info","otel.severity_number":"9",
//	 "dd.trace_id":"…","otel.trace_id":"…","dd.span_id":"…","otel.span_id":"…",
//	 "otel.timestamp":"1700000000123456789","@timestamp":"2023-11-14T22:13:20.123Z","otel.event_name":"…"}
//
// Of the outer layer remain ddsource, ddtags, the fallback host, and the status `info` for a record that has none. Its timestamp,
// which is the time of sending, is left out: `@timestamp` is the time of the record, and a record without one gets the time
// at which Datadog receives it. Fields without a value are left out, except message.
//
// Where this package differs on purpose (docs/mapping.md has the names and reasons):
//
//   - A record has one layer.
//   - An attribute hostname, service, ddsource or status without a value does not replace the field that the outer item would have.
//   - The attribute datadog.log.source wins over an attribute ddsource, since it picks the pipeline.
//   - An attribute ddtags of a resource or scope adds tags instead of replacing the field.
//   - The fields ddsource, ddtags, hostname, message, service and status are text even where an attribute that replaces one is not.
//   - An object inside an array keeps what it has under the empty key, and its neighbours.
//   - No fallback host unless one is configured.
//
// Rules: module datadog-agent/pkg/opentelemetry-mapping-go/otlp/logs v0.85.2; fields of an item:
// https://docs.datadoghq.com/api/latest/logs/#send-logs.
package logs
