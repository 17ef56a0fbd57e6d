package metrics

import "sync"

// shard is a part of a table. The lock is held for one look and one write, never for encoding.
type shard struct {
	mu     sync.Mutex
	points map[seriesID]point // guarded by mu; made with its first series

	histograms map[seriesID]*histogram // guarded by mu, contents too; made with its first histogram
}

// A table begins with one shard, and gets many for good when it has more than few series: each shard has maps of its own, which would be most of the
// memory of a small tenant, and many calls at a time for one tenant bring many series.
const (
	fewSeries  = 112 // what a map holds before it grows to 256 slots
	manyShards = 16
)

// lock returns the locked shard of a series.
func (t *table) lock(id seriesID) *shard {
	many := t.many.Load()
	if many == nil {
		few := &t.few[0]
		few.mu.Lock()
		if many = t.many.Load(); many == nil && len(few.points)+len(few.histograms) <= fewSeries {
			return few
		}
		if many == nil {
			many = few.divide()
			t.many.Store(many)
		}
		few.mu.Unlock()
	}
	sh := shardOf(many, id)
	sh.mu.Lock()
	return sh
}

func shardOf(many *[manyShards]shard, id seriesID) *shard { return &many[id.b%manyShards] }

// divide empties a locked shard into many, which nobody else has yet.
func (sh *shard) divide() *[manyShards]shard {
	many := new([manyShards]shard)
	for id, p := range sh.points {
		shardOf(many, id).set(id, p)
	}
	for id, h := range sh.histograms {
		shardOf(many, id).setHistogram(id, h)
	}
	sh.points, sh.histograms = nil, nil
	return many
}

// shards are all there are at the moment.
func (t *table) shards() []shard {
	if many := t.many.Load(); many != nil {
		return many[:]
	}
	return t.few[:]
}

func (sh *shard) set(id seriesID, p point) {
	if sh.points == nil {
		sh.points = make(map[seriesID]point)
	}
	sh.points[id] = p
}

func (sh *shard) setHistogram(id seriesID, h *histogram) {
	if sh.histograms == nil {
		sh.histograms = make(map[seriesID]*histogram)
	}
	sh.histograms[id] = h
}
