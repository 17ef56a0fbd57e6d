package grant

import (
	"context"
	"hash/fnv"
	"sync"
	"time"
)

const (
	// keepAlive is how long a grant goes without a refresh at most: a refresh shows that it still stands.
	keepAlive = 24 * time.Hour
	// callsAtOnce bounds the calls of one kind that a pass makes at the same time.
	callsAtOnce = 8
)

// refreshDue refreshes what failed before and what was not refreshed for a day.
func (s *Service) refreshDue(ctx context.Context) {
	atOnce(ctx, s.dueTokens(), func(tok Token) {
		_ = s.refresh(ctx, tok.Tenant, tok) // logged where it happened
	})
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
	var due []Token
	probed := map[string]bool{}
	for tenant, tok := range s.tokenView() {
		if !s.refreshable(tenant) {
			continue
		}
		c := s.clients[tok.Client]
		if _, stamp, err := c.secret.Read(); err != nil || c.gate.dead(now, stamp) {
			continue // checkSecrets, or clientRejected, said so
		}
		if !c.gate.state().IsZero() {
			if !probed[tok.Client] {
				probed[tok.Client] = true
				due = append(due, tok)
			}
			continue
		}
		unfinished := tok.Fact == TokenFailing || !tok.Refresh.Begun.IsZero()
		if (unfinished || !now.Before(nextKeepAlive(tenant, tok))) && s.backoff.due(tenant, now) {
			due = append(due, tok)
		}
	}
	return due
}

// refreshable reports whether a tenant's token may be refreshed at all. It then has a client.
func (s *Service) refreshable(tenant string) bool {
	tok, err := s.usableToken(tenant)
	return err == nil && tok.RefreshToken != ""
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
