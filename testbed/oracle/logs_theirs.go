package oracle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/DataDog/datadog-agent/pkg/opentelemetry-mapping-go/otlp/attributes"
	"github.com/DataDog/datadog-agent/pkg/opentelemetry-mapping-go/otlp/logs"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

// logsMode is one configuration of ours, and what Datadog's exporter would do of it.
type logsMode struct {
	name, source, fallback string
	noHosts                bool
	ours                   settings
}

// logsModes are the options, each beside the default, which is the first.
var logsModes = []logsMode{
	{name: "default"},
	{name: "integration::source", source: "partner", ours: settings{"integration": settings{"source": "partner"}}},
	{name: "hostname", fallback: fallbackHost, ours: settings{"hostname": fallbackHost}},
	{name: "resource_host: drop", noHosts: true, ours: settings{"resource_host": "drop"}},
}

// logID is an attribute that the generator gives every record, to find it again.
const logID = "oracle.id"

// translateLogs is Datadog's side: the inner items of its exporter, brought into one layer with what the outer layer says (spec/logs.md §3).
func translateLogs(ctx context.Context, mode logsMode, load []plog.Logs, used exceptions) ([]item, error) {
	set := componenttest.NewNopTelemetrySettings()
	attrs, err := attributes.NewTranslator(set)
	if err != nil {
		return nil, err
	}
	tr, err := logs.NewTranslator(set, attrs, "datadog_exporter")
	if err != nil {
		return nil, err
	}
	var items []item
	for _, d := range load {
		records := recordsOf(d)
		for i, inner := range tr.MapLogs(ctx, d, nil) { // one for each record
			if mode.noHosts {
				inner.Hostname = nil
			}
			outer := map[string]any{"status": "info", "ddsource": cmp.Or(mode.source, "otlp_log_ingestion"), "ddtags": inner.GetDdtags()}
			if h := cmp.Or(inner.GetHostname(), mode.fallback); h != "" {
				outer["hostname"] = h
			}
			if s := inner.GetService(); s != "" {
				outer["service"] = s
			}
			inner.Ddtags = nil // as in Datadog's exporter: tags travel in the outer item
			text, err := inner.MarshalJSON()
			if err != nil {
				continue // a number that JSON does not have; the exporter drops the record
			}
			fields, err := decodeObject(text)
			if err != nil {
				return nil, err
			}
			if used.off == oneLogLayer {
				outer["message"] = string(text)
				items = append(items, logItem(outer))
				continue
			}
			items = append(items, logItem(oneLayer(outer, fields, records[i].Attributes(), used)))
		}
	}
	return items, nil
}

func recordsOf(d plog.Logs) []plog.LogRecord {
	var records []plog.LogRecord
	for _, rl := range d.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				records = append(records, lr)
			}
		}
	}
	return records
}

// oneLayer is what an outer item and its inner item mean together: Datadog parses the inner one, whose fields win. attrs are those of the
// record.
func oneLayer(outer, inner map[string]any, attrs pcommon.Map, used exceptions) map[string]any {
	used.use(oneLogLayer)
	if source, _ := inner["datadog.log.source"].(string); source != "" {
		outer["ddsource"] = source
		if own, ok := inner["ddsource"]; ok && own != source && used.off != logSourceWins {
			used.use(logSourceWins)
			delete(inner, "ddsource")
		}
	}
	if more, ok := inner["ddtags"]; ok && used.off != tagsOfAttributesAdd {
		used.use(tagsOfAttributesAdd)
		delete(inner, "ddtags")
		outer["ddtags"] = outer["ddtags"].(string) + "," + asText(more, "ddtags", attrs)
	}
	for _, key := range []string{"message", "hostname", "service", "ddsource", "status"} {
		v, ok := inner[key]
		if !ok {
			continue
		}
		if _, isText := v.(string); !isText && used.off != reservedFieldsAreText {
			used.use(reservedFieldsAreText)
			inner[key] = asText(v, key, attrs)
		}
		if key != "message" && inner[key] == "" && used.off != emptyFieldsAreAbsent {
			delete(inner, key)
			used.use(emptyFieldsAreAbsent)
			if attr, ok := attrs.Get(key); ok && attr.AsString() != "" && key != "status" {
				inner[key] = attr.AsString() // a scope's empty attribute does not replace it either
			}
		}
	}
	maps.Copy(outer, inner)
	return outer
}

// asText is the text of a field that must be text: that of the attribute, where it is one, and not of what became of it.
func asText(v any, key string, attrs pcommon.Map) string {
	if text, ok := v.(string); ok {
		return text
	}
	if attr, ok := attrs.Get(key); ok {
		return attr.AsString()
	}
	return jsonText(v)
}

func decodeObject(text []byte) (map[string]any, error) {
	v, err := decodeAny(text)
	if err != nil {
		return nil, fmt.Errorf("inner item %.200s: %w", text, err)
	}
	return v.(map[string]any), nil // an inner item is one
}

// decodeAny keeps all digits of numbers.
func decodeAny(text []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	err = dec.Decode(&v)
	return v, err
}

// logsItems are what arrived.
func logsItems(r intake.Received, used exceptions) []item {
	var items []item
	for _, l := range r.Logs {
		for key, v := range l.Item {
			l.Item[key] = withoutEmptyKeys(v, used)
		}
		items = append(items, logItem(l.Item))
	}
	return items
}

// withoutEmptyKeys does to arrays what Datadog's flattening does: an object in them is replaced by what it has under the empty key.
func withoutEmptyKeys(v any, used exceptions) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	out := make([]any, len(list))
	for i, element := range list {
		if object, ok := element.(map[string]any); ok {
			if under, ok := object[""]; ok && used.off != emptyKeysInArrays {
				used.use(emptyKeysInArrays)
				element = under
			} else {
				for key := range object {
					object[key] = withoutEmptyKeys(object[key], used)
				}
			}
		}
		out[i] = withoutEmptyKeys(element, used)
	}
	return out
}

// logItem flattens one layer: each key with its JSON value. Tags are a set, since their order depends on maps.
func logItem(fields map[string]any) item {
	it := item{fields: make(map[string]string, len(fields))}
	for key, v := range fields {
		it.fields[key] = jsonText(v)
	}
	if tags, ok := fields["ddtags"].(string); ok {
		list := slices.DeleteFunc(strings.Split(tags, ","), func(tag string) bool { return strings.TrimSpace(tag) == "" })
		it.fields["ddtags"] = set(list)
	}
	it.id, _ = fields[logID].(string)
	it.group = "log " + it.id
	return it
}

// jsonText is JSON with its keys sorted and its numbers in one form.
func jsonText(v any) string {
	text, err := json.Marshal(canonical(v))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func canonical(v any) any {
	switch v := v.(type) {
	case json.Number:
		if _, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return v
		}
		f, err := v.Float64()
		if err != nil {
			return v
		}
		return json.Number(number(f))
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = canonical(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			out[key] = canonical(v[key])
		}
		return out
	}
	return v
}
