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
	d.mu.Lock()
	l := d.lane(key, r)
	left.Try.Failures++
	left.Try.Partial = left.Try.Partial || res.settled
	news := d.note(l, now, res)
	last := lastAttempt(now, left.Try.First, left.Try.Failures, d.set.Retry)
	if d.closing {
		d.leave(l, left)
		d.mu.Unlock()
		return d.keep(left, last, res.err)
	}
	if !last && d.mayRetry(l, now, res) {
		if res.outcome == unready {
			d.leave(l, left)
		}
		d.pause(l, left)
		d.asleep[left] = struct{}{}
		d.mu.Unlock()
		return &intake.Unsent{Left: left, Err: res.err}
	}
	d.leave(l, left)
	tell := d.shelve(key, l, left, now)
	d.mu.Unlock()
	tell()
	if news {
		d.set.Logger.Warn("Parking data of a tenant that cannot take it",
			zap.String("tenant", left.Tenant), zap.Stringer("intake", left.Family), zap.Error(res.err))
	}
	d.nudge()
	return nil
}

// note keeps what an attempt tells about the lane and about its intake, and reports whether that is worth a line in the log.
func (d *Dispatcher) note(l *lane, now time.Time, res result) (news bool) {
	l.to.note(now, res, d.set.Retry)
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

// mayRetry says whether exporterhelper may try again, which keeps one queue worker waiting. Where the intake asked to wait, none does.
func (d *Dispatcher) mayRetry(l *lane, now time.Time, res result) bool {
	switch res.outcome {
	case unready: // no tenant can be served, so nobody is kept waiting by this one
		return true
	case failing:
		return !d.shut(l, now) && d.mayWait()
	default:
		return false
	}
}

// keep is called while the collector stops. A durable queue keeps what is left: the request itself if exporterhelper's retry is still
// there to say so, else, and when some of it was settled, the rest in a new place. What nobody keeps is counted as lost.
func (d *Dispatcher) keep(left *intake.Request, last bool, err error) error {
	if d.set.Durable {
		if last || left.Try.Partial {
			<-d.cleared // so that the queue does not offer it here again and again
			if d.set.HandBack(left) == nil {
				return nil
			}
		}
		if !last {
			return &intake.Unsent{Left: left, Err: fmt.Errorf("%w: %w", errStopping, err)}
		}
	}
	return d.lose(left, intake.ReasonShutdown, err).err
}

// shelve parks r. Only a lane in trouble makes the oldest data go when there is no room; another may exceed its limit, by what cannot wait
// elsewhere. tell is called without the lock.
func (d *Dispatcher) shelve(key string, l *lane, r *intake.Request, now time.Time) (tell func()) {
	r.Try = intake.Try{Timeouts: r.Try.Timeouts}
	items := r.Count()
	d.park.put(key, r)
	var evicted, confined []*intake.Request
	alone := d.alone(key, l)
	if alone {
		confined = d.confine(key)
	}
	if d.trouble(l, now) {
		evicted = d.park.shrink(r.Tenant, func(lane string) bool { return lane == key || !alone && d.trouble(d.lanes[lane], now) })
	}
	news := alone && !l.toldAlone
	l.toldAlone = l.toldAlone || alone
	full := len(evicted) > 0 && !l.full
	l.full = l.full || full
	return func() {
		d.set.Observer.Parked(r.Family, items)
		if full {
			d.set.Logger.Error("The park is full: the oldest parked data is dropped, and counted as park_full; see parking::max_bytes",
				zap.String("tenant", r.Tenant), zap.Stringer("intake", r.Family))
		}
		if news {
			d.set.Logger.Warn("One intake refuses a tenant's data although its key is valid: the organisation may lack the product, or Datadog has to enable the intake. "+
				"The other intakes go on; this one is tried again every few minutes, and of what waits for it the oldest is dropped as intake_refused",
				zap.String("tenant", r.Tenant), zap.Stringer("intake", r.Family), zap.Time("since", l.refusedSince))
		}
		for _, gone := range confined {
			d.set.Observer.Dropped(gone.Family, intake.ReasonIntakeRefused, gone.Count())
		}
		for _, gone := range evicted {
			d.set.Observer.Dropped(gone.Family, intake.ReasonParkFull, gone.Count())
		}
	}
}

// Park parks r without an attempt to send it, since the queue does not take it for the given reason.
func (d *Dispatcher) Park(r *intake.Request, why error) {
	key := r.Key()
	d.mu.Lock()
	if d.closing {
		d.mu.Unlock()
		d.lose(r, intake.ReasonShutdown, why)
		return
	}
	tell := d.shelve(key, d.lane(key, r), r, time.Now())
	d.mu.Unlock()
	tell()
	d.nudge()
}

// finish gives back the place of a request of which nothing is left.
func (d *Dispatcher) finish(key string, r *intake.Request, res result) {
	now := time.Now()
	d.mu.Lock()
	l := d.lane(key, r)
	d.finished(l, r)
	d.free() // if r came from the park, there is room
	reopened := l.to.note(now, res, d.set.Retry)
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
