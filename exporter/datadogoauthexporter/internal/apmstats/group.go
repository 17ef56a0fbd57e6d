package apmstats

import (
	"math"
	"math/rand/v2"
)

// group is what is counted of the spans that share a key within one bucket and payload.
type group struct {
	key     []byte
	payload *payload
	next    *group // another one whose key has the same hash

	hits, topLevelHits, errors, duration float64
	ok, failed                           sketch
}

// payload is one element of StatsPayload.stats: the groups of a bucket whose spans come from the same place.
type payload struct {
	key      []byte
	next     *payload // another one whose key has the same hash
	groups   []*group
	overflow *group
}

// bucket is one interval of time.
type bucket struct {
	start    int64 // ns
	groups   map[uint64]*group
	payloads map[uint64]*payload
	order    []*payload
	overflow *payload // of spans whose payload has no group of its own
}

func (g *group) add(s *staged) {
	g.hits += s.weight
	if s.topLevel {
		g.topLevelHits += s.weight
	}
	g.duration += float64(s.duration) * s.weight
	if s.failed {
		g.errors += s.weight
		g.failed.add(s.duration)
	} else {
		g.ok.add(s.duration)
	}
}

// reset empties the group and keeps its memory.
func (g *group) reset() {
	g.ok.reset()
	g.failed.reset()
	*g = group{key: g.key[:0], ok: g.ok, failed: g.failed}
}

// maxPooledBins is how many bins a sketch of a pooled group may have room for.
const maxPooledBins = 512

func (g *group) isSmall() bool {
	return cap(g.ok.bins) <= maxPooledBins && cap(g.failed.bins) <= maxPooledBins && cap(g.key) <= 4<<10
}

// whole rounds a sum up or down, at random, so that the mean of many is right.
func whole(f float64) uint64 {
	if f >= 1<<64 {
		return math.MaxUint64
	}
	n := uint64(f)
	if rest := f - float64(n); rest > 0 && rand.Float64() < rest {
		n++
	}
	return n
}
