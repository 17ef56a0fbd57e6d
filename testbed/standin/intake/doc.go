// Package intake is the data side of the stand-in for Datadog: it takes series, sketches, logs, traces, APM stats, events,
// service checks and host metadata as Datadog's intakes do, keeps them as Datadog would, and gives them back through the read endpoints.
//
// One Intake plays every site and every host. Whoever terminates TLS says with WithTarget which host the client believes to
// talk to; keys and tokens are judged by an Authorizer for that host's site, so that a key of one site is refused on another.
//
// It decodes with Datadog's own published types and refuses what they cannot express: unknown fields, wrong types, text that
// is not UTF-8, bodies above the limits. A refused body stores nothing. What Datadog drops after a 202 (points outside the
// window, logs older than 18 hours, the tail of an oversized log) is dropped here as well and counted, see Dropped.
//
// Where it is stricter than what is known of Datadog, so that a fault of an encoder shows: unknown JSON keys, a metric name
// that does not begin with a letter or is longer than 200 characters, a repeated key in a log item, sketch bins out of
// order, an event outside its window, spans that the Agent would have normalised or dropped before sending, and stats whose
// counts contradict each other or whose summaries are no DDSketch, and host metadata of anything that a resource does not tell,
// are answered with 400.
//
// # Not imitated
//
// These answer 404 with a text that says so, unless another answer is named:
//   - the older forms: /api/v1/series, /v1/input, raw values on /api/v1/distribution_points
//   - event management (POST /api/v2/events), what is below /api/v1/monitor and /api/v1/hosts
//   - text/plain and logplex logs (415), OTLP as JSON (415), gRPC
//   - idxTracerPayloads in the Agent form of traces (400)
//
// Further: rate limits (a fault injector's work), log pipelines beyond parsing a JSON message and finding its time and status,
// index and exclusion filters, retention filters, trace metrics but for queries of hits, rollups, formulas and group-by of metric queries,
// percentiles of sketches, OR and parentheses in searches, Historical Metrics, and searching what came as OTLP.
package intake
