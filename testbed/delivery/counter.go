package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// Counter is a cumulative series of a tenant that began long before the collector, so that its first point in each process is a baseline: no
// difference is known. One goroutine adds.
//
// Its points have times a second apart, whatever the clock says, since Datadog keeps one point of a second.
type Counter struct {
	tenant      string
	client      *Client
	start, next time.Time
	total       int64

	mu   sync.Mutex // guards what follows
	runs []counterRun
}

// counterRun is what one process was given: its first point, the last that it acknowledged, and the last that it may have.
type counterRun struct {
	begun                   bool
	first, acknowledged, at int64
	points                  int // acknowledged
}

// NewCounter begins at a moment, with points of times from then on.
func (c *Client) NewCounter(tenant string, begin time.Time) *Counter {
	return &Counter{tenant: tenant, client: c, start: begin.Add(-time.Hour), next: begin, total: 1000, runs: make([]counterRun, 1)}
}

// NextRun says that a new process is given the points from now on.
func (c *Counter) NextRun() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs = append(c.runs, counterRun{})
}

// Add counts by and hands the total over.
func (c *Counter) Add(ctx context.Context, by int64) (Outcome, error) {
	c.total += by
	c.next = c.next.Add(time.Second)
	body, err := counterRequest(c.tenant, c.start, c.next, c.total)
	if err != nil {
		return Unsent, err
	}
	o, err := c.client.post(ctx, load.Metrics, c.tenant, body)
	c.mu.Lock()
	defer c.mu.Unlock()
	run := &c.runs[len(c.runs)-1]
	if o == Acknowledged || o == Unknown {
		if !run.begun {
			*run = counterRun{begun: true, first: c.total, acknowledged: c.total}
		}
		run.at = c.total
	}
	if o == Acknowledged {
		run.acknowledged = c.total
		run.points++
	}
	return o, err
}

// Owed are the smallest and the largest sum of differences that can be right: from each process those from its first point to the last that it
// acknowledged, or to the one that it took and never answered.
func (c *Counter) Owed() (least, most int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.runs {
		least += r.acknowledged - r.first
		most += r.at - r.first
	}
	return least, most
}

// Baselines is how many processes were given a first point.
func (c *Counter) Baselines() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.runs {
		if r.begun {
			n++
		}
	}
	return n
}

// Points is how many points were acknowledged.
func (c *Counter) Points() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.runs {
		n += r.points
	}
	return n
}

// PointsOfRun is how many of them the process that runs acknowledged.
func (c *Counter) PointsOfRun() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runs[len(c.runs)-1].points
}

// Begun says that the process that runs was given a first point.
func (c *Counter) Begun() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runs[len(c.runs)-1].begun
}
