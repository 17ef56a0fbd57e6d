package apmstats

// SketchOf encodes the sketch of some durations in ns.
func SketchOf(durations ...int64) []byte {
	var s sketch
	for _, ns := range durations {
		s.add(ns)
	}
	return s.appendTo(nil)
}
