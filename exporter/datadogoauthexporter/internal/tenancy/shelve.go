package tenancy

import (
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// stay is a request that is about to be parked: it has room, but is on no shelf yet.
type stay struct {
	lane string
	*parked
	room     bool      // else it is what has to go
	confined []evicted // for the lane has more than its part of the share
	gone     []evicted
	full     bool // data of the lane goes for the first time
	late     bool // the stop without a Store began before it was on its shelf, which may be cleared
	alone    bool // its lane is refused alone, and the log does not say so yet
	since    time.Time
}

// reserve makes room for r and counts it, so that limits are kept whatever happens until it is written. Only a lane in trouble makes the oldest
// data go; one that merely is busy may exceed the limits, by what the queue had let in. mu is held.
func (d *Dispatcher) reserve(key string, r *intake.Request, busy bool, now time.Time) *stay {
	s := &stay{lane: key, room: true}
	l := d.lane(key, r)
	alone := d.alone(key, l)
	if alone {
		s.confined = d.confine(key, r)
	}
	if !busy {
		s.gone, s.room = d.park.makeRoom(r, func(lane string) bool {
			return lane == key || !alone && d.trouble(d.lanes[lane], now) && (r.Org != "" || d.lanes[lane].stranger)
		})
	}
	s.alone, s.since = alone && !l.toldAlone, l.refusedSince
	l.toldAlone = l.toldAlone || alone
	s.full = (len(s.gone) > 0 || !s.room) && !l.full
	l.full = l.full || s.full
	if s.room {
		s.parked = d.park.admit(r)
	} else {
		s.parked = &parked{Request: r}
	}
	return s
}

// shelve parks what has room, and tells what had to go. With an error nothing happened.
func (d *Dispatcher) shelve(s *stay) error {
	r, items := s.Request, s.Count()
	if err := d.write(s); err != nil {
		return err
	}
	if s.full {
		d.set.Logger.Error("The park is full: the oldest parked data is dropped, and counted as park_full; see parking::max_bytes",
			zap.String("tenant", r.Tenant), zap.Stringer("intake", r.Family))
	}
	if s.alone {
		d.set.Logger.Warn("One intake refuses a tenant's data although its key is valid: the organisation may lack the product, or Datadog has to enable the intake. "+
			"The other intakes go on; this one is tried again every few minutes, and of what waits for it the oldest is dropped as intake_refused",
			zap.String("tenant", r.Tenant), zap.Stringer("intake", r.Family), zap.Time("since", s.since))
	}
	if !s.late {
		d.set.Observer.Parked(r.Family, items)
	}
	for _, gone := range s.confined {
		d.dropped(gone.Request, intake.ReasonIntakeRefused, gone.Count())
	}
	for _, gone := range s.gone {
		d.dropped(gone.Request, intake.ReasonParkFull, gone.Count())
	}
	switch {
	case !s.room:
		d.dropped(r, intake.ReasonParkFull, items)
		r.Free()
	case s.late:
		d.set.Observer.Dropped(r.Family, intake.ReasonShutdown, items)
		r.Free()
	}
	return nil
}

// write puts s on its shelf, and into the store if there is one.
func (d *Dispatcher) write(s *stay) error {
	var add, drop []*parked
	if s.room {
		add = []*parked{s.parked}
	}
	all := append(s.confined, s.gone...)
	for _, gone := range all {
		drop = append(drop, gone.parked)
	}
	err := d.save(add, drop)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err != nil:
		for _, gone := range slices.Backward(all) {
			d.park.count(gone.parked, 1)
			d.unshelve(gone)
		}
		if s.room {
			d.park.count(s.parked, -1)
		}
	case s.room && d.closing && d.set.Store == nil:
		d.park.count(s.parked, -1)
		s.late = true
	case s.room:
		s.Try = s.Try.Kept()
		d.lane(s.lane, s.Request) // what is parked has a lane
		d.park.add(s.lane, s.parked)
	}
	return err
}

// unshelve puts back what did not have to go. mu is held.
func (d *Dispatcher) unshelve(e evicted) {
	d.lane(e.lane, e.Request)
	d.park.back(e.lane, e.parked)
}

// save changes the store, if there is one.
func (d *Dispatcher) save(add, drop []*parked) error {
	if d.set.Store == nil {
		for _, e := range add {
			e.Compact()
		}
		return nil
	}
	return d.stored(d.set.Store.save(add, drop))
}

// stored tells once a minute that the store fails, and then when it works again: on a full disk what is small may still have room.
func (d *Dispatcher) stored(err error) error {
	now := time.Now()
	d.mu.Lock()
	fails := err != nil && now.Sub(d.storeTold) >= time.Minute
	works := err == nil && d.storeFails
	if fails {
		d.storeTold, d.storeFails = now, true
	}
	if works {
		d.storeFails = false
	}
	d.mu.Unlock()
	switch {
	case fails:
		d.set.Logger.Error("The storage of parked data fails: what has to be parked stays in the queue, and keeps its consumers from other tenants; logged once a minute; see sending_queue::storage", zap.Error(err))
	case works:
		d.set.Logger.Info("The storage of parked data works again")
	}
	return err
}

// discard ends what was taken off the shelves and is settled.
func (d *Dispatcher) discard(gone ...*parked) {
	if d.set.Store != nil {
		_ = d.stored(d.set.Store.drop(gone)) // it is deleted with a later write
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range gone {
		d.park.count(e, -1)
	}
}

// Park parks r without an attempt to send it, since the queue does not take it for the given reason. What cannot be written is kept in memory: there
// is nobody else who has it.
func (d *Dispatcher) Park(r *intake.Request, why error) {
	key, now := r.Key(), time.Now()
	d.mu.Lock()
	if d.closing && d.set.Store == nil {
		d.mu.Unlock()
		d.lose(r, intake.ReasonShutdown, why)
		return
	}
	s := d.reserve(key, r, !d.trouble(d.lane(key, r), now), now)
	d.mu.Unlock()
	d.notSent(r, why)
	if err := d.shelve(s); err != nil {
		d.mu.Lock()
		if d.closing {
			d.mu.Unlock()
			d.lose(r, intake.ReasonShutdown, err)
			return
		}
		d.lane(key, r)
		d.park.add(key, d.park.admit(r))
		d.mu.Unlock()
		d.set.Observer.Parked(r.Family, r.Count())
	}
	d.nudge()
}
