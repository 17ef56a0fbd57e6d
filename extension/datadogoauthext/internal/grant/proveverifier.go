package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// OutcomeChecked is that of a consent which a check asked for. Nothing was to be connected.
const OutcomeChecked = "checked"

// InviteForCheck makes a link for the check of a tenant: the code of its consent is sent with a wrong verifier, and connects nothing.
func (s *Service) InviteForCheck(ctx context.Context, tenant, client, id string, life time.Duration) (secret string, end func(context.Context), err error) {
	if err := s.checkReady(); err != nil {
		return "", nil, err
	}
	now := s.now()
	secret = NewSecret()
	inv := Invitation{Hash: Hash(secret), Tenant: tenant, Client: client, Created: now, Expires: now.Add(life), CreatedBy: "check " + id, Check: id}
	if err := s.change(ctx, func(tx *txn) error { return tx.put(inv) }); err != nil {
		return "", nil, err
	}
	return secret, func(ctx context.Context) {
		if err := s.deleteInvitations(ctx, "its check is over", inv.Hash); err != nil {
			s.log.Warn("The link of a check was not deleted; it runs out by itself", zap.String("tenant", tenant), zap.Error(err))
		}
	}, nil
}

// CheckTrial is what came of the code of a check, or nil.
func (s *Service) CheckTrial(ctx context.Context, tenant, id string) (*check.Trial, error) {
	c, _, err := get(s.reader(ctx), Checked{Tenant: tenant})
	if err != nil || c.TrialOf != id {
		return nil, err
	}
	return c.Trial, nil
}

// tryVerifier redeems the code of a check with a verifier that does not belong to it. Tokens that come all the same are left to be revoked.
// Its error is never nil: nothing was connected.
func (s *Service) tryVerifier(ctx context.Context, f Flow, at site.Site, code string, inv Invitation) error {
	c, ok := s.clients[f.Client]
	if !ok {
		return &ConnectError{Outcome: OutcomeStoreFailed, Err: fmt.Errorf("client %s is not in the configuration any more", f.Client)}
	}
	trial := check.Trial{At: s.now(), Host: at.Hostname(site.HostAPI)}
	set, err := s.exchange(ctx, c, at, code, oauth2.GenerateVerifier())
	var answer *callError
	switch {
	case err == nil:
		trial.Accepted, trial.Said = true, "it gave tokens for a code with a verifier that does not belong to it"
		s.abandon(ctx, consent{flow: f, clientID: c.cfg.ClientID, org: credential.Org{Client: f.Client, Site: at.Domain()}, set: set}, "a check sent a wrong verifier and got tokens")
	case errors.As(err, &answer) && (answer.kind == callInvalidGrant || says(answer.description, textVerifier)):
		trial.Refused, trial.Said = true, fmt.Sprintf("%d %s %s", answer.status, answer.code, answer.description)
	default:
		trial.Said = err.Error()
	}
	s.log.Info("A check sent an authorization code with a wrong verifier", zap.String("tenant", f.Tenant), zap.String("check", inv.Check), zap.Bool("refused", trial.Refused))
	noted := s.changeChecked(ctx, f.Tenant, func(c *Checked) error {
		c.Trial, c.TrialOf = &trial, inv.Check
		return nil
	})
	if err := errors.Join(noted, s.deleteInvitations(ctx, "used by its check", inv.Hash)); err != nil {
		return &ConnectError{Outcome: OutcomeStoreFailed, Err: err}
	}
	return &ConnectError{Outcome: OutcomeChecked, Err: errors.New("a check asked for this consent; nothing was to be connected")}
}
