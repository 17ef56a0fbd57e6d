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

const (
	// longestRest bounds the time between two looks at what is parked, so that a change that went unnoticed costs a minute at most.
	longestRest = time.Minute
	// restPart is how many times as long as a look takes the loop rests after it, so that however much is parked, and however often something
	// happens, looking is a small part of the work.
	restPart = 9
	// lookedAtOnce is how many lanes are looked at without letting others have the lock.
	lookedAtOnce = 64
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
		begin := time.Now()
		rest := d.sweep(sendCtx, begin)
		took := time.Since(begin)
		if took > 0 {
			timer.Reset(restPart * took)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		}
		timer.Reset(max(rest-restPart*took, 0))
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
// to look again. An intake that is down is tried by few lanes.
func (d *Dispatcher) sweep(sendCtx context.Context, now time.Time) time.Duration {
	rest := longestRest
	var expired []*parked
	d.mu.Lock()
	d.satisfied()
	keys := d.park.lanes()
	d.mu.Unlock()
	for some := range slices.Chunk(keys, lookedAtOnce) {
		d.mu.Lock()
		for _, key := range some {
			gone, wait := d.look(sendCtx, key, now)
			expired, rest = append(expired, gone...), min(rest, wait)
		}
		d.mu.Unlock()
	}
	if len(expired) > 0 {
		d.discard(expired...)
	}
	for _, e := range expired {
		d.set.Observer.Expired(e.Family, e.Count())
	}
	return rest
}

// look takes out what has expired of one lane, and begins to send what else it has, if that can be tried. If it cannot yet, but will without being told, wait
// is how long that takes. mu is held.
func (d *Dispatcher) look(sendCtx context.Context, key string, now time.Time) (expired []*parked, wait time.Duration) {
	oldest, ok := d.park.oldest(key)
	if !ok {
		return nil, longestRest
	}
	l := d.lane(key, oldest)
	if l.redriving {
		return nil, longestRest
	}
	expired = d.stale(key, now)
	if _, more := d.park.oldest(key); !more {
		d.forget(key, l, now)
		return expired, longestRest
	}
	if l.stranger && !d.claimable(l.tenant) || !l.stranger && l.held && !d.usable(l) || l.sending >= d.places(l) || l.slow(now) {
		return expired, longestRest // a change of the credential, or a place given back, wakes the loop
	}
	if wait := d.rest(l, now); wait > 0 {
		return expired, wait
	}
	probe, first := l.failures > 0, l.to.open
	if !d.redriveBegins(l, probe, now) {
		return expired, longestRest
	}
	if probe {
		d.probing++
	}
	if first {
		l.to.probing++
		l.to.clock(l).ticks(now, d.set.Retry)
	}
	l.redriving = true
	d.redrives.Go(func() {
		d.redrive(sendCtx, key)
		d.redriven(key, l, probe, first)
	})
	return expired, longestRest
}

// rest is how long a lane must not be tried.
func (d *Dispatcher) rest(l *lane, now time.Time) time.Duration {
	wait := l.readAfter.Sub(now)
	if !l.held || l.refused != 0 { // else only the credential was missing, and it is there again
		wait = max(wait, l.notBefore.Sub(now))
	}
	if l.to.open {
		wait = max(wait, l.to.clock(l).next.Sub(now))
	}
	return wait
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
func (d *Dispatcher) stale(key string, now time.Time) (gone []*parked) {
	for {
		r, ok := d.park.oldest(key)
		if !ok {
			return gone
		}
		age := d.set.MaxAge(r.Family)
		if age <= 0 || r.Newest == 0 || r.Newest >= now.Add(-age).Unix() {
			return gone
		}
		e, _ := d.park.take(key)
		gone = append(gone, e)
	}
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
	d.mu.Unlock()
	if !ok {
		return false
	}
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
		d.set.Observer.Dropped(e.Family, intake.ReasonUnreadable, e.Count())
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

// putBack parks what is left of a request that was taken out. After a failure the next probe takes another request, since this one may be
// what is wrong.
func (d *Dispatcher) putBack(key string, e *parked, res result) {
	left := res.left
	left.Try = intake.Try{Timeouts: left.Try.Timeouts}
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
	d.note(d.lane(key, left), time.Now(), res)
	for _, e := range rest {
		if failed {
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
