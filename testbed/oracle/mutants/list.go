package main

// mutant is one fault in one encoder: in file, below the exporter's directory internal, old is replaced by new. test must see it.
type mutant struct {
	name, test, file, old, new string
}

var mutants = []mutant{
	// Series.
	{"wrong suffix", "TestMetrics", "metrics/wire.go", `".count", ".sum"`, `".cnt", ".sum"`},
	{"wrong type of a delta sum", "TestMetrics", "metrics/number.go", "tx.mapNumbers(points, typeCount)", "tx.mapNumbers(points, typeRate)"},
	{"lost tag of a point", "TestMetrics", "metrics/tags.go", "\tat := t.open(key)\n\tif v.Type() == pcommon.ValueTypeStr {", "\tif key == \"http.status_code\" {\n\t\treturn\n\t}\n\tat := t.open(key)\n\tif v.Type() == pcommon.ValueTypeStr {"},
	{"wrong bound of a bucket", "TestMetrics", "metrics/histogram.go", `tx.lead.addNumber("lower_bound", lower)`, `tx.lead.addNumber("upper_bound", lower)`},
	{"wrong unit", "TestMetrics", "metrics/unit.go", `return "byte", bytePrefixes`, `return "bit", bytePrefixes`},
	{"unit of observations kept", "TestMetrics", "metrics/wire.go", "if s == suffixCount || s == suffixBucket {", "if s == suffixBucket {"},
	{"interval off by one", "TestMetrics", "metrics/number.go", "return int64(whole)", "return int64(whole) + 1"},
	{"a reset counts as growth", "TestMetrics", "metrics/advance.go", "case here && had && value-old.value >= 0 && old.continues(start, ts):", "case here && had && old.continues(start, ts):"},
	{"counts of one second overwrite each other", "TestMetrics", "metrics/seconds.go", "if len(tx.taken) > 0 {", "if len(tx.taken) > len(tx.counts) {"},
	{"first value dropped", "TestMetrics", "metrics/number.go", "isFirst && tx.sendFirst(start, ts)", "isFirst && tx.sendFirst(start, ts) && value < 0"},
	{"minimum left out", "TestMetrics", "metrics/histogram.go", "if delta && p.HasMin() {", "if delta && p.HasMin() && p.Min() < 0 {"},
	// Sketches.
	{"off-by-one bin", "TestMetrics", "metrics/sketch.go", "keyCount{key, take})\n\t\tleft -= take", "keyCount{key + 1, take})\n\t\tleft -= take"},
	{"off-by-one bin of a dense bucket", "TestMetrics", "metrics/sketch.go", "keyCount{key, take})\n\t\tif left -= take", "keyCount{key + 1, take})\n\t\tif left -= take"},
	{"fractions of an exponential histogram cut off", "TestMetrics", "metrics/expoconvert.go", "return (int64(f+f) + 1) >> 1", "return int64(f+f) >> 1"},
	{"a key of two bytes cut off", "TestMetrics", "metrics/sketchbins.go", "key&0x7f|0x80|key>>7<<8", "key&0x7f|0x80|key>>8<<8"},
	{"half to even rounded up", "TestMetrics", "metrics/sketchkey.go", "math.RoundToEven(math.Log(v)/sketchGammaLn)", "math.Ceil(math.Log(v)/sketchGammaLn)"},
	{"full bins one short", "TestMetrics", "metrics/sketch.go", "for range n / maxBinCount {\n\t\tdst = append(dst, bin{int16(key), maxBinCount})", "for range n / maxBinCount {\n\t\tdst = append(dst, bin{int16(key), maxBinCount - 1})"},
	{"host of a sketch lost", "TestMetrics", "metrics/wire.go", "host := tx.res.name", "host := tx.res.name[:0]"},
	{"average of the wrong count", "TestMetrics", "metrics/histogram.go", "e.sum/float64(int64(e.count))", "e.sum/float64(s.cnt+1)"},
	// Hosts and tags, which the signals share.
	{"swapped host", "TestMetrics", "attributes/hostname.go", `return f.node.str + "-" + f.cluster.str, true`, `return f.cluster.str + "-" + f.node.str, true`},
	{"lost resource tag", "TestLogs", "attributes/tags.go", `case "service.version", "tags.datadoghq.com/version":`, `case "tags.datadoghq.com/version":`},
	// Logs.
	{"wrong status", "TestLogs", "logs/record.go", `return "warn"`, `return "warning"`},
	{"trace id from the high bits", "TestLogs", "logs/tracecontext.go", "binary.BigEndian.Uint64(id[len(id)-8:]), 10)", "binary.BigEndian.Uint64(id[:8]), 10)"},
	{"resource attribute renamed", "TestLogs", "logs/shared.go", `g.share("otel.service", v)`, `g.share("service", v)`},
	{"milliseconds rounded", "TestLogs", "logs/times.go", "millis := t.Nanosecond() / int(time.Millisecond)", "millis := (t.Nanosecond() + 500_000) / int(time.Millisecond) % 1000"},
	{"nested key without its dot", "TestLogs", "logs/flatten.go", "g.path = append(g.path, '.')", "g.path = append(g.path, '_')"},
	// Spans.
	{"dropped meta", "TestTraces", "traces/span.go", "meta.set(n.statusDescription, s)", "_ = n.statusDescription"},
	{"wrong error flag", "TestTraces", "traces/span.go", "failed:      in.Status().Code() == ptrace.StatusCodeError,", "failed:      in.Status().Code() != ptrace.StatusCodeUnset,"},
	{"metric as meta", "TestTraces", "traces/span.go", "metrics.add(n.httpStatusCode, float64(code))", "meta.add(n.httpStatusCode, strconv.FormatInt(code, 10))"},
	{"wrong type of a span", "TestTraces", "traces/spanname.go", "\tcase ptrace.SpanKindServer:\n\t\treturn \"web\"", "\tcase ptrace.SpanKindServer:\n\t\treturn \"http\""},
	{"resource without its route", "TestTraces", "traces/spanname.go", "return g.qualified(method, c.str(attrHTTPRoute))", "return method"},
	{"no top level below another service", "TestTraces", "traces/toplevel.go", "if at := c.find(s.parent); at >= 0 && c.spans[at].service == s.service {", "if at := c.find(s.parent); at >= 0 {"},
	// Options of spans.
	{"option: ignored by what is sent", "TestTraces", "traces/chunk.go", "g.isIgnored(c.spans[c.root].named)", "g.isIgnored(c.spans[c.root].resource)"},
	{"option: name of the span before that of its resource", "TestTraces", "traces/naming.go", "[...]*known{&g.res.known, &g.attrs}", "[...]*known{&g.attrs, &g.res.known}"},
	{"option: other names for normalised ones", "TestTraces", "traces/naming.go", "g.opts.SpanNameRemappings[name]", "g.opts.SpanNameRemappings[g.text.operationName(name)]"},
	{"option: calls are not measured", "TestTraces", "traces/toplevel.go", "g.metrics.set(g.names.measured, 1)", "_ = g.names.measured"},
	// APM stats.
	{"wrong bucket", "TestStatsOverTime", "apmstats/tenant.go", "start := align(s.end, c.set.opts.BucketInterval)", "start := align(s.end, c.set.opts.BucketInterval) + c.set.opts.BucketInterval"},
	{"lost peer tag", "TestStatsOverTime", "apmstats/peertags.go", `"peer.hostname", "peer.service"`, `"peer.hostname"`},
	{"duration in the next bin", "TestStatsOverTime", "apmstats/sketch.go", "index := uint16(math.Log(roughly(ns)) * toIndex)", "index := uint16(math.Log(roughly(ns))*toIndex) + 1"},
	{"sample rate ignored", "TestStatsOverTime", "apmstats/span.go", "return 1 / c.SampleRate", "return 1"},
	{"hits of another kind", "TestStatsOverTime", "apmstats/encode.go", `dst = appendUint(dst, whole(g.topLevelHits))`, `dst = appendUint(dst, whole(g.hits))`},
}
