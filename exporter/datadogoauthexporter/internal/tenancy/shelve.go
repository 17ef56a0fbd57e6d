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
	why      ParkReason
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
	l.parking++
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

// shelve parks what has room, in one step, and tells what had to go. With an error nothing happened.
func (d *Dispatcher) shelve(stays ...*stay) error {
	if err := d.write(stays); err != nil {
		return err
	}
	for _, s := range stays {
		d.tell(s)
	}
	return nil
}

// tell counts and logs what became of a stay.
func (d *Dispatcher) tell(s *stay) {
	r, items := s.Request, s.Count()
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
		d.set.Observer.Parked(r.Family, s.why, items)
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
}

// write puts all of stays, which were reserved, on their shelves, and into the store if there is one, in one transaction.
func (d *Dispatcher) write(stays []*stay) error {
	var add, drop []*parked
	for _, s := range stays {
		if s.room {
			add = append(add, s.parked)
		}
		for _, gone := range slices.Concat(s.confined, s.gone) {
			drop = append(drop, gone.parked)
		}
	}
	err := d.save(add, drop)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range stays {
		d.lanes[s.lane].parking--
	}
	if err != nil {
		for _, s := range slices.Backward(stays) {
			d.undo(s)
		}
		return err
	}
	for _, s := range stays {
		switch {
		case s.room && d.closing && d.set.Store == nil:
			d.park.count(s.parked, -1)
			s.late = true
		case s.room:
			s.Try = s.Try.Kept()
			d.park.add(s.lane, s.parked)
		}
	}
	return nil
}

// undo takes back what reserve did. mu is held.
func (d *Dispatcher) undo(s *stay) {
	for _, gone := range slices.Backward(slices.Concat(s.confined, s.gone)) {
		d.park.count(gone.parked, 1)
		d.unshelve(gone)
	}
	if s.room {
		d.park.count(s.parked, -1)
	}
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

// Park parks requests of one tenant without an attempt to send them, since the queue does not take them for the given reason: all of them in one step, or
// with an error none. Without a Store nothing is parked once the stop began: they are counted as lost.
func (d *Dispatcher) Park(why error, rs ...*intake.Request) error {
	now := time.Now()
	d.mu.Lock()
	if d.closing && d.set.Store == nil {
		d.mu.Unlock()
		for _, r := range rs {
			d.lose(r, intake.ReasonShutdown, why)
		}
		return nil
	}
	stays := make([]*stay, len(rs))
	for i, r := range rs {
		key := r.Key()
		stays[i] = d.reserve(key, r, !d.trouble(d.lane(key, r), now), now)
	}
	d.mu.Unlock()
	if err := d.shelve(stays...); err != nil {
		return err
	}
	for _, r := range rs {
		d.notSent(r, why)
	}
	d.nudge()
	return nil
}
