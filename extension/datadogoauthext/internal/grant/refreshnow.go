package grant

import (
	"context"
	"fmt"

	"go.uber.org/zap"
)

// RefreshNow refreshes the tokens of a tenant on an operator's order, however long they last. It forces nothing: what keeps a refresh of
// our own from its turn refuses this one too, with the reason, since a refresh token that is sent twice can end the grant. by is who asked.
func (s *Service) RefreshNow(ctx context.Context, tenant, by string) error {
	if err := s.checkReady(); err != nil {
		return err
	}
	tok, err := s.refreshable(tenant)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	s.log.Info("An operator orders a refresh", zap.String("tenant", tenant), zap.String("by", oneLine(by, maxCodeBytes)))
	return orderEnded(s.tryRefresh(ctx, tenant, tok))
}

// refreshable returns the tokens of a tenant, or why they are not to be refreshed at the moment.
func (s *Service) refreshable(tenant string) (Token, error) {
	tok, err := s.usableToken(tenant)
	switch {
	case err != nil:
		return tok, err
	case tok.RefreshToken == "":
		return tok, fmt.Errorf("tenant %s: Datadog gave no refresh token; send the customer the connect link", tenant)
	case s.ofBackup(tok.RefreshedAt):
		return tok, fmt.Errorf("tenant %s: %w", tenant, errOfBackup)
	}
	if until, held := s.elsewhere(tok); held {
		return tok, fmt.Errorf("tenant %s: %w", tenant, mayHold(until))
	}
	return tok, s.mayRefresh(tenant, tok)
}
