package grant

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// keepAlive is how long a grant goes without a refresh at most: a refresh shows that it still stands.
	keepAlive = 24 * time.Hour
	// callsAtOnce bounds the calls of one kind that a pass makes to one site at the same time.
	callsAtOnce = 8
)

// refreshDue refreshes what failed before and what was not refreshed for a day, in an order of chance: of two processes that share a
// store each then does about half. Grants of a restored store go one at a time, and not for the whole pass.
func (s *Service) refreshDue(ctx context.Context) {
	due := s.dueTokens()
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	if q, ok := s.quarantined(); ok {
		var old []dueToken
		old, due = partition(due, func(d dueToken) bool { return !q.refreshed(d.tok) })
		s.refreshOld(ctx, old)
	}
	atSites(ctx, due, func(d dueToken) string { return d.site }, func(ctx context.Context, due []dueToken) {
		first, rest := onePerClient(due)
		atOnce(ctx, first, func(d dueToken) { s.refreshIfDue(ctx, d) })
		atOnce(ctx, rest, func(d dueToken) { s.refreshIfDue(ctx, d) })
	})
	s.endQuarantineWhenDone(ctx)
}

// refreshOld refreshes grants that a backup brought.
func (s *Service) refreshOld(ctx context.Context, due []dueToken) {
	for end := s.now().Add(quarantineSlice); len(due) > 0 && s.now().Before(end) && ctx.Err() == nil; due = due[1:] {
		s.refreshIfDue(ctx, due[0])
	}
}

// dueToken is a token to refresh. probe says that it is to find out whether Datadog takes its client again.
type dueToken struct {
	tok   Token
	site  string
	probe bool
}

// onePerClient takes one token of each client apart: where Datadog rejects a client, that one finds out for all.
func onePerClient(due []dueToken) (first, rest []dueToken) {
	asked := map[string]bool{}
	return partition(due, func(d dueToken) bool {
		fresh := !asked[d.tok.Client]
		asked[d.tok.Client] = true
		return fresh
	})
}

func partition[T any](all []T, is func(T) bool) (some, others []T) {
	for _, item := range all {
		if is(item) {
			some = append(some, item)
		} else {
			others = append(others, item)
		}
	}
	return some, others
}

// refreshIfDue leaves out what another process refreshed since due was made, as far as memory knows, and the tokens of a client that was
// rejected since: those cost not even a lease. A probe is made however often this tenant's own refreshes failed.
func (s *Service) refreshIfDue(ctx context.Context, due dueToken) {
	tenant, may := due.tok.Tenant, s.mayRefresh
	if due.probe {
		may = s.mayProbe
	}
	if tok, err := s.usableToken(tenant); err == nil && tok.RefreshedAt.Equal(due.tok.RefreshedAt) && may(tenant, tok) == nil {
		_ = s.tryRefresh(ctx, tenant, due.tok) // logged where it happened
	}
}

// siteSlice is how long a duty begins calls. What is left over then waits for the next pass, which sees what became due meanwhile.
const siteSlice = passEvery

// atSites calls fn for the items of each site, all sites at the same time, and waits for them. ctx of fn ends after siteSlice: a site
// that hangs takes the slots and the time of no other, and does not keep the duty from its next pass.
func atSites[T any](ctx context.Context, items []T, site func(T) string, fn func(context.Context, []T)) {
	ctx, cancel := context.WithTimeout(ctx, siteSlice)
	defer cancel()
	bySite := map[string][]T{}
	for _, item := range items {
		bySite[site(item)] = append(bySite[site(item)], item)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, some := range bySite {
		wg.Go(func() { fn(ctx, some) })
	}
}

// atOnce calls fn for every item, some at a time, and waits for them. Once ctx ends it begins no more.
func atOnce[T any](ctx context.Context, items []T, fn func(T)) {
	slots := make(chan struct{}, callsAtOnce)
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, item := range items {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return
		}
		wg.Go(func() {
			defer func() { <-slots }()
			fn(item)
		})
	}
}

// atOnceBySite is atOnce with slots for each site.
func atOnceBySite[T any](ctx context.Context, items []T, site func(T) string, fn func(context.Context, T)) {
	atSites(ctx, items, site, func(ctx context.Context, items []T) {
		atOnce(ctx, items, func(item T) { fn(ctx, item) })
	})
}

// dueTokens chooses what to refresh. A rejected client gets one token at most, as its probe, due or not: one that another process may be
// at only where there is no other, since that refreshes nothing.
func (s *Service) dueTokens() []dueToken {
	now := s.now()
	q, restored := s.quarantined()
	clients := s.clientsNow(now)
	var due []dueToken
	probes := map[string]dueToken{}
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	for tenant := range s.view.tokens {
		tok, err := s.usable(tenant)
		c := clients[tok.Client]
		old := restored && !q.refreshed(tok)
		if err != nil || tok.RefreshToken == "" || c == clientStops || old && q.Stopped {
			continue
		}
		d := dueToken{tok: tok, site: s.view.grants[tenant].rec.Org.Site}
		held := false
		if !tok.Refresh.Begun.IsZero() { // few are under way
			_, held = s.elsewhere(tok)
		}
		if c == clientProbes {
			if _, ok := probes[tok.Client]; !ok || !held {
				d.probe = true
				probes[tok.Client] = d
			}
			continue
		}
		if held {
			continue
		}
		unfinished := tok.Fact == TokenFailing || !tok.Refresh.Begun.IsZero() || old
		kept := now.Before(tok.RefreshedAt.Add(keepAlive * 3 / 4)) // most are, and need no hash
		if (unfinished || !kept && !now.Before(nextKeepAlive(tenant, tok))) && s.backoff.due(tenant, now) {
			due = append(due, d)
		}
	}
	for _, d := range probes {
		due = append(due, d)
	}
	return due
}

// clientUse says which token calls of a client may go out.
type clientUse int

const (
	clientStops clientUse = iota
	clientProbes
	clientWorks
)

func (s *Service) clientsNow(now time.Time) map[string]clientUse {
	uses := make(map[string]clientUse, len(s.clients))
	for name, c := range s.clients {
		_, stamp, err := c.secret.Read()
		switch {
		case err != nil || c.gate.dead(now, stamp):
			uses[name] = clientStops // checkSecrets, or clientRejected, said so
		case !c.gate.state().IsZero():
			uses[name] = clientProbes
		default:
			uses[name] = clientWorks
		}
	}
	return uses
}

// nextKeepAlive is between three quarters of a day and a day after the last refresh.
func nextKeepAlive(tenant string, tok Token) time.Time {
	return tok.RefreshedAt.Add(keepAlive - time.Duration(share(tenant, tok)*float64(keepAlive)/4))
}

// share is a number in [0,1) that differs between tenants and between refreshes, so that grants do not expire in step.
func share(tenant string, tok Token) float64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(tenant))
	_, _ = h.Write([]byte(tok.RefreshedAt.UTC().String()))
	return float64(h.Sum32()) / (1 << 32)
}
