// Package events turns what OTLP has no type for into items of Datadog's own intakes: events and service checks.
//
// A log record says what it is by its event name (datadog.event, datadog.service_check) or by the attribute datadog.type (event,
// service_check); where both are there the attribute wins, and the value log makes a log of a record with such an event name. A data point
// of a gauge is a service check by the attribute datadog.type alone.
//
// What the items hold comes from attributes of the record or data point; those named here are taken, every other one becomes a tag, as with
// data points of metrics:
//
//	{"title":"…",              datadog.event.title, else the first line of the text
//	 "text":"…",               datadog.event.text, else the body, else the title
//	 "date_happened":0,        the time of the record, Unix seconds
//	 "alert_type":"error",     datadog.event.alert_type, else by the severity
//	 "priority":"low",         datadog.event.priority
//	 "host":"…",               datadog.event.host, else as with logs and metrics
//	 "aggregation_key":"…",    datadog.event.aggregation_key
//	 "source_type_name":"…",   datadog.event.source_type_name, else Options.Source
//	 "device_name":"…",        datadog.event.device_name
//	 "related_event_id":0,     datadog.event.related_event_id
//	 "tags":["…"]}             datadog.event.tags, the tags of the resource, the other attributes
//
//	{"check":"…",              datadog.check.name, else the name of the gauge
//	 "host_name":"…",          datadog.check.host, else as with logs and metrics
//	 "status":0,               datadog.check.status, else the value of the gauge, else by the severity
//	 "timestamp":0,            the time of the record or data point, Unix seconds
//	 "message":"…",            datadog.check.message, else the body; never with status 0, for which Datadog drops it
//	 "tags":["…"]},            datadog.check.tags, the tags of the resource, the other attributes
//
// What is too long is cut, with a mark that says so, and a value that the API does not know is left out, so that no item is refused.
//
// API: https://docs.datadoghq.com/api/latest/events/#post-an-event and https://docs.datadoghq.com/api/latest/service-checks/.
package events
