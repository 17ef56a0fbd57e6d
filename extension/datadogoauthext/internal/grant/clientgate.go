package grant

import (
	"context"
	"sync"
	"time"
)

// clientGate stops the token calls of a client whose credentials Datadog rejects: one probe per probeEvery, and one at
// once when the secret file holds another secret. Where Datadog has not accepted the secret lately, one call goes ahead of all
// others, else a few at a time go: a secret that was replaced at Datadog while ten thousand grants are due then costs a few calls, and
// not as many as there are callers.
type clientGate struct {
	mu        sync.Mutex // guards the rest
	rejected  bool
	since     time.Time
	stamp     uint64 // of the rejected secret, or of the one that was tried last
	judged    bool   // the secret of this stamp is the rejected one
	nextProbe time.Time
	accepted  time.Time     // when Datadog accepted the secret last
	used      uint64        // stamp of the secret that accepted is about
	flying    int           // calls under way
	turn      chan struct{} // closed when somebody who waits should look again; nil: nobody waits
}

const (
	probeEvery = 30 * time.Second
	// acceptedFor is how long an acceptance lets callsOfClient calls go at the same time, and not one.
	acceptedFor   = time.Minute
	callsOfClient = 4
	// turnFor is how long a call waits for its turn: the site of those before it may hang, its own may not.
	turnFor = 2 * time.Second
)

// passage is what a gate says to who wants to make a token call.
type passage uint8

const (
	gateShut  passage = iota // no call
	gateProbe                // one call, though Datadog rejects the client as far as is known
	gateOpen
)

// enter waits for its turn, then says whether a token call may go out. leave is to be called when it is over.
func (g *clientGate) enter(ctx context.Context, now func() time.Time, stamp uint64) (leave func(), p passage, err error) {
	timeout := time.NewTimer(turnFor)
	defer timeout.Stop()
	for waited := false; ; {
		leave, turn, p := g.try(now(), stamp, waited)
		if turn == nil {
			return leave, p, nil
		}
		select {
		case <-turn:
		case <-timeout.C:
			waited = true
		case <-ctx.Done():
			return func() {}, gateShut, ctx.Err()
		}
	}
}

// try is enter without the waiting: turn is what to wait for.
func (g *clientGate) try(now time.Time, stamp uint64, waited bool) (leave func(), turn chan struct{}, p passage) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rejected {
		if g.probe(now, stamp) {
			return func() {}, nil, gateProbe
		}
		return func() {}, nil, gateShut
	}
	limit := 1
	if stamp == g.used && now.Before(g.accepted.Add(acceptedFor)) {
		limit = callsOfClient
	}
	if g.flying >= limit && !waited {
		if g.turn == nil {
			g.turn = make(chan struct{})
		}
		return nil, g.turn, gateShut
	}
	g.flying++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.flying--
		g.wake()
	}, nil, gateOpen
}

// wake has those who wait look again. The caller holds mu.
func (g *clientGate) wake() {
	if g.turn != nil {
		close(g.turn)
		g.turn = nil
	}
}

// probe reports whether a call of a rejected client may go out, and counts it. The caller holds mu.
func (g *clientGate) probe(now time.Time, stamp uint64) bool {
	if stamp == g.stamp && now.Before(g.nextProbe) {
		return false
	}
	g.judged = g.judged && stamp == g.stamp
	g.stamp, g.nextProbe = stamp, now.Add(probeEvery)
	return true
}

// reject notes that Datadog refused the credentials of this stamp; first says that they were good until here, news that it was not known
// of this secret.
func (g *clientGate) reject(now time.Time, stamp uint64) (first, news bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	first, news = !g.rejected, !g.rejected || g.stamp != stamp || !g.judged
	if first {
		g.since = now
	}
	g.rejected, g.judged, g.stamp, g.nextProbe = true, true, stamp, now.Add(probeEvery)
	g.wake()
	return first, news
}

// accept notes that Datadog took the credentials of this stamp; changed says that they were rejected before.
func (g *clientGate) accept(now time.Time, stamp uint64) (changed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	changed = g.rejected
	g.rejected, g.since = false, time.Time{}
	g.accepted, g.used = now, stamp
	g.wake()
	return changed
}

// resume takes over a rejection that an earlier process saw; the first call is a probe.
func (g *clientGate) resume(since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rejected, g.since = true, since
}

// state reports since when the client is rejected; zero means that it is not.
func (g *clientGate) state() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.since
}

// refused reports whether the secret of this stamp is the one that Datadog rejects.
func (g *clientGate) refused(stamp uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rejected && stamp == g.stamp
}

// dead reports whether a call would be refused, without using up a probe.
func (g *clientGate) dead(now time.Time, stamp uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rejected && stamp == g.stamp && now.Before(g.nextProbe)
}
