package logs_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

type properties = map[string]any

// reference maps records the slow and obvious way, with maps, in the order of the rules. A record that is dropped is nil.
func reference(rl plog.ResourceLogs) []json.RawMessage {
	var items []json.RawMessage
	res := rl.Resource().Attributes()
	host := attributes.Host(res)
	service := textAt(res, "service.name")
	var tags []string
	attributes.EachTag(res, func(key, value string) { tags = append(tags, key+":"+value) })
	for _, sl := range rl.ScopeLogs().All() {
		common := commonProperties(res, sl.Scope().Attributes())
		for _, lr := range sl.LogRecords().All() {
			if host == "" {
				host = attributes.Host(lr.Attributes())
			}
			if service == "" {
				service = textAt(lr.Attributes(), "service.name")
			}
			item, err := json.Marshal(referenceItem(lr, sl.Scope(), common, host, service, tags))
			if err != nil {
				item = nil
			}
			items = append(items, item)
		}
	}
	return items
}

func textAt(m pcommon.Map, key string) string {
	if v, ok := m.Get(key); ok {
		return v.AsString()
	}
	return ""
}

func commonProperties(res, scope pcommon.Map) properties {
	common := properties{}
	for key, v := range res.All() {
		switch key {
		case "hostname", "service":
			key = "otel." + key
		case "otel.library.name", "otel.library.version":
			key = strings.Replace(key, "library", "scope", 1)
			if _, renamed := res.Get(key); renamed {
				continue
			}
		}
		common[valid(key)] = v.AsString()
	}
	for key, v := range scope.All() {
		common[valid(key)] = v.AsString()
	}
	return common
}

func referenceItem(lr plog.LogRecord, scope pcommon.InstrumentationScope, common properties, host, service string, tags []string) properties {
	own := properties{}
	var message, status, moreTags string
	for key, v := range lr.Attributes().All() {
		switch strings.ToLower(key) {
		case "msg", "message", "log":
			message = v.AsString()
		case "status", "severity", "level", "syslog.severity":
			status = v.AsString()
		case "ddtags":
			moreTags = v.AsString()
		case "traceid", "trace_id", "contextmap.traceid", "oteltraceid":
			idProperties(own, "trace_id", 16, v.AsString())
		case "spanid", "span_id", "contextmap.spanid", "otelspanid":
			idProperties(own, "span_id", 8, v.AsString())
		case "otel.library.name", "otel.library.version":
			scopeKey := strings.Replace(strings.ToLower(key), "library", "scope", 1)
			if _, renamed := lr.Attributes().Get(scopeKey); !renamed {
				own[scopeKey] = v.AsString()
			}
		default:
			flattenInto(own, key, v, 1, true)
		}
		if flat, ok := own["ddtags"].(string); ok {
			moreTags = flat
			delete(own, "ddtags")
		}
	}
	item := properties{}
	for key, v := range own {
		item[key] = v
	}
	for key, v := range common {
		if v != "" || key != "hostname" && key != "service" && key != "ddsource" {
			item[key] = v
		}
	}
	ifAbsent := func(key, value string) {
		if item[key] == nil || item[key] == "" && key != "otel.scope.name" && key != "otel.scope.version" {
			delete(item, key)
			if value != "" {
				item[key] = value
			}
		}
	}
	ifAbsent("otel.scope.name", scope.Name())
	ifAbsent("otel.scope.version", scope.Version())
	if id := lr.TraceID(); !id.IsEmpty() {
		item["dd.trace_id"] = strconv.FormatUint(binary.BigEndian.Uint64(id[8:]), 10)
		item["otel.trace_id"] = hex.EncodeToString(id[:])
	}
	if id := lr.SpanID(); !id.IsEmpty() {
		item["dd.span_id"] = strconv.FormatUint(binary.BigEndian.Uint64(id[:]), 10)
		item["otel.span_id"] = hex.EncodeToString(id[:])
	}
	if lr.SeverityText() != "" {
		item["otel.severity_text"] = lr.SeverityText()
	}
	number := "info"
	if n := int(lr.SeverityNumber()); n != 0 {
		item["otel.severity_number"] = strconv.Itoa(n)
		number = "error"
		if n <= 24 {
			number = []string{"trace", "debug", "info", "warn", "error", "fatal"}[max(n-1, 0)/4]
		}
	}
	item["status"] = firstText(status, lr.SeverityText(), number)
	t := lr.Timestamp()
	if t == 0 {
		t = lr.ObservedTimestamp()
	}
	if t != 0 {
		item["otel.timestamp"] = strconv.FormatInt(t.AsTime().UnixNano(), 10)
		item["@timestamp"] = t.AsTime().Format("2006-01-02T15:04:05.000Z")
	}
	if lr.EventName() != "" {
		item["otel.event_name"] = lr.EventName()
	}
	if _, taken := item["message"]; !taken {
		item["message"] = firstText(message, lr.Body().AsString())
	}
	commonTags, _ := common["ddtags"].(string)
	var allTags []string
	for _, tag := range append(tags[:len(tags):len(tags)], moreTags, commonTags, "otel_source:datadog_exporter") {
		if tag != "" {
			allTags = append(allTags, tag)
		}
	}
	item["ddtags"] = strings.Join(allTags, ",")
	if named, ok := item["datadog.log.source"].(string); ok && named != "" {
		item["ddsource"] = named
	}
	ifAbsent("ddsource", "otlp_log_ingestion")
	ifAbsent("hostname", host)
	ifAbsent("service", service)
	return item
}

func firstText(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

func idProperties(own properties, name string, size int, text string) {
	id, err := hex.DecodeString(text)
	if _, taken := own["dd."+name]; taken || err != nil || len(id) != size {
		return
	}
	own["dd."+name] = strconv.FormatUint(binary.BigEndian.Uint64(id[size-8:]), 10)
	own["otel."+name] = text
}

func flattenInto(into properties, key string, v pcommon.Value, depth int, outermost bool) {
	if v.Type() == pcommon.ValueTypeMap && depth != 10 {
		for sub, entry := range v.Map().All() {
			if key != "" {
				sub = key + "." + sub
			}
			flattenInto(into, sub, entry, depth+1, outermost)
		}
		return
	}
	switch {
	case outermost && (key == "message" || key == "hostname" || key == "service" || key == "ddsource" || key == "ddtags"):
		into[key] = v.AsString()
	default:
		into[valid(key)] = jsonValue(v, depth)
	}
}

func jsonValue(v pcommon.Value, depth int) any {
	switch v.Type() {
	case pcommon.ValueTypeSlice:
		array := []any{}
		for _, element := range v.Slice().All() {
			if element.Type() == pcommon.ValueTypeMap && depth+1 != 10 {
				object := properties{}
				flattenInto(object, "", element, depth+1, false)
				array = append(array, object)
				continue
			}
			array = append(array, jsonValue(element, depth+1))
		}
		return array
	case pcommon.ValueTypeStr, pcommon.ValueTypeInt, pcommon.ValueTypeBool, pcommon.ValueTypeDouble:
		return v.AsRaw()
	}
	return v.AsString()
}

// valid is s with U+FFFD for each byte that is not UTF-8, as JSON must have it.
func valid(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == utf8.RuneError {
			b.WriteString("\ufffd")
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
