package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// tryAgainEvery is how often a customer may have Datadog asked for the key of one organisation: somebody who presses a button twice.
const tryAgainEvery = 5 * time.Second

// ErrTooSoon: the same was tried a moment ago.
var ErrTooSoon = errors.New("the API key was asked for a moment ago; wait a few seconds")

// TryKeyAgain makes sure of an API key for a consent that is stored and whose mint failed, on the word of the customer who gave it; org and
// change are those of the ConnectError. So whoever revoked a key whose value was lost needs no second consent.
//
// ErrRefused says that things stand otherwise by now: the tenant is connected elsewhere or on hold, or its key was refused since, which may be
// what the customer wants. Any other failure is a ConnectError.
func (s *Service) TryKeyAgain(ctx context.Context, tenant string, org credential.Org, change string) (Connected, error) {
	if err := s.checkReady(); err != nil {
		return Connected{}, &ConnectError{Outcome: OutcomeStoreFailed, Err: err}
	}
	ctx, end, err := s.onOwnTime(ctx)
	if err != nil {
		return Connected{}, &ConnectError{Outcome: OutcomeStoreFailed, Err: err}
	}
	defer end()
	at, ok := site.ByDomain(org.Site)
	if !ok {
		return Connected{}, fmt.Errorf("%w: tenant %s: %w", ErrRefused, tenant, site.ErrUnknown)
	}
	if !s.windows.enter("again/"+org.String(), s.now(), tryAgainEvery) {
		return Connected{}, ErrTooSoon
	}
	s.log.Info("A customer asks for the API key once more", zap.String("tenant", tenant), zap.Stringer("org", org))
	here, err := s.mayTryAgain(s.reader(ctx), tenant, org)
	switch {
	case err != nil:
		return Connected{}, err
	case here:
		err = s.keyAgain(ctx, tenant, org)
	case change != "":
		err = s.confirm(ctx, tenant, ofConsent(change), "the ticket")
	default:
		err = fmt.Errorf("%w: tenant %s is not connected to org %s any more; send the customer the connect link", ErrRefused, tenant, org)
	}
	var call *callError
	if errors.Is(err, ErrRefused) && !errors.As(err, &call) { // nothing was asked of Datadog
		return Connected{}, err
	}
	if err != nil {
		if here {
			change = ""
		}
		return Connected{}, mintError(err, org, "", change)
	}
	o := s.orgView(org)
	return Connected{Tenant: tenant, Site: at, OrgName: o.Name, Last4: o.Last4}, nil
}

// mayTryAgain reports whether the tenant is connected to org, in the store and not only in memory: another collector may have taken the consent.
func (s *Service) mayTryAgain(tx *txn, tenant string, org credential.Org) (here bool, err error) {
	g, found, err := get(tx, Grant{Tenant: tenant})
	switch {
	case errors.Is(err, errStore):
		return false, &ConnectError{Outcome: OutcomeStoreFailed, Err: err}
	case err != nil || !found:
		return false, fmt.Errorf("%w: tenant %s has no record that can be read", ErrRefused, tenant)
	case g.Hold != "" && g.Hold != HoldNone:
		return false, fmt.Errorf("%w: tenant %s is %s", ErrRefused, tenant, g.Hold)
	case g.Org != org:
		return false, nil
	}
	o, _, err := get(tx, Org{Org: org})
	switch {
	case errors.Is(err, errStore):
		return false, &ConnectError{Outcome: OutcomeStoreFailed, Err: err}
	case err != nil:
		return false, fmt.Errorf("%w: tenant %s: the record of org %s cannot be opened", ErrRefused, tenant, org)
	case o.Key == KeyRefused:
		return false, fmt.Errorf("%w: tenant %s: its API key was refused since; only a consent or an operator makes another", ErrRefused, tenant)
	}
	return true, nil
}

// keyAgain is the end of Connect once more.
func (s *Service) keyAgain(ctx context.Context, tenant string, org credential.Org) error {
	token, err := s.anyAccessToken(ctx, org)
	if errors.Is(err, errNoGrant) {
		return fmt.Errorf("%w: tenant %s: no tenant of org %s has a token that Datadog takes", ErrRefused, tenant, org)
	}
	if err != nil {
		return fmt.Errorf("no access token: %w", err)
	}
	if err := s.ensureKey(ctx, org, token); err != nil {
		return err
	}
	if err := s.completeInvitation(ctx, tenant); err != nil {
		s.log.Warn("The used connect link was not deleted yet; trying again", zap.String("tenant", tenant), zap.Error(err))
	}
	return nil
}
