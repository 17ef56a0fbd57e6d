package intake

import (
	"slices"
	"strings"
)

// seriesID is what makes two points belong to one series: metric, host and tags, the last two as Datadog keeps them.
type seriesID struct {
	metric string
	host   string
	tags   []string // sorted, each once
}

func (id seriesID) key() string {
	return id.metric + "\x00" + id.host + "\x00" + strings.Join(id.tags, "\x00")
}

// grid keeps one cell per series and second, at most max cells. It is not safe for concurrent use.
type grid[P any] struct {
	max   int
	rows  map[string]*row[P]
	order fifo[cell]
}

type row[P any] struct {
	seriesID
	points map[int64]P // by Unix second
}

type cell struct {
	key string
	ts  int64
}

// put stores p at (id, ts). Where a cell exists, join makes one of both. evicted is how many old cells had to go.
func (g *grid[P]) put(id seriesID, ts int64, p P, join func(old, p P) P) (isNew bool, evicted int) {
	key := id.key()
	r := g.rows[key]
	if r == nil {
		if g.rows == nil {
			g.rows = map[string]*row[P]{}
		}
		r = &row[P]{id, map[int64]P{}}
		g.rows[key] = r
	}
	if old, exists := r.points[ts]; exists {
		r.points[ts] = join(old, p)
		return false, 0
	}
	r.points[ts] = p
	g.order.push(cell{key, ts})
	for ; g.order.len() > g.max; evicted++ {
		g.remove(g.order.pop())
	}
	return true, evicted
}

func (g *grid[P]) remove(c cell) {
	r := g.rows[c.key]
	delete(r.points, c.ts)
	if len(r.points) == 0 {
		delete(g.rows, c.key)
	}
}

// sorted returns the rows by metric, host and tags.
func (g *grid[P]) sorted() []*row[P] {
	rows := make([]*row[P], 0, len(g.rows))
	for _, r := range g.rows {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b *row[P]) int { return strings.Compare(a.key(), b.key()) })
	return rows
}

// times returns the seconds of the row in ascending order.
func (r *row[P]) times() []int64 {
	times := make([]int64, 0, len(r.points))
	for ts := range r.points {
		times = append(times, ts)
	}
	slices.Sort(times)
	return times
}
