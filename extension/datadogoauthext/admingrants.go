package datadogoauthext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

var _ admin.Grants = adminGrants{}

// adminGrants shows grants to the admin listener, and takes its orders.
type adminGrants struct {
	grants   *grant.Service
	refusals *refusals
	sends    *sends
	store    store.Store
	checks   *checks    // nil like flow
	flow     *flow.Flow // nil in a collector that only sends, which takes no order
	client   string
	clients  []string // in order
	logger   *zap.Logger
}

func (a adminGrants) Ready() (ok bool, why string) { return a.grants.Ready(), a.grants.StoreFault() }

func (a adminGrants) Sends(tenants []string) map[string][]admin.SendFigure {
	return a.sends.byTenant(tenants)
}

// Waits implements admin.Sends.
func (a adminGrants) Waits() []admin.SendWait { return a.sends.waits() }

// Sending implements admin.Sends.
func (a adminGrants) Sending() bool { return len(a.sends.all()) > 0 }

func (a adminGrants) SendHistory(tenant string) admin.SendHistory { return a.sends.history(tenant) }

func (a adminGrants) Quarantine() (admin.Quarantine, bool) {
	q, ok := a.grants.Quarantine()
	return admin.Quarantine{RestoredAt: q.RestoredAt, BackupMadeAt: q.BackupMade, Spent: q.Spent, Stopped: q.Stopped}, ok
}

func (a adminGrants) Pause(ctx context.Context, tenant, reason, by string) error {
	return a.order(ctx, "pause", tenant, by, func(ctx context.Context) error { return a.grants.Pause(ctx, tenant, reason, by) })
}

func (a adminGrants) Resume(ctx context.Context, tenant, by string) error {
	return a.order(ctx, "resume", tenant, by, func(ctx context.Context) error { return a.grants.Resume(ctx, tenant, by) })
}

func (a adminGrants) Disconnect(ctx context.Context, tenant, reason, by string) error {
	return a.order(ctx, "disconnect", tenant, by, func(ctx context.Context) error { return a.grants.Disconnect(ctx, tenant, reason, by) })
}

func (a adminGrants) MintAgain(ctx context.Context, tenant, by string) error {
	return a.order(ctx, "mint", tenant, by, func(ctx context.Context) error { return a.grants.MintAgain(ctx, tenant, by) })
}

func (a adminGrants) Refresh(ctx context.Context, tenant, by string) error {
	return a.order(ctx, "refresh", tenant, by, func(ctx context.Context) error { return a.grants.RefreshNow(ctx, tenant, by) })
}

func (a adminGrants) ConfirmChange(ctx context.Context, tenant, orgID, by string) error {
	return a.order(ctx, "confirm change", tenant, by, func(ctx context.Context) error { return a.grants.ConfirmChange(ctx, tenant, orgID, by) })
}

func (a adminGrants) RejectChange(ctx context.Context, tenant, by string) error {
	return a.order(ctx, "reject change", tenant, by, func(ctx context.Context) error { return a.grants.RejectChange(ctx, tenant, by) })
}

// order refuses what this collector cannot do, and puts an error into words of package admin.
func (a adminGrants) order(ctx context.Context, what, tenant, by string, do func(context.Context) error) error {
	if err := a.holdsGrants(); err != nil {
		return err
	}
	if _, err := a.grants.Org(tenant); errors.Is(err, credential.ErrUnknownTenant) {
		return fmt.Errorf("%w: no customer ever connected as %.100q; POST /v1/invitations makes a connect link", admin.ErrUnknown, tenant)
	}
	ctx = asOperator(ctx, by)
	err := refused(do(ctx))
	a.noteRefusal(ctx, what, tenant, err)
	return err
}

// holdsGrants refuses in a collector that only sends.
func (a adminGrants) holdsGrants() error {
	if a.flow == nil {
		return asRefusal{grant.ErrSendOnly}
	}
	return nil
}

// refused marks what the caller may read.
func refused(err error) error {
	if errors.Is(err, grant.ErrRefused) || errors.Is(err, grant.ErrSendOnly) {
		return asRefusal{err}
	}
	return err
}

// asRefusal keeps the text as it is, which says itself that something was refused.
type asRefusal struct{ error }

func (asRefusal) Is(target error) bool { return target == admin.ErrRefused }
func (r asRefusal) Unwrap() error      { return r.error }

// Invite makes a link for the named client, else for the one that flow::client names, else for the only one.
func (a adminGrants) Invite(ctx context.Context, tenant, client string, lifetime time.Duration, by string) (admin.Invitation, error) {
	if err := a.holdsGrants(); err != nil {
		return admin.Invitation{}, err
	}
	if client == "" {
		client = a.client
	}
	ctx = asOperator(ctx, by)
	secret, inv, err := a.grants.Invite(ctx, tenant, client, lifetime, by)
	if errors.Is(err, grant.ErrBadInvitation) {
		a.noteRefusal(ctx, "invite", tenant, asRefusal{err})
	}
	switch {
	case errors.Is(err, grant.ErrRefused): // as things are
		return admin.Invitation{}, asRefusal{err}
	case errors.Is(err, grant.ErrBadInvitation):
		return admin.Invitation{}, fmt.Errorf("%w: %w", admin.ErrInvalid, err)
	case err != nil:
		return admin.Invitation{}, err
	}
	return admin.Invitation{Link: a.flow.Link(secret), ExpiresAt: inv.Expires}, nil
}

func (a adminGrants) Invitations(ctx context.Context) ([]admin.OpenInvitation, error) {
	if err := a.holdsGrants(); err != nil { // their records are sealed with the keyset that this collector has not
		return nil, err
	}
	invitations, err := a.grants.Invitations(ctx)
	all := make([]admin.OpenInvitation, len(invitations))
	for i, inv := range invitations {
		all[i] = admin.OpenInvitation{
			ID: inv.ID(), Tenant: inv.Tenant, Client: inv.Client, CreatedAt: inv.Created, ExpiresAt: inv.Expires, CreatedBy: inv.CreatedBy,
		}
	}
	return all, err
}

func (a adminGrants) RevokeInvitation(ctx context.Context, id, by string) error {
	if err := a.holdsGrants(); err != nil {
		return err
	}
	ctx = asOperator(ctx, by)
	err := refused(a.grants.RevokeInvitation(ctx, id, by))
	a.noteRefusal(ctx, "revoke connect link", "", err)
	return err
}

func (a adminGrants) Revocations(ctx context.Context) ([]admin.Revocation, error) {
	if err := a.holdsGrants(); err != nil {
		return nil, err
	}
	open, err := a.grants.Revocations(ctx)
	all := make([]admin.Revocation, len(open))
	for i, r := range open {
		all[i] = admin.Revocation{
			ID: r.ID, Tenant: r.Tenant, Client: r.Org.Client, Site: r.Org.Site, OrgID: r.Org.ID, Why: r.Why, DropKey: r.DropKey,
			AskedAt: r.Asked, NextAt: r.Next, Attempts: r.Attempts, Reason: r.Reason,
		}
	}
	return all, err
}

func (a adminGrants) Incidents(ctx context.Context) (admin.Incidents, error) {
	noted, err := a.grants.Noted(ctx)
	if err != nil {
		return admin.Incidents{}, refused(err)
	}
	all := admin.Incidents{Waiting: noted.Waiting, Searching: noted.Searching, Unknown: noted.Unknown, ReadAt: noted.At, Latest: make([]admin.Incident, len(noted.Latest))}
	for i, e := range noted.Latest {
		all.Latest[i] = admin.Incident{
			Tenant: e.Tenant, Client: e.Org.Client, Site: e.Org.Site, OrgID: e.Org.ID, OrgName: e.OrgName, Key: e.Key, State: string(e.State), Since: e.Since,
		}
	}
	return all, nil
}

func (a adminGrants) EndQuarantine(ctx context.Context, by string) error {
	if err := a.holdsGrants(); err != nil {
		return err
	}
	ctx = asOperator(ctx, by)
	err := refused(a.grants.EndQuarantine(ctx, by))
	a.noteRefusal(ctx, "end quarantine", "", err)
	return err
}

func (a adminGrants) Archive(ctx context.Context, w io.Writer) error {
	if err := a.holdsGrants(); err != nil {
		return err
	}
	return store.WriteArchive(ctx, a.store, w, time.Now())
}
