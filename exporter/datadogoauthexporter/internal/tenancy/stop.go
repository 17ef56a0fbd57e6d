package tenancy

import (
	"context"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Stop ends the sending of parked data, waits for what is under way until ctx is done, and returns what is parked, oldest first in each lane.
// From then on Push parks nothing: what it cannot send it refuses, for a durable queue to keep, or counts as lost, and one failure is enough
// to give up a lane. It is called once. Without a durable queue what is parked in lanes in trouble is counted as lost here, so that nobody waits for it.
func (d *Dispatcher) Stop(ctx context.Context) []*intake.Request {
	d.mu.Lock()
	d.closing = true
	d.free()
	d.mu.Unlock()
	if d.stop != nil {
		d.stop()
		<-d.loopDone
		d.awaitRedrives(ctx)
	}

	rest, lost := d.clear()
	close(d.cleared)
	for _, r := range lost {
		d.set.Observer.Dropped(r.Family, intake.ReasonShutdown, r.Count())
	}
	return rest
}

// Stopped is closed when Stop has emptied the park.
func (d *Dispatcher) Stopped() <-chan struct{} { return d.cleared }

// clear empties the park. lost is what no attempt is worth any more.
func (d *Dispatcher) clear() (rest, lost []*intake.Request) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, key := range d.park.lanes() {
		to := &rest
		if !d.set.Durable && d.trouble(d.lanes[key], now) {
			to = &lost
		}
		for r, ok := d.park.take(key); ok; r, ok = d.park.take(key) {
			*to = append(*to, r)
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
// partition that was idle for a while, and counts what was in back-off as lost, unless the queue is durable and keeps it.
func (d *Dispatcher) Drain(ctx context.Context) error {
	d.mu.Lock()
	idle := d.idle
	if d.pushing > 0 && idle == nil {
		idle = make(chan struct{})
		d.idle = idle
	}
	d.mu.Unlock()
	if idle != nil {
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("requests are still being sent: %w", ctx.Err())
		}
	}
	d.mu.Lock()
	asleep := d.asleep
	d.asleep = make(map[*intake.Request]struct{})
	d.mu.Unlock()
	if d.set.Durable {
		return nil
	}
	for r := range asleep {
		d.set.Observer.Dropped(r.Family, intake.ReasonShutdown, r.Count())
	}
	return nil
}
