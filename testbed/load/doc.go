// Package load makes OTLP/HTTP load for benchmarks: the same series, records and spans for the same seed, encoded once, and before each use
// patched in place with times, values and ids of that use. Sending costs little more than writing to a socket.
//
// A Load is a number of requests of one resource each, with eight resource attributes. One round sends each request once, so a series has one
// point a round, as an SDK's has in its interval. mix.json is the mix; what it cannot say is fixed: four attributes on a data point, five on a
// log record that also has a trace context, fourteen bounds in a histogram.
package load
