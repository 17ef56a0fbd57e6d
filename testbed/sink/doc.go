// Package sink stands where the stand-in's intakes do when a benchmark measures who sends to them: it takes every body as it is, answers as the
// intake would, and counts. Requests reach it through the stand-in's proxy and TLS, so the way to it is the same for every exporter.
//
// A body is answered at once and looked at afterwards, on one goroutine. It is decompressed to its end, and its items are counted: points of
// series, sketches, log objects, spans, and data points, records and spans of OTLP. So a body that is lost, cut short or sent twice shows in the
// counts, which are kept by sender (the user name at the proxy), API key, path and encoding.
//
// Bodies of package load hold a mark with every series, log object, sketch and tracer payload. Watch tells which items of which request a
// body brought, and when. An item is known by a hash of its bytes, which are the same when it is sent again.
//
// # What it does not check
//
// Keys, sites, media types, limits of size, and every field of an item: names, values, tags, times. The stand-in's own intakes do that, in the
// end-to-end tests and in the fuzz targets. A benchmark compares the keys with what each tenant sent.
package sink
