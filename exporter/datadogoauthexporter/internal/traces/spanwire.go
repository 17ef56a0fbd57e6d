package traces

// appendSpan appends the span at i, whose size is known, as a field of its chunk.
//
//	message Span { string service = 1; string name = 2; string resource = 3; uint64 traceID = 4; uint64 spanID = 5; uint64 parentID = 6;
//	  int64 start = 7; int64 duration = 8; int32 error = 9; map<string, string> meta = 10; map<string, double> metrics = 11;
//	  string type = 12; }
//	datadog-agent, pkg/proto/datadog/trace/span.proto
func (g *mapping) appendSpan(dst []byte, i int) []byte {
	s := &g.chunk.spans[i]
	dst = appendLength(dst, 3, s.size)
	dst = appendString(dst, 1, s.service)
	dst = appendString(dst, 2, s.name)
	dst = appendString(dst, 3, s.resource)
	dst = appendUint(dst, 4, g.chunk.traceID)
	dst = appendUint(dst, 5, s.id)
	dst = appendUint(dst, 6, s.parent)
	dst = appendUint(dst, 7, uint64(s.start))
	dst = appendUint(dst, 8, uint64(s.duration))
	if s.failed {
		dst = appendUint(dst, 9, 1)
	}
	meta, metrics := g.metaOf(i), g.metricsOf(i)
	for j := range meta {
		if e := &meta[j]; !e.dead {
			dst = appendEntry(dst, 10, e.text, e.value)
		}
	}
	for j := range metrics {
		if e := &metrics[j]; !e.dead {
			dst = appendNumberEntry(dst, 11, e.text, e.value)
		}
	}
	return appendString(dst, 12, s.typ)
}

// spanSize is the size of the message that appendSpan appends, without tag and length.
func (g *mapping) spanSize(i int) int {
	s := &g.chunk.spans[i]
	size := stringSize(s.service) + stringSize(s.name) + stringSize(s.resource) + stringSize(s.typ)
	size += uintSize(g.chunk.traceID) + uintSize(s.id) + uintSize(s.parent)
	size += uintSize(uint64(s.start)) + uintSize(uint64(s.duration))
	if s.failed {
		size += 2
	}
	meta, metrics := g.metaOf(i), g.metricsOf(i)
	for j := range meta {
		if e := &meta[j]; !e.dead {
			size += entrySize(e.text, e.value)
		}
	}
	for j := range metrics {
		if e := &metrics[j]; !e.dead {
			size += numberEntrySize(e.text)
		}
	}
	return size
}
