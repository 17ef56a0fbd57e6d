package tenancy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Why a request is not sent at once. The second is for whoever sends it to us; it is retryable.
var (
	errBusy    = errors.New("the tenant or its site has as many requests under way as it may")
	errBreaker = errors.New("the intake does not work for this tenant at the moment")
)

// Admit refuses data of a tenant that sends faster than its intake takes: its lane is busy, not in trouble, and what waits for it fills the
// tenant's share of the park. The error is retryable, so that back-pressure reaches that tenant's senders and no others.
func (d *Dispatcher) Admit(r *intake.Request) error {
	key := r.Key()
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[key]
	if l == nil || d.closing || d.trouble(l, time.Now()) || d.park.fits(r) {
		return nil
	}
	if _, parked := d.park.oldest(key); !parked && l.waiting == 0 {
		return nil
	}
	return fmt.Errorf("tenant %s sends %s faster than the intake takes them; send again later, or raise max_sends_per_tenant", r.Tenant, r.Family)
}

// enter takes one of the lane's places for r, unless it has one from the attempt before. Without an error it has one.
//
// It waits for a place if the tenant's share of the park is used up. To keep no more than half of the queue's workers waiting, what comes then
// may exceed that share, as long as the whole park has room: it is what was in the queue when Admit began to refuse.
func (d *Dispatcher) enter(ctx context.Context, key string, r *intake.Request, generation uint64) (outcome, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for waited := false; ; waited = true {
		l, now := d.lane(key, r), time.Now()
		switch {
		case d.shut(l, now) || l.refused == generation && now.Before(l.notBefore):
			return blocked, errBreaker
		case r.Try.Slot:
			return done, nil
		case !d.full(key, l) && (waited || l.waiting == 0): // those who wait come first
			l.sending++
			l.to.sending++
			r.Try.Slot = true
			return done, nil
		case ctx.Err() != nil:
			return crowded, errBusy
		case d.closing: // nothing is parked any more, and every send ends
		case d.park.fits(r), !d.mayWait() && d.park.hasRoom(r):
			return crowded, errBusy
		}
		d.await(ctx, l)
	}
}

// await gives up the lock until a place may be free.
func (d *Dispatcher) await(ctx context.Context, l *lane) {
	if d.freed == nil {
		d.freed = make(chan struct{})
	}
	freed := d.freed
	l.waiting++
	d.waiting++
	d.mu.Unlock()
	select {
	case <-freed:
	case <-ctx.Done():
	}
	d.mu.Lock()
	l.waiting--
	d.waiting--
}

// free wakes those who wait for a place: there may be one, or there will be none.
func (d *Dispatcher) free() {
	if d.freed != nil {
		close(d.freed)
		d.freed = nil
	}
}

// mayWait says that one more queue worker can be kept waiting.
func (d *Dispatcher) mayWait() bool { return len(d.asleep)+d.waiting < max(d.set.Workers/2, 1) }

// full says that a push finds no place. What is parked has one place for itself, so that it is not overtaken for ever.
func (d *Dispatcher) full(key string, l *lane) bool {
	taken := l.sending
	if _, parked := d.park.oldest(key); parked || l.redriving {
		taken++
	}
	return taken >= d.places(l) || l.to.sending >= d.perSite()
}

// places is how many requests may be under way in a lane. Service checks have one: they are few and go many to a body, and each place more would
// be one queue worker more that a single tenant can keep waiting. Host metadata has one since it is in no hurry.
func (d *Dispatcher) places(l *lane) int {
	if l.family == intake.Checks || l.family == intake.HostMetadata {
		return 1
	}
	return d.set.MaxSends
}

// perSite is how many queue workers, and how many goroutines that send parked data, one intake of one site may have. The others are left to
// the other sites.
func (d *Dispatcher) perSite() int { return max(d.set.Workers-max(d.set.Workers/4, 1), 1) }

// shut says that no request may be tried in a lane, except for one at a time from the park.
func (d *Dispatcher) shut(l *lane, now time.Time) bool {
	return l.open() || l.to.open() || l.throttled && now.Before(l.notBefore) || d.closing && l.failures > 0
}

// trouble says that a lane cannot take its data for a reason other than that there is much of it.
func (d *Dispatcher) trouble(l *lane, now time.Time) bool {
	return l.held || d.shut(l, now)
}

func (d *Dispatcher) lane(key string, r *intake.Request) *lane {
	l := d.lanes[key]
	if l == nil {
		to := destinationKey{siteOf(r.Org), r.Family}
		if d.destinations[to] == nil {
			d.destinations[to] = &destination{}
		}
		l = &lane{tenant: r.Tenant, family: r.Family, to: d.destinations[to]}
		d.lanes[key] = l
	}
	return l
}

// leave gives back the place that r holds.
func (d *Dispatcher) leave(l *lane, r *intake.Request) {
	if r.Try.Slot {
		r.Try.Slot = false
		l.sending--
		l.to.sending--
		d.free()
	}
}
