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
	ok                                   sketch
	failed                               *sketch // nil until a span has failed, as in most groups
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
		if g.failed == nil {
			g.failed = &sketch{}
		}
		g.failed.add(s.duration)
	} else {
		g.ok.add(s.duration)
	}
}

// sketches are those of the spans that did not fail and of those that did.
func (g *group) sketches() (ok, failed sketch) {
	if g.failed != nil {
		failed = *g.failed
	}
	return g.ok, failed
}

// reset empties the group and keeps the memory of its sketches. The key may be another group's too.
func (g *group) reset() {
	g.ok.reset()
	if g.failed != nil {
		g.failed.reset()
	}
	*g = group{ok: g.ok, failed: g.failed}
}

// maxPooledBins is how many bins a sketch of a pooled group may have room for.
const maxPooledBins = 512

func (g *group) isSmall() bool {
	ok, failed := g.sketches()
	return cap(ok.bins) <= maxPooledBins && cap(failed.bins) <= maxPooledBins
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
