package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const killTenants = 8

// killInRefresh kills the collector in the middle of refreshes of several grants, over and over, under rotation with re-use detection. It
// aims at the step that was hit least; which one was hit is judged afterwards by what the stand-in saw: the next refresh sends the
// successor of a token where that was stored, and the token itself where it was not.
func killInRefresh(ctx context.Context, l *lab) error {
	return l.inWorld(ctx, world.Options{Setup: &world.Setup{BearerLogs: true, FreshConnections: true}}, func(w *world.World) error {
		if err := errors.Join(w.AcceptBearerLogs(), accessTokenLife(w, time.Minute)); err != nil {
			return err
		}
		cs, err := customers(w, killTenants, killTenants)
		if err != nil {
			return err
		}
		if err := w.StartCollector(ctx); err != nil {
			return err
		}
		if err := l.connectMany(ctx, cs, w.Node); err != nil {
			return err
		}
		k := &refreshKills{kills: kills{lab: l, w: w, answered: answeredTokenCalls}, customers: cs}
		return k.run(ctx)
	})
}

var answeredTokenCalls = history.Filter{Path: tokenPath, Status: http.StatusOK}

type refreshKills struct {
	kills
	customers []world.Customer
	judged    int // grants that were looked at after a kill; the first that is lost ends the run
	reported  int // of them those whose outcome was unknown, and that said so
}

func (k *refreshKills) run(ctx context.Context) error {
	if err := k.untilAllHit(ctx, k.round); err != nil {
		return err
	}
	k.printf("%d kills: %v", k.made, k.hits)
	k.printf("grants looked at after a kill %d: none lost, no stored token replayed, outcome unknown and reported %d", k.judged, k.reported)
	return k.hits.missed()
}

// round makes every grant need a token, kills the collector, starts it again and sees what became of each grant.
func (k *refreshKills) round(ctx context.Context, aim step) error {
	before, answeredBefore := lastSeq(k.w), len(k.w.Standin.History().List(answeredTokenCalls))
	held, err := k.hold(aim, faults.Fault{Path: tokenPath}, faults.Fault{Method: http.MethodConnect})
	if err != nil {
		return err
	}
	acknowledged := make([]atomic.Bool, len(k.customers))
	heard := make(chan struct{}, len(k.customers))
	var callers sync.WaitGroup
	for i, c := range k.customers {
		callers.Go(func() {
			if k.w.SendLog(ctx, c.Tenant, "needs a token") == nil {
				acknowledged[i].Store(true)
				heard <- struct{}{}
			}
		})
	}
	if err := k.await(ctx, aim, held, answeredBefore, 1+k.rand.IntN(killTenants/2), heard); err != nil {
		return err
	}
	k.kill()
	callers.Wait()
	connects := 0
	if f, ok := k.w.Standin.Faults().Remove(held); ok && aim == stepBeforeCall { // each held a call that nobody sent yet
		connects = min(f.Applied, len(k.customers))
	}
	// What the collector sent in its last moment still has its effect.
	if err := k.quiet(ctx, k.w); err != nil {
		return err
	}
	sent := 0
	if aim == stepSent {
		sent = len(k.w.Standin.History().List(history.Filter{Fault: held}))
	}
	killed := lastSeq(k.w)
	found, err := k.verify(ctx, k.w)
	if err != nil {
		return err
	}
	if found.OpenRefreshes < max(connects, sent) {
		return fmt.Errorf("%d refreshes were on their way, and the store knows of %d", max(connects, sent), found.OpenRefreshes)
	}
	if err := k.w.StartCollector(ctx); err != nil {
		return err
	}
	k.hits[stepBeforeCall] += connects
	k.hits[stepSent] += sent
	return k.settle(ctx, before, killed, acknowledged)
}

// settle waits until every grant was refreshed after the kill, or says why not, and judges each.
func (k *refreshKills) settle(ctx context.Context, before, killed int64, acknowledged []atomic.Bool) error {
	if err := each(ctx, len(k.customers), atOnce, func(i int) error { return k.refreshed(ctx, k.customers[i], killed) }); err != nil {
		return err
	}
	states, err := tenantsByName(ctx, k.w.Node)
	if err != nil {
		return err
	}
	all := refreshCalls(k.w, 0)
	for i, c := range k.customers {
		unknown, err := k.judge(c, all, before, killed, acknowledged[i].Load())
		if err != nil {
			return err
		}
		k.judged++
		token := states[c.Tenant].Token
		switch {
		case token.State != "reauthorise":
		case !unknown:
			return fmt.Errorf("%s lost its grant: %s", c.Tenant, token.Reason)
		case !strings.Contains(token.Reason, "outcome unknown"):
			return fmt.Errorf("%s: the outcome of its refresh is unknown, and its state does not say so: %s", c.Tenant, token.Reason)
		default:
			k.reported++
			if err := k.w.Connect(ctx, c); err != nil {
				return err
			}
		}
	}
	return replayedAfterStored(k.w, all)
}

// judge counts where the kill found one customer's refresh, if that had been answered. unknown says that the answer was not stored: the
// grant may end then, and has to say so.
func (k *refreshKills) judge(c world.Customer, all []refreshCall, before, killed int64, acknowledged bool) (unknown bool, err error) {
	var last, next *refreshCall // the last answered before the kill, the first after it
	for _, call := range all {
		switch {
		case call.org() != c.Org.ID:
		case call.Seq > before && call.Seq <= killed && call.Status == http.StatusOK:
			last = &call
		case call.Seq > killed && next == nil:
			next = &call
		}
	}
	switch {
	case last == nil:
		return false, nil
	case next.used() == last.issued() && acknowledged:
		k.hits[stepAcknowledged]++
		return false, nil
	case next.used() == last.issued():
		k.hits[stepWritten]++
		return false, nil
	case next.used() != last.used():
		return false, fmt.Errorf("%s: the refresh after the kill used a token that is neither the last nor its successor", c.Tenant)
	case acknowledged:
		return false, fmt.Errorf("%s: its new access token was used before it was stored", c.Tenant)
	default:
		k.hits[stepAnswered]++
		return true, nil
	}
}

// refreshed makes a grant need a token until a refresh that began after the kill was answered.
func (k *refreshKills) refreshed(ctx context.Context, c world.Customer, killed int64) error {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	for {
		err := k.w.SendLog(ctx, c.Tenant, "after the kill")
		for _, call := range refreshCalls(k.w, killed) {
			if call.org() == c.Org.ID && (call.Status == http.StatusOK || call.Status == http.StatusBadRequest) {
				return nil
			}
		}
		if pauseErr := pause(ctx, 100*time.Millisecond); pauseErr != nil {
			return fmt.Errorf("%s was not refreshed within %s of the restart: %w", c.Tenant, settleWithin, errors.Join(err, pauseErr))
		}
	}
}

// replayedAfterStored finds a refresh token that was sent again although its successor had been stored: the successor had been sent, or
// the access token that came with it had been used.
func replayedAfterStored(w *world.World, calls []refreshCall) error {
	used := map[string]int64{} // by the sum of an access token or refresh token: the first entry that carried it
	for _, e := range w.Standin.History().List(history.Filter{Path: "/v1/logs"}) {
		if len(e.CredentialSHA256) >= fingerprintDigits {
			remember(used, e.CredentialSHA256[:fingerprintDigits], e.Seq)
		}
	}
	for _, c := range calls {
		remember(used, c.used(), c.Seq)
	}
	for _, c := range calls {
		if !c.replay() {
			continue
		}
		for _, earlier := range calls {
			if earlier.used() != c.used() || earlier.Seq >= c.Seq {
				continue
			}
			for _, stored := range []string{earlier.issued(), earlier.Notes[oauth.NoteAccess]} {
				if at, ok := used[stored]; ok && stored != "" && at < c.Seq {
					return fmt.Errorf("request %d replayed a refresh token whose successor had been stored before request %d", c.Seq, at)
				}
			}
		}
	}
	return nil
}

// fingerprintDigits is the length of the sums in the stand-in's notes.
const fingerprintDigits = 16

func remember(first map[string]int64, key string, seq int64) {
	if _, ok := first[key]; !ok {
		first[key] = seq
	}
}
