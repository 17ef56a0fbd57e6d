// Package metrics turns OTLP metrics into the bytes of Datadog's metric intakes: v2 series and sketches, both protobuf.
//
// Mapping happens before the queue and once per data point. It appends straight from pdata to the wire form; nothing is
// built in between and nothing is allocated per data point once buffers have grown.
//
// The rules are those of Datadog's own exporter with its default settings. Where this package differs on purpose (see docs/mapping.md too):
//
//   - A malformed histogram point costs itself only, never the rest of the request.
//   - A series never has a value that is not finite, such as an aggregation's minimum of NaN, nor has a sketch.
//   - Text that is not UTF-8 is repaired.
//   - Differences of a cumulative series are kept per tenant, survive a refused request (see [Tx.Rollback]) and are capped.
//   - A cumulative histogram is remembered with the bounds of its last point: where they change, buckets with the same bounds go on. Datadog's
//     translator remembers every bucket that there ever was.
//   - Counts of one series and second are added up, or go into different seconds (see [Seconds]).
//   - With [Options.Shared] nothing is counted that another collector may have counted.
//   - No fallback host unless one is configured, no heartbeat metrics.
package metrics
