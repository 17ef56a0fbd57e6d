package metrics

import (
	"sync"
	"testing"
)

// A table that gets more shards while many use it loses nothing, and no write of one series by another.
func TestATableDividesWhileItIsUsed(t *testing.T) {
	t.Parallel()
	var table table
	const series, workers, rounds = 4 * fewSeries, 4, 20
	id := func(i int) seriesID { return seriesID{uint64(i) + 1, uint64(i) * 0x9e3779b97f4a7c15} }
	var work sync.WaitGroup
	for range workers {
		work.Go(func() {
			for range rounds {
				for i := range series {
					sh := table.lock(id(i))
					p := sh.points[id(i)]
					p.value++
					sh.set(id(i), p)
					if i%3 == 0 {
						h := sh.histograms[id(i)]
						if h == nil {
							h = &histogram{}
							sh.setHistogram(id(i), h)
						}
						h.written++
					}
					sh.mu.Unlock()
				}
			}
		})
	}
	work.Wait()
	points, histograms := 0, 0
	for i := range table.shards() {
		sh := &table.shards()[i]
		points, histograms = points+len(sh.points), histograms+len(sh.histograms)
	}
	if points != series || histograms != (series+2)/3 || len(table.shards()) != manyShards {
		t.Errorf("%d series and %d histograms in %d shards", points, histograms, len(table.shards()))
	}
	for i := range series {
		sh := table.lock(id(i))
		if p := sh.points[id(i)]; p.value != workers*rounds {
			t.Errorf("series %d was written %v times", i, p.value)
		}
		if h := sh.histograms[id(i)]; i%3 == 0 && h.written != workers*rounds {
			t.Errorf("histogram %d was written %v times", i, h.written)
		}
		sh.mu.Unlock()
	}
}

func TestASmallTableHasOneShard(t *testing.T) {
	t.Parallel()
	var table table
	for i := range uint64(fewSeries) {
		sh := table.lock(seriesID{i + 1, i})
		sh.set(seriesID{i + 1, i}, point{})
		sh.mu.Unlock()
	}
	if n := len(table.shards()); n != 1 {
		t.Errorf("%d shards", n)
	}
}
