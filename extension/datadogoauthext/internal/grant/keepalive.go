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
	// callsAtOnce bounds the calls of one kind that a pass makes at the same time.
	callsAtOnce = 8
)

// refreshDue refreshes what failed before and what was not refreshed for a day, in an order of chance: of two processes that share a
// store each then does about half. A restored store goes one grant at a time, and not for the whole pass.
func (s *Service) refreshDue(ctx context.Context) {
	due := s.dueTokens()
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	if _, ok := s.quarantined(); !ok {
		first, rest := onePerClient(due)
		atOnce(ctx, first, func(tok Token) { s.refreshIfDue(ctx, tok) })
		atOnce(ctx, rest, func(tok Token) { s.refreshIfDue(ctx, tok) })
		return
	}
	for end := s.now().Add(quarantineSlice); len(due) > 0 && s.now().Before(end) && ctx.Err() == nil; due = due[1:] {
		s.refreshIfDue(ctx, due[0])
	}
}

// onePerClient takes one token of each client apart: where Datadog rejects a client, that one finds out for all.
func onePerClient(due []Token) (first, rest []Token) {
	asked := map[string]bool{}
	for _, tok := range due {
		if asked[tok.Client] {
			rest = append(rest, tok)
			continue
		}
		asked[tok.Client] = true
		first = append(first, tok)
	}
	return first, rest
}

// refreshIfDue leaves out what another process refreshed since due was made, as far as memory knows, and the tokens of a client that was
// rejected since: those cost not even a lease.
func (s *Service) refreshIfDue(ctx context.Context, due Token) {
	if tok, err := s.usableToken(due.Tenant); err == nil && tok.RefreshedAt.Equal(due.RefreshedAt) && s.mayRefresh(due.Tenant, tok) == nil {
		_ = s.tryRefresh(ctx, due.Tenant, due) // logged where it happened
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
			return
		}
		wg.Go(func() {
			defer func() { <-slots }()
			fn(item)
		})
	}
}

// dueTokens chooses what to refresh. A rejected client gets one token at most, as its probe, due or not.
func (s *Service) dueTokens() []Token {
	now := s.now()
	q, restored := s.quarantined()
	if restored && q.Stopped {
		return nil
	}
	clients := s.clientsNow(now)
	var due []Token
	probed := map[string]bool{}
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	for tenant := range s.view.tokens {
		tok, err := s.usable(tenant)
		c := clients[tok.Client]
		if err != nil || tok.RefreshToken == "" || c == clientStops {
			continue
		}
		if c == clientProbes {
			if !probed[tok.Client] {
				probed[tok.Client] = true
				due = append(due, tok)
			}
			continue
		}
		if _, held := s.elsewhere(tok); held {
			continue
		}
		unfinished := tok.Fact == TokenFailing || !tok.Refresh.Begun.IsZero() || restored && !q.refreshed(tok)
		kept := now.Before(tok.RefreshedAt.Add(keepAlive * 3 / 4)) // most are, and need no hash
		if (unfinished || !kept && !now.Before(nextKeepAlive(tenant, tok))) && s.backoff.due(tenant, now) {
			due = append(due, tok)
		}
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
