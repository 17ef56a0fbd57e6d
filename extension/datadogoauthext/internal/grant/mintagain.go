package grant

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"
)

// MintAgain makes sure of an API key on an operator's order, as a consent does: a stored key that validates is kept; else one is minted,
// also where the stored one is refused. It needs a tenant of the organisation whose token is good. What Datadog answers, or that it does not, ends in a
// state with the steps to recover, which the error, an ErrRefused, says too. by is who asked.
func (s *Service) MintAgain(ctx context.Context, tenant, by string) error {
	if err := s.checkReady(); err != nil {
		return err
	}
	s.view.mu.Lock()
	facts, reason := s.view.facts(tenant)
	g, ok := s.view.grants[tenant]
	s.view.mu.Unlock()
	switch {
	case facts.Hold == HoldUnreadable:
		return fmt.Errorf("%w: tenant %s: %s; restore the store from a backup first", ErrRefused, tenant, reason)
	case !ok:
		return fmt.Errorf("%w: tenant %s never connected; check the name, or invite it", ErrRefused, tenant)
	case facts.Hold == HoldDisconnected:
		return fmt.Errorf("%w: tenant %s is disconnected (%s); only a new consent of the customer makes a key: send the connect link", ErrRefused, tenant, reason)
	}
	org := g.rec.Org
	token, err := s.anyAccessToken(ctx, org)
	if errors.Is(err, errNoGrant) {
		return fmt.Errorf("%w: no tenant of org %s has a token that Datadog takes, and a key needs one: send the customer the connect link, which makes the key too", ErrRefused, org)
	}
	if err != nil {
		return orderEnded(fmt.Errorf("mint again for tenant %s: no access token: %w", tenant, err))
	}
	s.log.Info("An operator orders an API key", zap.String("tenant", tenant), zap.Stringer("org", org), zap.String("by", oneLine(by, maxCodeBytes)))
	return orderEnded(s.ensureKey(ctx, org, token))
}

// orderEnded marks how an order ended where the records say so, and the caller may read it: what came of a call to Datadog, or that somebody else is
// at it.
func orderEnded(err error) error {
	var answer *callError
	if errors.As(err, &answer) || errors.Is(err, errReauthorise) || errors.Is(err, errElsewhere) || errors.Is(err, errMayHold) || errors.Is(err, errQuarantine) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}
