package tenancy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// longestRest bounds the time between two looks at what is parked, so that a change that went unnoticed costs a minute at most.
const longestRest = time.Minute

// Start begins to send parked data.
func (d *Dispatcher) Start() {
	loopCtx, stop := context.WithCancel(context.Background())
	sendCtx, abort := context.WithCancel(context.Background())
	d.stop, d.abort = stop, abort
	d.loopDone = make(chan struct{})
	go func() {
		defer close(d.loopDone)
		d.loop(loopCtx, sendCtx)
	}()
}

// Stop ends the sending of parked data, waits for what is under way until ctx is done, and returns what is parked, oldest first in each lane.
// From then on Push parks nothing: what it cannot send it refuses, for a durable queue to keep, or counts as lost.
func (d *Dispatcher) Stop(ctx context.Context) []*intake.Request {
	d.mu.Lock()
	d.closing = true
	d.mu.Unlock()
	if d.stop != nil {
		d.stop()
		<-d.loopDone
		d.await(ctx)
	}

	d.mu.Lock()
	defer d.mu.Unlock()
	var rest []*intake.Request
	for _, key := range d.park.lanes() {
		for r, ok := d.park.take(key); ok; r, ok = d.park.take(key) {
			rest = append(rest, r)
		}
	}
	return rest
}

// await waits for the goroutines that send parked data; once ctx is done it cuts them short.
func (d *Dispatcher) await(ctx context.Context) {
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

// Parked returns the size of what is parked, in OTLP items and in bytes.
func (d *Dispatcher) Parked() (items, bytes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.park.items, d.park.bytes
}

// Park parks r without an attempt to send it.
func (d *Dispatcher) Park(r *intake.Request, why error) {
	if err := d.settle(r.Key(), r, result{outcome: crowded, left: r, err: why}); err != nil && d.set.Durable {
		d.lose(r, intake.ReasonShutdown, err) // no queue holds it
	}
}

// nudge makes the loop look again.
func (d *Dispatcher) nudge() {
	select {
	case d.kick <- struct{}{}:
	default: // it is about to look anyway
	}
}

func (d *Dispatcher) loop(ctx, sendCtx context.Context) {
	timer := time.NewTimer(longestRest)
	defer timer.Stop()
	for {
		changed := d.set.Source.Changes() // before the look-ups of sweep, so that no change is missed
		timer.Reset(d.sweep(sendCtx, time.Now()))
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-d.kick:
		case <-timer.C:
		}
	}
}

// sweep starts a goroutine for each lane that has something parked and can be tried, as far as there are goroutines left, and returns when
// to look again. Lanes in trouble get at most half of the goroutines, so that intakes that hang cannot keep them all.
func (d *Dispatcher) sweep(sendCtx context.Context, now time.Time) time.Duration {
	rest := longestRest
	var expired []*intake.Request
	d.mu.Lock()
	for _, key := range d.park.lanes() {
		oldest, _ := d.park.oldest(key)
		l := d.lane(key, oldest.Tenant)
		if l.redriving {
			continue
		}
		expired = append(expired, d.stale(key, now)...)
		if l.held && !d.usable(l) || l.sending >= d.set.MaxSends {
			continue // a change of the credential, or a place given back, wakes the loop
		}
		if wait := l.notBefore.Sub(now); wait > 0 && !(l.held && l.refused == 0) {
			rest = min(rest, wait)
			continue
		}
		probe := l.failures > 0
		if d.redriving >= d.set.Workers || probe && d.probing >= max(d.set.Workers/2, 1) {
			continue // the end of another wakes the loop
		}
		d.redriving++
		if probe {
			d.probing++
		}
		l.redriving = true
		d.redrives.Go(func() { d.redrive(sendCtx, key, probe) })
	}
	d.mu.Unlock()
	for _, r := range expired {
		d.set.Observer.Expired(r.Family, r.Count())
	}
	return rest
}

// usable says that the look-up of a held lane has a final answer, good or bad.
func (d *Dispatcher) usable(l *lane) bool {
	_, err := d.set.Source.Lookup(l.tenant)
	switch {
	case err == nil, errors.Is(err, credential.ErrDisconnected), errors.Is(err, credential.ErrUnknownTenant), errors.Is(err, credential.ErrNotConnected):
		return true
	default:
		l.refused = 0 // the holder of the grants knows of the refusal, so its next yes counts
		return false
	}
}

// stale takes out the oldest requests of a lane in which every item is too old to be sent.
func (d *Dispatcher) stale(key string, now time.Time) (gone []*intake.Request) {
	for {
		r, ok := d.park.oldest(key)
		if !ok {
			return gone
		}
		age := d.set.MaxAge(r.Family)
		if age <= 0 || r.Newest == 0 || r.Newest >= now.Add(-age).Unix() {
			return gone
		}
		d.park.take(key)
		gone = append(gone, r)
	}
}

// redrive sends what a lane has parked, one request after the other, until one of them cannot be sent.
func (d *Dispatcher) redrive(ctx context.Context, key string, probe bool) {
	for d.redriveOne(ctx, key) {
	}
	d.mu.Lock()
	d.redriving--
	if probe {
		d.probing--
	}
	if l := d.lanes[key]; l != nil {
		l.redriving = false
		if _, more := d.park.oldest(key); !more && l.idle(time.Now()) {
			delete(d.lanes, key)
		}
	}
	d.mu.Unlock()
	d.nudge()
}

// redriveOne reports whether the next one can be tried.
func (d *Dispatcher) redriveOne(ctx context.Context, key string) bool {
	d.mu.Lock()
	r, ok := d.park.take(key)
	if !ok || d.closing {
		if ok {
			d.park.putBack(key, r)
		}
		d.mu.Unlock()
		return false
	}
	l := d.lane(key, r.Tenant)
	l.sending++
	r.Try = intake.Try{Slot: true}
	d.mu.Unlock()

	before := 0
	res := d.lookup(r, func(cred *credential.Credential) result {
		before = r.Count()
		attempt, cancel := context.WithTimeout(ctx, d.set.Timeout)
		defer cancel()
		return d.send(attempt, cred, r)
	})
	if res.outcome == done {
		d.set.Observer.Redriven(r.Family, max(before, r.Count()))
		d.finish(key, r, res.works)
		return true
	}
	left := res.left
	if gone := before - left.Count(); before > 0 && gone > 0 {
		d.set.Observer.Redriven(r.Family, gone)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	l = d.lane(key, left.Tenant)
	if res.outcome == failing {
		l.failed(time.Now(), res.wait, d.set.Retry)
	}
	d.leave(l, left)
	l.hold(time.Now(), res)
	d.park.putBack(key, left)
	return false
}
