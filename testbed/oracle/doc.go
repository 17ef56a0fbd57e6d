// Package oracle compares what our exporter sends with what Datadog's own Go code makes of the same data.
//
// Each load of pdata goes two ways. Ours runs from outside: the exporter is made by its factory and configured as in a collector file, its
// credentials come from an extension, and it sends over TLS through a proxy to the stand-in for Datadog, which decodes the bodies with
// Datadog's published types; what is compared is what was sent. Theirs is Datadog's code of datadog-agent v0.85.2, called in process: the
// metrics translator, the logs translator, and for traces the OTLP receiver with the whole agent behind it (normaliser, obfuscator, samplers,
// and the concentrator that makes APM stats).
//
// What depends on the time of day is compared with a clock that stands still, in a bubble of testing/synctest that holds our exporter, its
// sockets and Datadog's concentrator (TestStatsOverTime).
//
// Both sides become lists of items (a point, a sketch, a log, a span, a group of stats), flat from field to text, and every field must be
// equal. Where we differ on purpose, the expected side is changed by a named exception of exceptions.go, and each use of it is counted. Anything else is a
// failure, shown with the smallest input that the shrinker finds. For each exception a small input shows the differences that there are without
// it, and that there are no others (exceptions_test.go); docs/mapping.md lists them all.
//
// Inputs are the golden inputs of Datadog's metrics translator, read from the module cache (its logs and attributes modules have none: their tests
// are written in Go); hand-written samples of semantic conventions in samples; and a seeded generator. Its cases fall into cells: for metrics type ×
// temporality × monotonic × flags × mode, for logs type of the body × severity × trace context × flags, for spans and stats technology × kind. A run of
// 100,000 cases or more fails on a cell with less than 500, and on an exception that could have been counted and was not.
//
// Set ORACLE_CASES for the number of generated cases per signal (default 2000; a long run makes as many of metrics as their cells need),
// ORACLE_SEED for another sequence, ORACLE_EXAMPLES for more examples of one kind of difference (default 1), and ORACLE_CORPUS=generated to
// leave out the files.
//
// The command in mutants puts faults into our encoders, one at a time, and asks whether the tests see them.
package oracle
