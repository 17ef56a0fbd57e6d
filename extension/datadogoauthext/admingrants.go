package datadogoauthext

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

var _ admin.Grants = adminGrants{}

// adminGrants shows grants to the admin listener.
type adminGrants struct {
	grants *grant.Service
	flow   *flow.Flow // nil without a public listener
	client string
}

func (a adminGrants) Ready() bool { return a.grants.Ready() }

func (a adminGrants) Tenants() []admin.TenantStatus {
	tenants := a.grants.Tenants()
	all := make([]admin.TenantStatus, len(tenants))
	for i, t := range tenants {
		all[i] = admin.TenantStatus{
			Tenant: t.Tenant, Client: t.Client, Stage: t.Stage, Site: t.Site, OrgID: t.OrgID, OrgName: t.OrgName,
			Token: string(t.Facts.Token), TokenReason: t.TokenReason, Key: string(t.Facts.Key), KeyReason: t.KeyReason,
			Hold: string(t.Facts.Hold), HoldReason: t.HoldReason,
			KeyLast4: t.Last4, KeyName: t.KeyName, Generation: t.Generation, KeySince: t.KeySince, KeyMintedAt: t.MintedAt,
			TokenExpiry: t.TokenExpiry, TokenRefreshedAt: t.RefreshedAt,
			// The site of a tenant is the callback's domain and nothing else.
			AppOrigin: t.AppOrigin, StartedDomain: t.StartedDomain, CallbackDomain: t.Site, Scopes: t.Scopes,
			ConnectedAt: t.ConnectedAt, Since: t.Since, Sending: t.Sending,
		}
	}
	return all
}

// Invite makes a link for the client that flow::client names, or for the only one.
func (a adminGrants) Invite(ctx context.Context, tenant string, lifetime time.Duration, by string) (admin.Invitation, error) {
	if a.flow == nil {
		return admin.Invitation{}, fmt.Errorf("%w: this collector has no public listener; set flow", admin.ErrRefused)
	}
	secret, inv, err := a.grants.Invite(ctx, tenant, a.client, lifetime, by)
	if errors.Is(err, grant.ErrBadInvitation) {
		return admin.Invitation{}, fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	if err != nil {
		return admin.Invitation{}, err
	}
	return admin.Invitation{Link: a.flow.Link(secret), ExpiresAt: inv.Expires}, nil
}
