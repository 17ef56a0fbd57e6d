package tenancy

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// settle notes the outcome of a push and decides what exporterhelper is told. r held a place if and only if r.Try.Slot; what is left of r
// inherits it.
func (d *Dispatcher) settle(key string, r *intake.Request, res result) error {
	if res.outcome == done {
		d.finish(key, r, res)
		return res.err
	}
	left, now := res.left, time.Now()
	held := res.outcome == waiting && left.Org != "" // of a stranger nobody is shown anything
	d.mu.Lock()
	l := d.lane(key, r)
	left.Try.Failures++
	left.Try.Partial = left.Try.Partial || res.settled
	news := d.note(l, now, res)
	if d.closing && d.set.Store == nil {
		d.leave(l, left)
		d.mu.Unlock()
		d.Enqueued(left.Family, -left.Count())
		return d.lose(left, intake.ReasonShutdown, res.err).err
	}
	if d.cut && !res.settled { // with a Store: the queue has it on the disk already
		d.leave(l, left)
		d.mu.Unlock()
		return d.refuse(left)
	}
	last := lastAttempt(now, left.Try.First, left.Try.Failures, d.set.Retry)
	if !last && d.mayRetry(l, now, res) {
		if res.outcome == unready {
			d.leave(l, left)
		}
		d.unlockAsleep(l, left)
		return &intake.Unsent{Left: left, Err: res.err}
	}
	var place *destination // with a Store, until the queue has deleted the request
	if d.set.Store == nil {
		d.leave(l, left)
	} else if place = d.handOver(l, left); place == nil {
		d.leave(l, left)
		d.mu.Unlock()
		return d.refuse(left)
	}
	now = time.Now() // it may have waited
	items := left.Count()
	d.Enqueued(left.Family, -items)
	s := d.reserve(key, left, !d.trouble(l, now), now)
	s.why = parkReason(res, left)
	d.mu.Unlock()
	if err := d.shelve(s); err != nil {
		d.Enqueued(left.Family, items)
		d.mu.Lock()
		if place == &d.toStore {
			d.give(place)
			d.free()
		}
		d.unlockAsleep(d.lane(key, left), left)
		return &intake.Unsent{Left: left, Err: fmt.Errorf("park %s of tenant %s, which cannot take it (%w): %w", left.Family, left.Tenant, res.err, err)}
	}
	if place != nil {
		d.handedOver(l, left, place)
	}
	if held {
		d.notSent(left, res.err)
	}
	if news {
		d.set.Logger.Warn("Parking data of a tenant that cannot take it",
			zap.String("tenant", left.Tenant), zap.Stringer("intake", left.Family), zap.Error(res.err))
	}
	d.nudge()
	return nil
}

// unlockAsleep notes that exporterhelper will try again what is left, and gives up the lock.
func (d *Dispatcher) unlockAsleep(l *lane, left *intake.Request) {
	d.pause(l, left)
	d.asleep[left] = struct{}{}
	d.mu.Unlock()
}

// note keeps what an attempt tells about the lane and about its intake, and reports whether that is worth a line in the log.
func (d *Dispatcher) note(l *lane, now time.Time, res result) (news bool) {
	if l.to.note(now, l, res, d.set.Retry) {
		d.nudge()
	}
	if res.partial {
		l.failures = 0 // slow, but not stuck
	}
	if res.outcome == failing {
		l.failed(now, res.wait, d.set.Retry)
	}
	news = l.hold(now, res)
	d.free() // those who wait for a place may have to be parked
	return news
}

// mayRetry says whether exporterhelper may try again, which keeps one queue worker waiting. Where the intake asked to wait, none does. Nor does one
// with the rest of a request: a durable queue still has all of it, and would send all of it again after a stop.
func (d *Dispatcher) mayRetry(l *lane, now time.Time, res result) bool {
	switch {
	case res.outcome == unready: // no tenant can be served, so nobody is kept waiting by this one
		return true
	case res.outcome == failing && (d.set.Store == nil || !res.settled):
		return !d.shut(l, now) && d.mayWait()
	default:
		return false
	}
}

// finish gives back the place of a request of which nothing is left.
func (d *Dispatcher) finish(key string, r *intake.Request, res result) {
	now := time.Now()
	d.mu.Lock()
	l := d.lane(key, r)
	if res.reached == answered {
		l.hears(now)
	}
	d.finished(l, r)
	d.free() // if r came from the park, there is room
	reopened := l.to.note(now, l, res, d.set.Retry)
	if res.reached == down {
		l.failed(now, res.wait, d.set.Retry)
		l.held, l.refused = false, 0 // there was a key to try with
	}
	recovered := res.reached == answered && l.succeeded()
	_, more := d.park.oldest(key)
	d.forget(key, l, now)
	d.mu.Unlock()
	if recovered {
		d.set.Logger.Info("Data of a tenant is delivered again", zap.String("tenant", r.Tenant), zap.Stringer("intake", r.Family))
	}
	if more || reopened {
		d.nudge()
	}
	r.Free()
}

// forget removes a lane of which nothing needs to be known.
func (d *Dispatcher) forget(key string, l *lane, now time.Time) {
	if _, parked := d.park.oldest(key); !parked && l.idle(now) {
		delete(d.lanes, key)
	}
}
