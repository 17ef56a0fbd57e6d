package tenancy

import (
	"context"
	"errors"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Why a request is not sent at once.
var (
	errBusy    = errors.New("there are as many requests under way as may be: of the tenant, to its site or in all")
	errBreaker = errors.New("the intake does not work for this tenant at the moment")
)

// enter takes a place for r: one of its lane's, unless it has one from the attempt before, and one of all tenants'. Without an error it has
// both.
//
// Where the lane has as many requests under way as it may, r is to be parked. Where only the others have all places, and at the pace at which they
// are given back its turn comes soon, it waits for that, but no longer than patience. At a stop it waits until Cut.
func (d *Dispatcher) enter(ctx context.Context, key string, r *intake.Request, generation uint64) (outcome, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for waited := false; ; waited = true {
		l, now := d.lane(key, r), time.Now()
		own := !r.Try.Slot && d.full(key, l, 0, now)
		switch {
		case d.shut(l, now) || l.refused == generation && now.Before(l.notBefore):
			return blocked, errBreaker
		case r.Try.Sending:
			l.flies(now)
			return done, nil
		case !own && !d.all(l):
			if !r.Try.Slot {
				l.takes(now)
			}
			d.take(l.to, now)
			r.Try.Slot, r.Try.Sending = true, true
			l.flies(now)
			return done, nil
		case d.cut:
			return blocked, errStopping
		case ctx.Err() != nil:
			return crowded, errBusy
		case d.closing, d.park.swamped(): // every send ends, and nothing is parked any more, or nothing should be
		case own, waited, !r.Try.Slot && d.full(key, l, l.waiting, now), !d.comesSoon(l, now):
			return crowded, errBusy
		}
		d.await(ctx, key, l, r)
	}
}

// mayWait says that one more queue worker can be kept in back-off.
func (d *Dispatcher) mayWait() bool { return len(d.asleep) < sleepers(d.set.Workers) }

// full says that a push finds no place in its lane behind so many others. What is parked has one place for itself, so that it is not
// overtaken for ever; at a stop, nothing of it is sent any more.
func (d *Dispatcher) full(key string, l *lane, ahead int, now time.Time) bool {
	if l.slow(now) {
		return true
	}
	taken := l.sending + ahead
	if _, parked := d.park.oldest(key); parked && !d.closing || l.redriving {
		taken++
	}
	return taken >= d.places(l)
}

// places is how many requests may be under way in a lane. Service checks have one: they are few and go many to a body, and each place more would
// be one queue worker more that a single tenant can keep waiting. Host metadata has one since it is in no hurry.
func (d *Dispatcher) places(l *lane) int {
	if l.family == intake.Checks || l.family == intake.HostMetadata {
		return 1
	}
	return d.set.MaxSends
}

// perSite is how many of the places one intake of one site may have. The others are left to the other sites.
func (d *Dispatcher) perSite() int { return max(d.set.Workers-d.quarter(), 1) }

// shut says that no request may be tried in a lane, except for one at a time from the park.
func (d *Dispatcher) shut(l *lane, now time.Time) bool {
	return l.open() || l.to.open || l.throttled && now.Before(l.notBefore) || d.closing && l.failures > 0
}

// trouble says that a lane cannot take its data for a reason other than that there is much of it.
func (d *Dispatcher) trouble(l *lane, now time.Time) bool {
	return l.held || l.stranger || d.shut(l, now)
}

func (d *Dispatcher) lane(key string, r *intake.Request) *lane {
	l := d.lanes[key]
	if l == nil {
		to := destinationKey{siteOf(r.Org), r.Family}
		if d.destinations[to] == nil {
			d.destinations[to] = &destination{}
		}
		l = &lane{tenant: r.Tenant, family: r.Family, stranger: r.Org == "", to: d.destinations[to]}
		d.lanes[key] = l
	}
	return l
}

// leave gives back the places that r holds.
func (d *Dispatcher) leave(l *lane, r *intake.Request) {
	if !r.Try.Slot && !r.Try.Sending {
		return
	}
	if r.Try.Sending {
		d.give(l.to)
	}
	if r.Try.Slot {
		l.sending--
	}
	r.Try.Slot, r.Try.Sending = false, false
	d.free()
}

// pause gives back the place of all tenants that r holds, while it is in back-off. One of which a part was delivered keeps it if the queue is durable: that
// has the whole of it, which a crash makes one of those that are sent twice, and there must be no more of these than places.
func (d *Dispatcher) pause(l *lane, r *intake.Request) {
	if r.Try.Sending && (!r.Try.Partial || d.set.Store == nil) {
		r.Try.Sending = false
		d.give(l.to)
		d.free()
	}
}

// undeleted is a request that is done, with the place that it keeps until the durable queue has deleted all of it.
type undeleted struct {
	to    *destination
	items int
}

// finished gives back the places of a request that is done. That of all tenants stays taken until the durable queue has deleted what is in it alone: a crash
// before that makes it one of those that are sent twice, and there must be no more of these than places.
func (d *Dispatcher) finished(l *lane, r *intake.Request) {
	if r.Try.Sending {
		d.giveWhenDeleted(l.to, r.Try.Stored)
		r.Try.Sending = false
	}
	d.leave(l, r)
}

// giveWhenDeleted gives back a place once the durable queue has deleted some items, at once if there are none.
func (d *Dispatcher) giveWhenDeleted(to *destination, stored []uint64) {
	if len(stored) == 0 {
		d.give(to)
		d.free()
		return
	}
	u := &undeleted{to: to, items: len(stored)}
	for _, number := range stored {
		d.undeleted[number] = u
	}
}

// Deleted notes that the durable queue has deleted an item.
func (d *Dispatcher) Deleted(number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.undeleted[number]
	if u == nil {
		return
	}
	delete(d.undeleted, number)
	if u.items--; u.items == 0 {
		d.give(u.to)
		d.free()
	}
}
