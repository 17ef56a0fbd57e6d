// Package traces turns OTLP spans into the bytes of Datadog's trace intake: elements of AgentPayload.tracerPayloads (protobuf).
//
// Mapping happens before the queue and once per span. The spans of one trace within one resource are converted into a pooled
// scratch, since the values of a chunk depend on all of its spans (root, priority, top level), and are then appended to the
// payload with their lengths known. Nothing is allocated per span once buffers have grown, except where SQL is met that the cache does not know.
//
// The rules are those of Datadog's own exporter with its default settings, or with those that Options names (module
// datadog-agent/pkg/trace, v0.85.2: the receiver of resource spans in its second version, then the agent's normaliser, obfuscator and
// samplers). Where this package differs on purpose (see docs/mapping.md too):
//
//   - Everything that it writes is deterministic: maps are written in the order in which their entries came to be, container
//     tags in a fixed order, chunks in the order in which their first spans arrived. Datadog's order of these is random.
//   - A string that is not UTF-8 is made so, with U+FFFD for what is not. Datadog's exporter sends it as it is, and a strict
//     decoder refuses the whole body for it.
//   - A sampling.priority above 2 keeps a trace, as 2 does. Datadog's agent drops it.
//   - Error traces with sampling.priority 0 are kept without a limit per second.
//   - Values of Redis, Valkey, MongoDB, Elasticsearch, OpenSearch and memcached commands do not leave, nor do queries of URLs (see
//     Options.KeepQueryStrings): Datadog's agent can hide them, its exporter leaves that off. Statements are obfuscated whatever the type of
//     their span, so are parameters of queries, and URLs that are no valid ones.
//   - The name of a span that becomes its operation name (Options.SpanNameAsResourceName) shows no values either, where it is a statement or a command.
//   - SQL is obfuscated by go-sqllexer, Datadog's newer obfuscator, which the exporter knows but does not turn on by default.
//     A statement of MySQL or MariaDB is read as one even where no db.type says so: its text in double quotes is a literal.
//     A statement of which nothing is left is "Non-parsable SQL query", as in the older obfuscator.
//   - A chunk too large for one body is sent as several chunks of the same trace. Datadog's agent sends it whole.
//   - A Redis command of which nothing is left is the operation name, where Datadog's agent sends an empty resource.
//   - App Analytics is deprecated: events (analytics.event) of dropped traces are not sent, and those of kept ones keep the rate that was set.
package traces
