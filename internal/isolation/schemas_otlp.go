package isolation

import "google.golang.org/protobuf/encoding/protowire"

// opentelemetry-proto v1.11.0
var (
	otlpKeyValue = &schema{fields: fields{1: {name: "key", leaf: asPlain}, 2: {name: "value", leaf: asPlain}}, enter: keyValue}
	otlpAny      = &schema{fields: fields{
		1: {name: "string", leaf: asPlain}, 2: {name: "bool", leaf: asPlain}, 3: {name: "int", leaf: asPlain}, 4: {name: "double", leaf: asPlain},
		5: {name: "array", leaf: asPlain}, 6: {name: "kvlist", leaf: asPlain}, 7: {name: "bytes", leaf: asPlain}}, enter: anyValue}

	otlpResource = &schema{fields: fields{1: {name: "attributes", of: otlpKeyValue}, 2: {name: "dropped", leaf: asPlain}}}
	otlpScope    = &schema{fields: fields{1: {name: "name", leaf: asText}, 2: {name: "version", leaf: asText}, 3: {name: "attributes", of: otlpKeyValue}, 4: {name: "dropped", leaf: asPlain}}}

	otlpNumber = &schema{fields: fields{
		7: {name: "attributes", of: otlpKeyValue}, 2: {name: "start", leaf: asStart}, 3: {name: "time", leaf: asNanos},
		4: {name: "as_double", leaf: asDouble}, 6: {name: "as_int", leaf: asCount}, 8: {name: "flags", leaf: asPlain},
	}, enter: hasFields(3)}
	otlpHistogram = &schema{fields: fields{
		9: {name: "attributes", of: otlpKeyValue}, 2: {name: "start", leaf: asStart}, 3: {name: "time", leaf: asNanos},
		4: {name: "count", leaf: asCount}, 5: {name: "sum", leaf: asDouble},
		6:  {name: "bucket_counts", leaf: asCount, bytes: packedFixed64},
		7:  {name: "explicit_bounds", leaf: asSize, bytes: packedFixed64},
		10: {name: "flags", leaf: asPlain}, 11: {name: "min", leaf: asSize}, 12: {name: "max", leaf: asSize},
	}, enter: hasFields(3, 4, 5)}
	otlpBuckets = &schema{fields: fields{1: {name: "offset", leaf: asPlain}, 2: {name: "bucket_counts", leaf: asCount, bytes: packedVarint}}}
	otlpExpo    = &schema{fields: fields{
		1: {name: "attributes", of: otlpKeyValue}, 2: {name: "start", leaf: asStart}, 3: {name: "time", leaf: asNanos},
		4: {name: "count", leaf: asCount}, 5: {name: "sum", leaf: asDouble}, 6: {name: "scale", leaf: asPlain}, 7: {name: "zero_count", leaf: asPlain},
		8: {name: "positive", of: otlpBuckets}, 9: {name: "negative", of: otlpBuckets}, 10: {name: "flags", leaf: asPlain},
		12: {name: "min", leaf: asSize}, 13: {name: "max", leaf: asSize}, 14: {name: "zero_threshold", leaf: asPlain},
	}, enter: hasFields(3, 4, 5)}
	otlpSummary = &schema{fields: fields{
		7: {name: "attributes", of: otlpKeyValue}, 2: {name: "start", leaf: asStart}, 3: {name: "time", leaf: asNanos},
		4: {name: "count", leaf: asCount}, 5: {name: "sum", leaf: asDouble},
		6: {name: "quantiles", of: &schema{fields: fields{1: {name: "quantile", leaf: asPlain}, 2: {name: "value", leaf: asDouble}}}},
		8: {name: "flags", leaf: asPlain},
	}, enter: hasFields(3, 4, 5)}

	otlpMetrics = &schema{fields: fields{1: {name: "resource_metrics", of: &schema{fields: fields{
		1: {name: "resource", of: otlpResource}, 3: {name: "schema_url", leaf: asText},
		2: {name: "scope_metrics", of: &schema{fields: fields{
			1: {name: "scope", of: otlpScope}, 3: {name: "schema_url", leaf: asText},
			2: {name: "metrics", of: &schema{fields: fields{
				1: {name: "name", leaf: asText}, 2: {name: "description", leaf: asText}, 3: {name: "unit", leaf: asText},
				5:  {name: "gauge", of: points(otlpNumber)},
				7:  {name: "sum", of: points(otlpNumber)},
				9:  {name: "histogram", of: points(otlpHistogram)},
				10: {name: "exponential_histogram", of: points(otlpExpo)},
				11: {name: "summary", of: points(otlpSummary)},
			}, enter: named(1)}},
		}}},
	}}}}}

	otlpLogs = &schema{fields: fields{1: {name: "resource_logs", of: &schema{fields: fields{
		1: {name: "resource", of: otlpResource}, 3: {name: "schema_url", leaf: asText},
		2: {name: "scope_logs", of: &schema{fields: fields{
			1: {name: "scope", of: otlpScope}, 3: {name: "schema_url", leaf: asText},
			2: {name: "log_records", of: &schema{fields: fields{
				1: {name: "time", leaf: asNanos}, 11: {name: "observed", leaf: asStart}, 2: {name: "severity_number", leaf: asPlain}, 3: {name: "severity_text", leaf: asText},
				5: {name: "body", of: otlpAny}, 6: {name: "attributes", of: otlpKeyValue}, 7: {name: "dropped", leaf: asPlain}, 8: {name: "flags", leaf: asPlain},
				9: {name: "trace_id", leaf: asIDBytes}, 10: {name: "span_id", leaf: asIDBytes}, 12: {name: "event_name", leaf: asText},
			}, enter: hasFields(1)}},
		}}},
	}}}}}

	otlpTraces = &schema{fields: fields{1: {name: "resource_spans", of: &schema{fields: fields{
		1: {name: "resource", of: otlpResource}, 3: {name: "schema_url", leaf: asText},
		2: {name: "scope_spans", of: &schema{fields: fields{
			1: {name: "scope", of: otlpScope}, 3: {name: "schema_url", leaf: asText},
			2: {name: "spans", of: &schema{fields: fields{
				1: {name: "trace_id", leaf: asIDBytes}, 2: {name: "span_id", leaf: asIDBytes}, 3: {name: "trace_state", leaf: asText}, 4: {name: "parent_span_id", leaf: asIDBytes},
				5: {name: "name", leaf: asText}, 6: {name: "kind", leaf: asPlain}, 7: {name: "start", leaf: asNanos}, 8: {name: "end", leaf: asNanos},
				9: {name: "attributes", of: otlpKeyValue}, 10: {name: "dropped", leaf: asPlain},
				11: {name: "events", of: &schema{fields: fields{
					1: {name: "time", leaf: asNanos}, 2: {name: "name", leaf: asText}, 3: {name: "attributes", of: otlpKeyValue}, 4: {name: "dropped", leaf: asPlain}}}},
				12: {name: "dropped", leaf: asPlain},
				13: {name: "links", of: &schema{fields: fields{
					1: {name: "trace_id", leaf: asIDBytes}, 2: {name: "span_id", leaf: asIDBytes}, 3: {name: "trace_state", leaf: asText},
					4: {name: "attributes", of: otlpKeyValue}, 5: {name: "dropped", leaf: asPlain}, 6: {name: "flags", leaf: asPlain}}}},
				14: {name: "dropped", leaf: asPlain},
				15: {name: "status", of: &schema{fields: fields{2: {name: "message", leaf: asText}, 3: {name: "code", leaf: asPlain}}}},
				16: {name: "flags", leaf: asPlain},
			}, enter: hasFields(1, 2, 7, 8)}},
		}}},
	}}}}}
)

// points is what a metric of one kind has.
func points(of *schema) *schema {
	return &schema{fields: fields{1: {name: "data_points", of: of}, 2: {name: "temporality", leaf: asPlain}, 3: {name: "is_monotonic", leaf: asPlain}}}
}

// asStart is a time, 0 for none.
func asStart(c *Checker, v value) {
	if v.number != 0 {
		c.nanos(int64(v.number))
	}
}

// anyValue takes what an AnyValue holds.
func anyValue(c *Checker, b []byte) {
	eachField(c, b, func(number protowire.Number, v value) {
		switch number {
		case 1, 7:
			asText(c, v)
		case 3:
			asCount(c, v)
		case 4:
			asDouble(c, v)
		case 5:
			eachField(c, v.text, func(_ protowire.Number, element value) { anyValue(c, element.text) })
		case 6:
			eachField(c, v.text, func(_ protowire.Number, element value) { keyValue(c, element.text) })
		}
	})
}

// keyValue takes an attribute by its key.
func keyValue(c *Checker, b []byte) {
	key, v := pair(b)
	c.enter(key)
	defer c.leave()
	c.text(key)
	if key == "_sample_rate" {
		eachField(c, v.text, func(_ protowire.Number, rate value) { c.rate(rate.double()) })
		return
	}
	anyValue(c, v.text)
}
