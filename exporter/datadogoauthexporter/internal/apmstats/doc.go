// Package apmstats computes APM stats ("trace metrics"): hits, errors and latency sketches of spans, by group and in buckets of ten seconds,
// as the bytes of Datadog's stats intake (msgpack StatsPayload).
//
// Each tenant and organisation has a concentrator of its own. A caller opens a transaction (Begin), tells it of the spans that it maps, and
// commits it once the queue took them, so that a span counts exactly once; a rollback leaves no trace. Flush takes the buckets that are due
// and encodes them into items, each one element of StatsPayload.stats, that merge by concatenation.
//
// The rules are those of the concentrator in Datadog's agent (datadog-agent/pkg/trace/stats, v0.85.2), for spans that are complete, normalised
// and obfuscated; what is computed of which span is in docs/mapping.md. Where this package differs on purpose:
//
//   - The number of groups, and the bytes of their keys, are bounded. What does not fit is counted in one overflow group of its payload.
//   - A sample rate that is not a number weighs 1. Datadog's sums become meaningless by it.
//   - A piece of a large payload keeps the commit of the whole, and pieces are cut by bytes as well as by groups.
//   - Every bucket is a payload of its own. Datadog puts several into one when it falls behind.
package apmstats
