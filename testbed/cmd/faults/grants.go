package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const (
	us1       = "datadoghq.com"
	apiHost   = "api." + us1
	tokenPath = "/oauth2/v1/token"
	mintPath  = "/api/v2/api_keys/marketplace"
	// atOnce is how many consents or senders run side by side.
	atOnce = 8
)

// customers makes n tenants that share orgs organisations on US1, tenant i in organisation i mod orgs.
func customers(w *world.World, n, orgs int) ([]world.Customer, error) {
	made := make([]oauth.Org, orgs)
	for i := range made {
		var err error
		if made[i], err = w.Standin.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: us1}, Name: fmt.Sprintf("Org %d", i)}); err != nil {
			return nil, err
		}
	}
	all := make([]world.Customer, n)
	for i := range all {
		all[i] = world.Customer{Tenant: fmt.Sprintf("tenant-%05d", i), Org: made[i%orgs]}
	}
	return all, nil
}

// connectMany has customers consent, in turn at each of the nodes, and prints the rate.
func (l *lab) connectMany(ctx context.Context, cs []world.Customer, nodes ...*world.Node) error {
	begin := time.Now()
	err := each(ctx, len(cs), atOnce, func(i int) error { return nodes[i%len(nodes)].Connect(ctx, cs[i]) })
	l.printf("%d grants connected in %s, %.0f/s", len(cs), time.Since(begin).Round(time.Second), float64(len(cs))/time.Since(begin).Seconds())
	return err
}

// each calls fn for 0 to n-1, some at a time. The first few errors come back.
func each(ctx context.Context, n, atOnce int, fn func(i int) error) error {
	var mu sync.Mutex
	var errs []error
	var work sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			if err := fn(i); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if errs = append(errs, err); len(errs) > 5 {
					errs = errs[:5]
				}
			}
		})
	}
	work.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// accessTokenLife sets how long an access token lives from here on. One below five minutes is due as soon as it is there.
func accessTokenLife(w *world.World, d time.Duration) error {
	return w.Standin.OAuth().UpdateSettings(func(s *oauth.Settings) error { s.AccessTokenLife = d; return nil })
}

// refreshCall is one request with a refresh token that reached Datadog and was not held back there.
type refreshCall struct {
	history.Entry
}

func (c refreshCall) org() string    { return c.Notes[oauth.NoteOrg] }
func (c refreshCall) used() string   { return c.Notes[oauth.NoteUsed] }
func (c refreshCall) issued() string { return c.Notes[oauth.NoteIssued] }
func (c refreshCall) replay() bool   { return c.Notes[oauth.NoteReplay] != "" }

// refreshCalls are those after an entry, oldest first.
func refreshCalls(w *world.World, after int64) []refreshCall {
	var calls []refreshCall
	for _, e := range w.Standin.History().List(history.Filter{Path: tokenPath}) {
		if e.Seq > after && e.Notes["grant_type"] == "refresh_token" {
			calls = append(calls, refreshCall{e})
		}
	}
	return calls
}

// lastSeq is the number of the latest entry.
func lastSeq(w *world.World) int64 {
	all := w.Standin.History().List(history.Filter{})
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1].Seq
}

// tenantsByName asks a collector's admin API.
func tenantsByName(ctx context.Context, n *world.Node) (map[string]world.Tenant, error) {
	list, err := n.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]world.Tenant, len(list))
	for _, t := range list {
		byName[t.Tenant] = t
	}
	return byName, nil
}
