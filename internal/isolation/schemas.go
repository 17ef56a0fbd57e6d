package isolation

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

type fields = map[protowire.Number]field

// agent-payload v5, proto/metrics/agent_payload.proto
var (
	origin = &schema{fields: fields{1: {name: "origin", of: &schema{fields: fields{
		3: {name: "metric_type", leaf: asPlain}, 4: {name: "product", leaf: asPlain}, 5: {name: "category", leaf: asPlain}, 6: {name: "service", leaf: asPlain}}}}}}

	seriesPayload = &schema{fields: fields{1: {name: "series", of: &schema{fields: fields{
		1: {name: "resources", of: &schema{fields: fields{1: {name: "type", leaf: asText}, 2: {name: "name", leaf: asText}}}},
		2: {name: "metric", leaf: asText},
		3: {name: "tags", leaf: asText},
		4: {name: "points", of: &schema{fields: fields{1: {name: "value", leaf: asDouble}, 2: {name: "timestamp", leaf: asSeconds}}, enter: hasFields(1, 2)}},
		5: {name: "type", leaf: asPlain},
		6: {name: "unit", leaf: asText},
		8: {name: "interval", leaf: asPlain},
		9: {name: "metadata", of: origin},
	}, enter: both(named(2), hasFields(4))}}}}

	sketchPayload = &schema{fields: fields{2: {name: "metadata", leaf: asPlain}, 1: {name: "sketches", of: &schema{fields: fields{
		1: {name: "metric", leaf: asText},
		2: {name: "host", leaf: asText},
		4: {name: "tags", leaf: asText},
		7: {name: "dogsketches", of: &schema{fields: fields{
			1: {name: "ts", leaf: asSeconds},
			2: {name: "cnt", leaf: asCount},
			3: {name: "min", leaf: asSize},
			4: {name: "max", leaf: asSize},
			5: {name: "avg", leaf: asSize},
			6: {name: "sum", leaf: asDouble},
			7: {name: "k", leaf: asSketchKey, bytes: packedVarint},
			8: {name: "n", leaf: asPlain, bytes: packedVarint},
		}, enter: countsItsBins}},
		8: {name: "metadata", of: origin},
	}, enter: both(named(1), hasFields(7))}}}}
)

func both(first, second func(*Checker, []byte)) func(*Checker, []byte) {
	return func(c *Checker, b []byte) {
		first(c, b)
		second(c, b)
	}
}

// hasFields makes sure that a message has what tells: a value of 0 is not written, and would be nobody's.
func hasFields(numbers ...protowire.Number) func(*Checker, []byte) {
	return func(c *Checker, b []byte) {
		for _, number := range numbers {
			if !has(b, number) {
				c.fail(errNobody)
			}
		}
	}
}

func has(b []byte, want protowire.Number) bool {
	for len(b) > 0 {
		number, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return false
		}
		if number == want {
			return true
		}
		b = b[n:]
	}
	return false
}

// asSketchKey is the key of a bin of an agent sketch: that of the value v is round(log(v)/log(1+2/128)) + 1338.
// datadog-agent, pkg/util/quantile (default configuration)
func asSketchKey(c *Checker, v value) {
	key := protowire.DecodeZigZag(v.number)
	c.size(math.Exp(float64(key-1338) * math.Log1p(2.0/128)))
}

// countsItsBins compares the count of a sketch with those of its bins.
func countsItsBins(c *Checker, b []byte) {
	var cnt, sum uint64
	eachField(c, b, func(number protowire.Number, v value) {
		switch number {
		case 2:
			cnt = v.number
		case 8:
			for bins := v.text; len(bins) > 0; {
				each, n := protowire.ConsumeVarint(bins)
				if n < 0 {
					c.fail(errNotProto)
					return
				}
				sum, bins = sum+each, bins[n:]
			}
		}
	})
	if cnt != sum {
		c.fail(errBins)
	}
}

// datadog-agent, pkg/proto/datadog/trace: agent_payload.proto, tracer_payload.proto, span.proto
var (
	metaEntry    = entry(func(c *Checker, key string, v value) { c.meta(key, string(v.text)) })
	metricsEntry = entry(func(c *Checker, key string, v value) { c.metric(key, v.double()) })

	span = &schema{fields: fields{
		1:  {name: "service", leaf: asText},
		2:  {name: "name", leaf: asText},
		3:  {name: "resource", leaf: asText},
		4:  {name: "traceID", leaf: asID},
		5:  {name: "spanID", leaf: asID},
		6:  {name: "parentID", leaf: asParent},
		7:  {name: "start", leaf: asNanos},
		8:  {name: "duration", leaf: asDuration},
		9:  {name: "error", leaf: asPlain},
		10: {name: "meta", of: metaEntry},
		11: {name: "metrics", of: metricsEntry},
		12: {name: "type", leaf: asText},
	}, enter: hasFields(4, 5, 7, 8)}

	agentPayload = &schema{fields: fields{
		1: {name: "hostName", leaf: asText}, 2: {name: "env", leaf: asText}, 7: {name: "agentVersion", leaf: asText},
		8: {name: "targetTPS", leaf: asPlain}, 9: {name: "errorTPS", leaf: asPlain},
		5: {name: "tracerPayloads", of: &schema{fields: fields{
			1: {name: "containerID", leaf: asText},
			2: {name: "languageName", leaf: asText}, 3: {name: "languageVersion", leaf: asText}, 4: {name: "tracerVersion", leaf: asText},
			5: {name: "runtimeID", leaf: asText},
			6: {name: "chunks", of: &schema{fields: fields{
				1: {name: "priority", leaf: asPlain}, 2: {name: "origin", leaf: asText}, 3: {name: "spans", of: span}, 4: {name: "tags", of: metaEntry}, 5: {name: "dropped", leaf: asPlain},
			}}},
			7: {name: "tags", of: metaEntry},
			8: {name: "env", leaf: asText}, 9: {name: "hostname", leaf: asText}, 10: {name: "appVersion", leaf: asText},
		}}},
	}}
)

// asDuration is a duration in ns: a multiple within the tenant's range.
func asDuration(c *Checker, v value) {
	c.count(v.number)
	c.belongs(sized(float64(v.number)), v.number)
}
