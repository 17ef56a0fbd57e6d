package events

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// field is an attribute that is taken for a member of the item.
type field uint8

const (
	fieldTitle field = iota // of events, up to the parent event
	fieldText
	fieldAlertType
	fieldPriority
	fieldAggregationKey
	fieldSourceTypeName
	fieldDeviceName
	fieldRelatedEventID
	fieldHost // of both, as tags
	fieldTags
	fieldName // of checks
	fieldStatus
	fieldMessage
	numFields
	fieldType // the attribute datadog.type, which is no member
	noField   // an attribute that becomes a tag
)

// fields are the attributes of one record that are taken.
type fields struct {
	value [numFields]pcommon.Value
	has   [numFields]bool
}

// read sorts the attributes of a record into fields and tags.
func (g *mapping) read(attrs pcommon.Map, fieldOf func(string) field) {
	g.fields.has = [numFields]bool{}
	g.own.reset()
	g.others.reset()
	for key, v := range attrs.All() {
		f := noField
		if strings.HasPrefix(key, "datadog.") {
			f = fieldOf(key)
		}
		switch f {
		case fieldType:
		case noField:
			g.text = append(append(g.text[:0], key...), ':')
			start := len(g.text)
			if g.text = attributes.AppendValue(g.text, v); len(g.text) == start {
				g.text = append(g.text, "n/a"...)
			}
			g.others.add(g.text)
		case fieldTags:
			g.addOwnTags(v)
		default:
			g.fields.value[f], g.fields.has[f] = v, true
		}
	}
}

// addOwnTags takes a list of tags, or a text in which commas part them.
func (g *mapping) addOwnTags(v pcommon.Value) {
	if v.Type() == pcommon.ValueTypeSlice {
		for _, e := range v.Slice().All() {
			g.text = attributes.AppendValue(g.text[:0], e)
			g.own.add(g.text)
		}
		return
	}
	for tag := range strings.SplitSeq(v.Str(), ",") {
		g.text = append(g.text[:0], strings.TrimSpace(tag)...)
		g.own.add(g.text)
	}
}

// textOf appends the text form of a field to dst, if it is there.
func (g *mapping) textOf(dst []byte, f field) []byte {
	if !g.fields.has[f] {
		return dst
	}
	return attributes.AppendValue(dst, g.fields.value[f])
}

// named returns the value of a field that is a string, empty if there is none.
func (g *mapping) named(f field) string {
	if !g.fields.has[f] {
		return ""
	}
	return g.fields.value[f].Str()
}

func eventField(key string) field {
	switch key {
	case typeAttribute:
		return fieldType
	case "datadog.event.title":
		return fieldTitle
	case "datadog.event.text":
		return fieldText
	case "datadog.event.alert_type":
		return fieldAlertType
	case "datadog.event.priority":
		return fieldPriority
	case "datadog.event.aggregation_key":
		return fieldAggregationKey
	case "datadog.event.source_type_name":
		return fieldSourceTypeName
	case "datadog.event.device_name":
		return fieldDeviceName
	case "datadog.event.related_event_id":
		return fieldRelatedEventID
	case "datadog.event.host":
		return fieldHost
	case "datadog.event.tags":
		return fieldTags
	}
	return noField
}

func checkField(key string) field {
	switch key {
	case typeAttribute:
		return fieldType
	case "datadog.check.name":
		return fieldName
	case "datadog.check.status":
		return fieldStatus
	case "datadog.check.message":
		return fieldMessage
	case "datadog.check.host":
		return fieldHost
	case "datadog.check.tags":
		return fieldTags
	}
	return noField
}

// IsCheckAttribute tells whether an attribute of a data point is about the service check and no dimension of the gauge.
func IsCheckAttribute(key string) bool { return checkField(key) != noField }
