package tenancy

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

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

// Parked returns the size of what is parked for some intakes, or for all if none is named, in items and in bytes.
func (d *Dispatcher) Parked(families ...intake.Family) (items, bytes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for f, of := range d.park.byFamily {
		if len(families) == 0 || slices.Contains(families, f) {
			items, bytes = items+of.items, bytes+of.bytes
		}
	}
	return items, bytes
}

// turn is how many requests of one lane are sent before other lanes get the goroutine, shortTurn how many if others are due.
const turn, shortTurn = 32, 4

// redrive sends what a lane has parked, one request after the other, until one of them cannot be sent. It takes one of the lane's places.
func (d *Dispatcher) redrive(ctx context.Context, key string) {
	for sent := range turn {
		if !d.redriveOne(ctx, key) || sent+1 >= shortTurn && d.hurried() {
			return
		}
	}
}

// redriven ends what sweep began. first says that the lane probed for all lanes of its intake.
func (d *Dispatcher) redriven(key string, l *lane, probe, first bool) {
	d.mu.Lock()
	d.redriveEnds(l)
	if probe {
		d.probing--
	}
	if first {
		l.to.probing--
	}
	l.redriving = false
	d.forget(key, l, time.Now())
	d.free()
	d.mu.Unlock()
	d.nudge()
}

// redriveOne reports whether the next one can be tried.
func (d *Dispatcher) redriveOne(ctx context.Context, key string) bool {
	d.mu.Lock()
	if d.closing {
		d.mu.Unlock()
		return false
	}
	e, ok := d.park.take(key)
	if !ok {
		d.mu.Unlock()
		return false
	}
	l := d.lane(key, e.Request)
	l.out, l.outOldest = e, e.Oldest
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		l.out = nil
	}()
	r, next := d.open(key, e)
	if r == nil {
		return next
	}

	if r.Org == "" && d.claim(e, r) {
		return true
	}
	before := 0
	r.Progress = func(items int) { d.settledParked(e, items) }
	res := d.lookup(r, func(cred *credential.Credential) result {
		before = r.Count()
		return d.send(ctx, cred, r)
	})
	r.Progress = nil
	if res.outcome == done {
		d.discard(e)
		d.set.Observer.Redriven(r.Family, max(before, r.Count()))
		d.finish(key, r, res)
		if res.err != nil {
			d.set.Logger.Error("Parked data is lost; the reason is counted in dropped_items", zap.Error(res.err))
		}
		return res.reached != down
	}
	if gone := before - res.left.Count(); before > 0 && gone > 0 {
		d.set.Observer.Redriven(r.Family, gone)
	}
	d.putBack(key, e, res)
	return false
}

// open brings back the body of e. Without a request next says whether another one of the lane can be tried.
func (d *Dispatcher) open(key string, e *parked) (r *intake.Request, next bool) {
	if !e.away() {
		return e.Request, true
	}
	r, err := d.set.Store.open(e)
	switch {
	case err == nil:
		return r, true
	case errors.Is(err, intake.ErrDamaged), errors.Is(err, intake.ErrForeign), errors.Is(err, intake.ErrVersion):
		d.set.Logger.Error("A parked request cannot be read and is dropped, counted as unreadable",
			zap.String("tenant", e.Tenant), zap.Stringer("intake", e.Family), zap.Int("items", e.Count()), zap.Error(err))
		d.discard(e)
		d.dropped(e.Request, intake.ReasonUnreadable, e.Count())
		return nil, true
	default:
		_ = d.stored(err)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.park.back(key, e)
		d.lane(key, e.Request).readAfter = time.Now().Add(longestRest)
		return nil, false
	}
}

// timeoutsToCut is how many attempts at a request must time out before it is cut in halves: it may be too much for a slow way.
const timeoutsToCut = 2

// putBack parks what is left of a request that was taken out. After a failure, or the refusal of a key that is good, the next probe takes another request,
// since this one may be what is wrong.
func (d *Dispatcher) putBack(key string, e *parked, res result) {
	left := res.left
	left.Try = left.Try.Kept()
	failed := res.outcome == failing && res.wait == 0
	parts := []*intake.Request{left}
	if failed && left.Try.Timeouts >= timeoutsToCut && len(left.Items) > 1 {
		parts = left.Halves()
		for _, half := range parts {
			half.Try = intake.Try{}
		}
	}
	rest := d.replace(e, left, parts)
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lane(key, left)
	d.note(l, time.Now(), res)
	last := failed || res.refused != 0 && d.alone(key, l)
	for _, e := range rest {
		if last {
			d.park.later(e)
			d.park.add(key, e)
		} else {
			d.park.back(key, e)
		}
	}
}

// replace parks what is left of e in its place, perhaps in several parts. What was delivered or is too old leaves the store in the same
// transaction; if that fails, memory has what is left, and only a crash brings the rest of it back.
func (d *Dispatcher) replace(e *parked, left *intake.Request, parts []*intake.Request) []*parked {
	if e.away() && len(parts) == 1 && len(left.Items) == e.outline.Wire {
		e.Try = left.Try // the store has it as it is
		left.Free()
		return []*parked{e}
	}
	rest := d.exchange(e, parts)
	if err := d.save(rest, nil); err != nil {
		d.mu.Lock()
		for _, part := range rest[1:] {
			d.park.count(part, -1)
		}
		d.mu.Unlock()
		rest = d.exchange(rest[0], []*intake.Request{left})
	}
	return rest
}

// exchange counts parts instead of e. The first gets its slot.
func (d *Dispatcher) exchange(e *parked, parts []*intake.Request) (rest []*parked) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.park.count(e, -1)
	for _, part := range parts {
		rest = append(rest, d.park.admit(part))
	}
	rest[0].ticket, rest[0].outline, rest[0].slot = e.ticket, e.outline, e.slot
	return rest
}
