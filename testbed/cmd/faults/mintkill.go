package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const mintsAtOnce = 3

// killInMint kills the collector while customers come back from their consent. Every kill has organisations of its own. Which step was hit
// is judged by what the stand-in saw: a collector that asks for a key again by itself had stored the intent and not the answer.
func killInMint(ctx context.Context, l *lab) error { return l.killInMint(ctx, "api_keys_write") }

// killInFindableMint does the same where the client may find and delete keys: then one that nobody knows is replaced.
func killInFindableMint(ctx context.Context, l *lab) error {
	return l.killInMint(ctx, "api_keys_write", "api_keys_read", "api_keys_delete")
}

func (l *lab) killInMint(ctx context.Context, scopes ...string) error {
	return l.inWorld(ctx, world.Options{Setup: &world.Setup{FreshConnections: true}, Scopes: scopes}, func(w *world.World) error {
		if err := w.StartCollector(ctx); err != nil {
			return err
		}
		k := &mintKills{kills: kills{lab: l, w: w, answered: answeredMints}, findable: len(scopes) > 1}
		if err := k.calibrate(ctx); err != nil {
			return err
		}
		return k.run(ctx)
	})
}

type mintKills struct {
	kills
	findable  bool // a key that nobody knows can be found and deleted
	customers int  // so far
	calls     int  // to Datadog in a consent, before the mint
	judged    int  // consents that were looked at after a kill; the first whose key is lost ends the run
	unknown   int  // of them those whose key exists and whose value nobody has, and that said so
	notBegun  int  // of them those that a kill ended before the intent
}

// add makes customers with organisations of their own.
func (k *mintKills) add(n int) ([]world.Customer, error) {
	all := make([]world.Customer, n)
	for i := range all {
		k.customers++
		name := fmt.Sprintf("mint-%04d", k.customers)
		org, err := k.w.Standin.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: us1}, Name: name + " Inc."})
		if err != nil {
			return nil, err
		}
		all[i] = world.Customer{Tenant: name, Org: org}
	}
	return all, nil
}

// calibrate counts how many calls a consent makes before it mints. With fresh connections each has a tunnel of its own.
func (k *mintKills) calibrate(ctx context.Context) error {
	cs, err := k.add(1)
	if err != nil {
		return err
	}
	before := lastSeq(k.w)
	if err := k.w.Connect(ctx, cs[0]); err != nil {
		return err
	}
	for _, e := range k.w.Standin.History().List(history.Filter{Host: apiHost}) {
		if e.Seq <= before {
			continue
		}
		if e.Path == mintPath {
			return nil
		}
		k.calls++
	}
	return errors.New("a consent was completed and no key was asked for")
}

func (k *mintKills) run(ctx context.Context) error {
	if err := k.untilAllHit(ctx, k.round); err != nil {
		return err
	}
	k.printf("%d kills: %v; %d consents ended before the intent", k.made, k.hits, k.notBegun)
	k.printf("consents looked at after a kill %d: no key lost, keys that exist with nobody knowing them and reported %d", k.judged, k.unknown)
	return k.hits.missed()
}

func (k *mintKills) round(ctx context.Context, aim step) error {
	n, awaited := mintsAtOnce, 1
	switch aim {
	case stepBeforeCall:
		n = 1 // so that its calls can be told by their number
	case stepAnswered, stepWritten:
		awaited += k.rand.IntN(n)
	}
	cs, err := k.add(n)
	if err != nil {
		return err
	}
	held, err := k.hold(aim, faults.Fault{Path: mintPath}, faults.Fault{Method: http.MethodConnect, Skip: k.calls})
	if err != nil {
		return err
	}
	answeredBefore := len(k.w.Standin.History().List(answeredMints))
	acknowledged := make([]atomic.Bool, n)
	heard := make(chan struct{}, n)
	var browsers sync.WaitGroup
	for i, c := range cs {
		browsers.Go(func() {
			if k.w.Connect(ctx, c) == nil {
				acknowledged[i].Store(true)
				heard <- struct{}{}
			}
		})
	}
	if err := k.await(ctx, aim, held, answeredBefore, awaited, heard); err != nil {
		return err
	}
	k.kill()
	browsers.Wait()
	k.w.Standin.Faults().Remove(held)
	if err := k.quiet(ctx, k.w); err != nil {
		return err
	}
	killed := lastSeq(k.w)
	if _, err := k.verify(ctx, k.w); err != nil {
		return err
	}
	if err := k.w.StartCollector(ctx); err != nil {
		return err
	}
	for i, c := range cs {
		if err := k.settle(ctx, c, killed, acknowledged[i].Load()); err != nil {
			return err
		}
	}
	return nil
}

var answeredMints = history.Filter{Path: mintPath, Status: http.StatusCreated}

// settle waits until the collector has ended what the kill interrupted for one customer, and judges it.
func (k *mintKills) settle(ctx context.Context, c world.Customer, killed int64, acknowledged bool) error {
	t, err := k.settled(ctx, c)
	if err != nil {
		return err
	}
	k.judged++
	var before, after []history.Entry
	for _, e := range k.w.Standin.History().List(history.Filter{Path: mintPath, Org: c.Org.ID}) {
		if e.Seq <= killed {
			before = append(before, e)
		} else {
			after = append(after, e)
		}
	}
	answered := len(before) > 0 && before[len(before)-1].Status == http.StatusCreated
	lostAnswer := answered && len(after) > 0
	switch {
	case len(before) == 0 && len(after) == 0:
		k.notBegun++
		return nil
	case len(before) == 0:
		k.hits[stepBeforeCall]++
	case !answered:
		k.hits[stepSent]++
	case lostAnswer && acknowledged:
		return fmt.Errorf("%s was told that it is connected before its key was stored", c.Tenant)
	case lostAnswer:
		k.hits[stepAnswered]++
	case acknowledged:
		k.hits[stepAcknowledged]++
	default:
		k.hits[stepWritten]++
	}
	if lostAnswer && t.Key.State == "exists-unknown" && !k.findable {
		if t.Key.Reason == "" {
			return fmt.Errorf("%s: its key is lost, and its state does not say what to do", c.Tenant)
		}
		k.unknown++
		return nil
	}
	for _, key := range k.w.Standin.OAuth().Keys() {
		if key.Org == c.Org.ID && key.Last4 == t.Key.Last4 && (t.Key.State == "ok" || t.Key.State == "fresh") {
			return nil
		}
	}
	return fmt.Errorf("%s lost its key: it is %q, …%s: %s", c.Tenant, t.Key.State, t.Key.Last4, t.Key.Reason)
}

// settled waits until a customer's key is no longer being minted.
func (k *mintKills) settled(ctx context.Context, c world.Customer) (world.Tenant, error) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	for {
		states, err := tenantsByName(ctx, k.w.Node)
		if err != nil {
			return world.Tenant{}, err
		}
		if t := states[c.Tenant]; t.Key.State != "minting" {
			return t, nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return world.Tenant{}, fmt.Errorf("%s: its key is still being minted %s after the restart: %w", c.Tenant, settleWithin, err)
		}
	}
}
