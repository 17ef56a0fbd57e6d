package tenancy

import (
	"context"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Stop ends the sending of parked data and waits for what is under way until ctx is done. One failure is enough to give up a lane from then on.
//
// With a Store what is parked stays there, and Push goes on parking. Without one Push parks nothing any more, what it cannot send it counts as lost;
// what is parked is returned, oldest first in each lane, but for lanes in trouble: that is counted as lost here, so that nobody waits for it.
// It is called once.
func (d *Dispatcher) Stop(ctx context.Context) []*intake.Request {
	defer close(d.stopped)
	d.mu.Lock()
	d.closing = true
	d.free()
	d.mu.Unlock()
	if d.stop != nil {
		d.stop()
		<-d.loopDone
		d.awaitRedrives(ctx)
	}
	if d.set.Store != nil {
		d.flush()
		return nil
	}
	rest, lost := d.clear()
	for _, r := range lost {
		d.set.Observer.Dropped(r.Family, intake.ReasonShutdown, r.Count())
	}
	return rest
}

// Stopped is closed when Stop is done.
func (d *Dispatcher) Stopped() <-chan struct{} { return d.stopped }

// flush writes what could not be written before.
func (d *Dispatcher) flush() {
	var unwritten []evicted
	d.mu.Lock()
	for _, key := range d.park.lanes() {
		var written []*parked
		for e, ok := d.park.take(key); ok; e, ok = d.park.take(key) {
			if e.away() {
				written = append(written, e)
			} else {
				unwritten = append(unwritten, evicted{e, key})
			}
		}
		for _, e := range written {
			d.park.add(key, e)
		}
	}
	d.mu.Unlock()
	for _, e := range unwritten {
		lost := d.save([]*parked{e.parked}, nil) != nil && e.outline == nil
		d.mu.Lock()
		if lost {
			d.park.count(e.parked, -1)
		} else {
			d.unshelve(e)
		}
		d.mu.Unlock()
		if lost {
			d.set.Observer.Dropped(e.Family, intake.ReasonShutdown, e.Count())
		}
	}
}

// clear empties the park. lost is what no attempt is worth any more.
func (d *Dispatcher) clear() (rest, lost []*intake.Request) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, key := range d.park.lanes() {
		to := &rest
		if d.trouble(d.lanes[key], now) {
			to = &lost
		}
		for e, ok := d.park.take(key); ok; e, ok = d.park.take(key) {
			d.park.count(e, -1)
			*to = append(*to, e.Request)
		}
	}
	return rest, lost
}

// awaitRedrives waits for the goroutines that send parked data; once ctx is done it cuts them short.
func (d *Dispatcher) awaitRedrives(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.redrives.Wait()
	}()
	defer d.abort()
	select {
	case <-ended:
	case <-ctx.Done():
		d.abort()
		<-ended
	}
}

// Drain is called after the queue was shut down. It waits for the last pushes until ctx is done, since exporterhelper does not wait for those of a
// partition that was idle for a while, and counts what was in back-off and what was never pushed as lost, unless the queue is durable and keeps it.
func (d *Dispatcher) Drain(ctx context.Context) error {
	err := d.awaitPushes(ctx)
	if d.set.Store == nil {
		for family, items := range d.end() {
			d.Enqueued(family, -items)
			d.set.Observer.Dropped(family, intake.ReasonShutdown, items)
		}
	}
	return err
}

func (d *Dispatcher) awaitPushes(ctx context.Context) error {
	d.mu.Lock()
	idle := d.idle
	if d.pushing > 0 && idle == nil {
		idle = make(chan struct{})
		d.idle = idle
	}
	d.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("requests are still being sent: %w", ctx.Err())
	}
}

// end returns what nobody counts any more, also if it is pushed all the same.
func (d *Dispatcher) end() (left map[intake.Family]int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	for r := range d.asleep {
		d.coming[r.Family] += r.Count()
	}
	left = d.coming
	d.asleep, d.coming = make(map[*intake.Request]struct{}), make(map[intake.Family]int)
	return left
}
