package grant

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// CheckFacts says what is known of a tenant before a check tries anything. A tenant that never connected has facts too, if a consent of it
// failed. One that is connected has a site: where this version does not know it, since a newer one stored it, the error is ErrRefused.
func (s *Service) CheckFacts(ctx context.Context, tenant string) (check.Facts, error) {
	g, o, tok, f, err := s.checkable(tenant)
	unknown := errors.Is(err, credential.ErrUnknownTenant)
	if err != nil && !unknown {
		return check.Facts{}, err
	}
	at, known := site.ByDomain(g.Org.Site)
	if !known && (g.Org.Site != "" || !g.ConnectedAt.IsZero()) {
		return check.Facts{}, fmt.Errorf("%w: tenant %s is connected at %.100q, which this version does not know: check it with the version that connected it: %w", ErrRefused, tenant, g.Org.Site, site.ErrUnknown)
	}
	c, found, readErr := get(s.reader(ctx), Checked{Tenant: tenant})
	if errors.Is(readErr, errStore) {
		return check.Facts{}, readErr
	}
	if unknown && (!found || c.Failed == nil) {
		return check.Facts{}, err
	}
	facts := check.Facts{
		Client: g.Org.Client, Site: at, OrgID: g.Org.ID, OrgName: o.Name, AppOrigin: g.AppOrigin, StartedDomain: g.StartedDomain, CallbackDomain: g.CallbackDomain,
		ConnectedAt: g.ConnectedAt, Scopes: scopesOf(g, tok), Failed: c.Failed, HasRefreshToken: tok.RefreshToken != "", TokenExpiry: tok.Expiry, RefreshedAt: tok.RefreshedAt,
		Token: string(f.Token), TokenReason: tok.Reason, Key: string(f.Key), KeyReason: o.KeyReason, Hold: string(f.Hold), HoldReason: g.HoldReason,
		HasKey: o.APIKey != "", KeyLast4: o.Last4, KeyName: o.KeyName, KeyMintedAt: o.MintedAt,
	}
	if unknown {
		facts.Client = c.Client
	}
	for _, c := range s.clients {
		facts.Published = facts.Published || c.cfg.Stage == "published"
	}
	if c := s.clients[facts.Client]; c != nil {
		facts.ClientID, facts.Stage, facts.RedirectURL = c.cfg.ClientID, c.cfg.Stage, c.cfg.RedirectURL
	}
	return facts, nil
}

// scopesOf are those that Datadog named last.
func scopesOf(g Grant, tok Token) []string {
	if len(tok.Scopes) > 0 {
		return slices.Clone(tok.Scopes)
	}
	return slices.Clone(g.Scopes)
}
