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
// failure, shown with the smallest input that the shrinker finds.
//
// Inputs are the golden inputs of Datadog's metrics translator, read from the module cache; hand-written samples of semantic conventions; and
// a seeded generator. Set ORACLE_CASES for the number of generated cases per signal (default 2000), ORACLE_SEED for another sequence, and
// ORACLE_EXAMPLES for more examples of one kind of difference (default 1).
package oracle
