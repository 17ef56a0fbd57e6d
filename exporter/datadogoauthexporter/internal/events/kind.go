package events

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// typeAttribute is the attribute of a log record or data point that says what it is.
const typeAttribute = "datadog.type"

// Kind is what a log record or data point is meant to be.
type Kind uint8

// The kinds. The zero Kind is what OTLP says: a log, a metric.
const (
	Plain Kind = iota
	Event
	Check
	Incident // package incidents maps it
)

// KindOf tells what a log record is meant to be.
func KindOf(lr plog.LogRecord) Kind {
	if v, ok := lr.Attributes().Get(typeAttribute); ok {
		switch v.Str() {
		case "event":
			return Event
		case "service_check":
			return Check
		case "incident":
			return Incident
		case "log":
			return Plain
		}
	}
	switch lr.EventName() {
	case "datadog.event":
		return Event
	case "datadog.service_check":
		return Check
	case "datadog.incident":
		return Incident
	}
	return Plain
}

// IsCheck tells whether a data point of a gauge is meant to be a service check.
func IsCheck(p pmetric.NumberDataPoint) bool { return saysCheck(p.Attributes()) }

func saysCheck(attrs pcommon.Map) bool {
	v, ok := attrs.Get(typeAttribute)
	return ok && v.Str() == "service_check"
}
