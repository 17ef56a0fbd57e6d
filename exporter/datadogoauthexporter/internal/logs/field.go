package logs

// field is a key of an item that has a meaning of its own: it can be set by the record's own fields as well as by attributes,
// so the winner is known only when the record is complete. All other keys belong to attributes alone.
type field uint8

const (
	fieldMessage field = iota
	fieldHostname
	fieldService
	fieldSource
	fieldTags
	fieldLogSource
	fieldScopeName
	fieldScopeVersion
	fieldStatus
	fieldTraceID
	fieldOTelTraceID
	fieldSpanID
	fieldOTelSpanID
	fieldSeverityText
	fieldSeverityNumber
	fieldOTelTimestamp
	fieldTimestamp
	fieldEventName
	numFields
	noField = numFields
)

// fieldSet is a set of fields, one bit each.
type fieldSet uint32

const (
	// tailFields are the fields whose value is the same for all records of a scope unless a record's attributes set one.
	tailFields fieldSet = 1<<fieldHostname | 1<<fieldService | 1<<fieldSource | 1<<fieldTags | 1<<fieldLogSource |
		1<<fieldScopeName | 1<<fieldScopeVersion
	// textFields are those that the intake expects as text.
	textFields fieldSet = 1<<fieldMessage | 1<<fieldHostname | 1<<fieldService | 1<<fieldSource | 1<<fieldTags | 1<<fieldStatus
)

func (s fieldSet) has(f field) bool { return s>>f&1 != 0 }

var fieldNames = [numFields]string{
	fieldMessage: "message", fieldHostname: "hostname", fieldService: "service", fieldSource: "ddsource", fieldTags: "ddtags",
	fieldLogSource: "datadog.log.source", fieldScopeName: "otel.scope.name", fieldScopeVersion: "otel.scope.version",
	fieldStatus: "status", fieldTraceID: "dd.trace_id", fieldOTelTraceID: "otel.trace_id", fieldSpanID: "dd.span_id",
	fieldOTelSpanID: "otel.span_id", fieldSeverityText: "otel.severity_text", fieldSeverityNumber: "otel.severity_number",
	fieldOTelTimestamp: "otel.timestamp", fieldTimestamp: "@timestamp", fieldEventName: "otel.event_name",
}

// fieldKeys are the names as they stand in an object, quoted and with the colon.
var fieldKeys = func() (keys [numFields]string) {
	for f, name := range fieldNames {
		keys[f] = `"` + name + `":`
	}
	return keys
}()

// fieldOf is the field that an attribute key names, noField for most.
func fieldOf(key []byte) field {
	switch string(key) {
	case "message":
		return fieldMessage
	case "hostname":
		return fieldHostname
	case "service":
		return fieldService
	case "ddsource":
		return fieldSource
	case "ddtags":
		return fieldTags
	case "datadog.log.source":
		return fieldLogSource
	case "otel.scope.name":
		return fieldScopeName
	case "otel.scope.version":
		return fieldScopeVersion
	case "status":
		return fieldStatus
	case "dd.trace_id":
		return fieldTraceID
	case "otel.trace_id":
		return fieldOTelTraceID
	case "dd.span_id":
		return fieldSpanID
	case "otel.span_id":
		return fieldOTelSpanID
	case "otel.severity_text":
		return fieldSeverityText
	case "otel.severity_number":
		return fieldSeverityNumber
	case "otel.timestamp":
		return fieldOTelTimestamp
	case "@timestamp":
		return fieldTimestamp
	case "otel.event_name":
		return fieldEventName
	}
	return noField
}
