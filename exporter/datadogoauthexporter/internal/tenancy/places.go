package tenancy

import (
	"context"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// patience is the longest that a push waits for a place that its lane may have, while the others have them all. It is parked then.
const patience = 200 * time.Millisecond

// spareWorkers are for pushes that come to the park or to a place without waiting.
const spareWorkers = 16

// PoolSize is how many workers exporterhelper's batcher must have, so that so many places cannot take them all for longer than patience.
//
// Each place can keep one worker, and so can each request in back-off. Besides, the batcher (v0.160.0) drops a partition that was idle for ten flush
// timeouts, or is one too many, in a worker, which waits there for the pushes of that partition: one worker more for each. It holds the lock of all
// partitions until it finds that worker, so one has to be free: without it nothing is batched for anybody. Pushes that wait for a place have no workers
// of their own, since they wait no longer than patience.
//
// There should not be more: exporterhelper starts as many goroutines that wait for the queue, and the garbage collector looks at the stack of each, every time.
func PoolSize(places int) int { return 2*(places+sleepers(places)) + spareWorkers }

// sleepers is how many requests may be in back-off: half as many as there are places where these are few, and an eighth where they are many. More are parked.
func sleepers(places int) int { return max(min(places/2, 5), places/8, 1) }

// pace tells how fast places are given back.
type pace struct {
	mean  time.Duration // from one to the next, while all are taken
	since time.Time     // when the last one was given back, or all became taken
}

// gave notes that a place was given back. full says that all were taken.
func (p *pace) gave(now time.Time, full bool) {
	if full {
		p.mean += (now.Sub(p.since) - p.mean) / 4
		p.since = now
	}
}

// soon says that a place is expected within patience for the one behind so many others.
func (p *pace) soon(now time.Time, ahead int) bool {
	return max(p.mean, now.Sub(p.since)) <= patience/time.Duration(ahead+1)
}

// waiter is a push in the line for a place.
type waiter struct {
	key   string
	lane  *lane
	slot  bool          // it has one of its lane's places
	has   bool          // guarded by Dispatcher.mu; it got the place that it waits for
	ready chan struct{} // closed when it need not wait any more
}

// await gives up the lock until r has its place, or there is none for it, or patience ends, or Cut is called.
func (d *Dispatcher) await(ctx context.Context, key string, l *lane, r *intake.Request) {
	w := &waiter{key: key, lane: l, slot: r.Try.Slot, ready: make(chan struct{})}
	d.line = append(d.line, w)
	l.waiting++
	l.to.waiting++
	d.mu.Unlock()
	timer := time.NewTimer(patience)
	select {
	case <-w.ready:
	case <-timer.C:
	case <-ctx.Done():
	case <-d.sends.Done():
	}
	timer.Stop()
	d.mu.Lock()
	if w.has {
		r.Try.Slot, r.Try.Sending = true, true
		return
	}
	for i := range d.line {
		if d.line[i] == w {
			d.line = append(d.line[:i], d.line[i+1:]...)
			l.waiting--
			l.to.waiting--
			return
		}
	}
}

// free gives the places that are free to those who wait, in order, hand-overs first, and sends away who waits in vain.
func (d *Dispatcher) free() {
	d.freeForStore()
	if len(d.line) == 0 {
		return
	}
	now, line := time.Now(), d.line[:0]
	for _, w := range d.line {
		switch {
		case d.shut(w.lane, now):
		case !d.all(w.lane) && (w.slot || !d.full(w.key, w.lane, 0, now)):
			if !w.slot {
				w.lane.takes(now)
			}
			d.take(w.lane.to, now)
			w.has = true
		default:
			line = append(line, w)
			continue
		}
		w.lane.waiting--
		w.lane.to.waiting--
		close(w.ready)
	}
	clear(d.line[len(line):])
	d.line = line
}

// all says that a push finds all places taken, or all of its intake: Settings.Workers in all, those of parked data included.
func (d *Dispatcher) all(l *lane) bool {
	left := d.left(l)
	return d.allOver(left) || d.allAt(l, left)
}

// allOver is of all places, but for so many that are left to others.
func (d *Dispatcher) allOver(left int) bool {
	return d.used()+max(d.reserved(d.starved, d.redriving), left) >= d.set.Workers
}

// used is how many places are taken, or kept for hand-overs.
func (d *Dispatcher) used() int { return d.sending + d.redriving + d.keptForStore() }

// allAt is of those of the lane's intake.
func (d *Dispatcher) allAt(l *lane, left int) bool {
	return l.to.sending+l.to.redriving+max(d.reserved(l.to.starved, l.to.redriving), left) >= d.perSite()
}

// left is what a lane leaves to others, so that lanes whose intakes hang, and of which nobody knows it yet, do not have all places between them: half if it
// has something under way and was not heard of, an eighth if it has and was, a quarter if its last attempt failed. So one that may hang takes one place,
// and more only while there are plenty; who has none finds one as long as those that hang are fewer than the places.
func (d *Dispatcher) left(l *lane) int {
	switch busy := l.sending > 0 || l.redriving; {
	case busy && !l.answers:
		return d.set.Workers / 2
	case l.failures > 0:
		return d.set.Workers / 4
	case busy:
		return d.set.Workers / 8
	default:
		return 0
	}
}

// reserved is what pushes leave of the places while parked data is due and finds none: a quarter of them belongs to parked data.
func (d *Dispatcher) reserved(starved bool, redriving int) int {
	if !starved {
		return 0
	}
	return max(d.quarter()-redriving, 0)
}

func (d *Dispatcher) quarter() int { return max(d.set.Workers/4, 1) }

// take takes a place at an intake for a push.
func (d *Dispatcher) take(to *destination, now time.Time) {
	d.sending++
	to.sending++
	d.taken(to, now)
}

// give gives it back.
func (d *Dispatcher) give(to *destination) {
	d.gave(to)
	d.sending--
	to.sending--
	if d.starved || to.starved || d.curbed {
		d.nudge()
	}
}

// taken begins to measure how fast places are given back, if that was the last one.
func (d *Dispatcher) taken(to *destination, now time.Time) {
	if d.used() == d.set.Workers {
		d.pace.since = now
	}
	if to.sending+to.redriving == d.perSite() {
		to.pace.since = now
	}
}

// gave is called before a place is given back.
func (d *Dispatcher) gave(to *destination) {
	over, at := d.used() >= d.set.Workers && to != &d.toStore, to.sending+to.redriving >= d.perSite()
	if over || at {
		now := time.Now()
		d.pace.gave(now, over)
		to.pace.gave(now, at)
	}
}

// comesSoon says that a place is expected within patience for one more push. If nobody but the lane itself is in the way it is: that waits for the answer
// to what it has under way. There are workers for as many as there are places.
func (d *Dispatcher) comesSoon(l *lane, now time.Time) bool {
	left := d.left(l)
	if l.failures == 0 && len(d.line) < d.set.Workers {
		left = 0
	}
	return !(d.allOver(left) && !d.pace.soon(now, len(d.line))) && !(d.allAt(l, left) && !l.to.pace.soon(now, l.to.waiting))
}

// redriveBegins takes a place for parked data of a lane, unless there is none. probe says that the lane is in trouble: such lanes get a quarter of the
// places at most, so that intakes that hang cannot keep them all. Who leaves places to others does so here as well. Parked data gets three quarters, and leaves the others to what comes fresh.
func (d *Dispatcher) redriveBegins(l *lane, probe bool, now time.Time) bool {
	switch to, left := l.to, d.left(l); {
	case to.open && to.probing >= d.quarter(), probe && d.probing >= d.quarter(): // the end of another wakes the loop
		return false
	case (probe || left > 0) && (d.allOver(left) || d.allAt(l, left)):
		d.curbed = true
		return false
	case d.used() >= d.set.Workers, d.redriving >= d.perSite():
		d.starved = true
		return false
	case to.sending+to.redriving >= d.perSite():
		to.starved = true
		return false
	}
	l.begins(now)
	d.redriving++
	l.to.redriving++
	d.taken(l.to, now)
	return true
}

// redriveEnds gives it back.
func (d *Dispatcher) redriveEnds(l *lane) {
	d.gave(l.to)
	d.redriving--
	l.to.redriving--
}

// satisfied forgets who was due and found no place, before it is found out anew.
func (d *Dispatcher) satisfied() {
	d.starved, d.curbed = false, false
	for _, to := range d.destinations {
		to.starved = false
	}
}

// hurried says that other parked data is due and finds no place.
func (d *Dispatcher) hurried() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.starved
}
