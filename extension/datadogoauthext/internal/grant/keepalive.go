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
	// refreshersAtOnce bounds the refreshes of one pass that run at the same time.
	refreshersAtOnce = 8
)

// refreshDue refreshes what failed before and what was not refreshed for a day.
func (s *Service) refreshDue(ctx context.Context) {
	slots := make(chan struct{}, refreshersAtOnce)
	var wg sync.WaitGroup
	for tenant, tok := range s.dueTokens() {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			wg.Wait()
			return
		}
		wg.Go(func() {
			defer func() { <-slots }()
			_ = s.refresh(ctx, tenant, tok) // endRefresh logged and stored it
		})
	}
	wg.Wait()
}

// dueTokens chooses what to refresh. A rejected client gets one token at most, as its probe, due or not.
func (s *Service) dueTokens() map[string]Token {
	now := s.now()
	due := map[string]Token{}
	probed := map[string]bool{}
	for tenant, tok := range s.tokenView() {
		if _, err := s.usableToken(tenant); err != nil || tok.RefreshToken == "" {
			continue
		}
		c, ok := s.clients[tok.Client]
		if !ok {
			continue
		}
		if _, stamp, err := c.secret.Read(); err != nil || c.gate.dead(now, stamp) {
			continue
		}
		if !c.gate.state().IsZero() {
			if !probed[tok.Client] {
				probed[tok.Client], due[tenant] = true, tok
			}
			continue
		}
		unfinished := tok.Fact == TokenFailing || !tok.Refresh.Begun.IsZero()
		if (unfinished || !now.Before(nextKeepAlive(tenant, tok))) && s.backoff.due(tenant, now) {
			due[tenant] = tok
		}
	}
	return due
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
