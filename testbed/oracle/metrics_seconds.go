package oracle

import (
	"fmt"

	"github.com/DataDog/datadog-agent/pkg/opentelemetry-mapping-go/otlp/metrics"
)

// countSeconds finds a second for each count of Datadog's side as our exporter does: see countsAreAddedUp. What is of one payload is of one call.
type countSeconds struct {
	call  int
	taken map[string]*takenSecond
}

type takenSecond struct {
	call int
	at   int // of the item
	sum  float64
	// nanos and value are those of the point that took it, which overwrites itself when it comes again.
	nanos uint64
	value float64
}

const maxShift = 10 // seconds

// place returns the second of a count that is going to be the item at, or the item that it is added to and the sum of both.
func (c *countSeconds) place(s seriesPoint, typ metrics.DataType, nanos uint64, at int, used exceptions) (ts int64, added *takenSecond) {
	if typ == metrics.Gauge || used.off == countsAreAddedUp {
		return s.ts, nil
	}
	if c.taken == nil {
		c.taken = make(map[string]*takenSecond)
	}
	tags := append([]string{}, s.tags...)
	for _, r := range s.resources {
		tags = append(tags, "resource "+r)
	}
	key := func(ts int64) string {
		return fmt.Sprint(s.metric, "\x00", s.host, "\x00", set(tags), typ, s.interval, ts)
	}
	first := c.taken[key(s.ts)]
	if first == nil {
		c.taken[key(s.ts)] = &takenSecond{c.call, at, s.value, nanos, s.value}
		return s.ts, nil
	}
	used.use(countsAreAddedUp)
	if first.call != c.call && first.nanos == nanos && first.value == s.value {
		first.call, first.at, first.sum = c.call, at, s.value
		return s.ts, nil
	}
	for ts := s.ts; ts <= s.ts+maxShift; ts++ {
		if t := c.taken[key(ts)]; t != nil && t.call == c.call {
			t.sum += s.value
			return ts, t
		}
	}
	for ts := s.ts + 1; ts <= s.ts+maxShift; ts++ {
		if c.taken[key(ts)] == nil {
			c.taken[key(ts)] = &takenSecond{c.call, at, s.value, nanos, s.value}
			return ts, nil
		}
	}
	return s.ts, nil
}
