package tenancy

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
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
	d.tidy(now)
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
		d.expired(e.Request, e.Count())
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
	if wait := d.rest(key, l, now); wait > 0 {
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
func (d *Dispatcher) rest(key string, l *lane, now time.Time) time.Duration {
	wait := l.readAfter.Sub(now)
	switch {
	case l.refused != 0:
		wait = max(wait, d.refusedRest(key, l, now))
	case !l.held: // else only the credential was missing, and it is there again
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
