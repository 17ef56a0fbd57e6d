package datadogoauthext

import (
	"context"
	"errors"
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// Audit implements admin.Audits.
func (a adminGrants) Audit(ctx context.Context, q admin.AuditQuery) ([]admin.AuditRecord, string, error) {
	records, next, err := a.grants.Audit(ctx, grant.AuditQuery(q))
	if errors.Is(err, grant.ErrNoAuditID) {
		return nil, "", fmt.Errorf("%w: %w", admin.ErrRefused, err)
	}
	if err != nil {
		return nil, "", refused(err)
	}
	all := make([]admin.AuditRecord, len(records))
	for i, r := range records {
		all[i] = admin.AuditRecord{
			ID: r.ID, At: r.At, Actor: admin.AuditActor(r.Actor), What: r.What, Tenant: r.Tenant, Client: r.Client, Site: r.Site, OrgID: r.OrgID, Reason: r.Reason,
		}
		for _, c := range r.Changes {
			all[i].Changes = append(all[i].Changes, admin.AuditChange(c))
		}
	}
	return all, next, nil
}

// Note records what changes nothing: a login, an order that was refused. ctx names the actor.
func (a adminGrants) Note(ctx context.Context, r audit.Record) { a.grants.NoteAnyway(ctx, r) }

// asOperator has the token of a name act, unless ctx says already who does, and on which way.
func asOperator(ctx context.Context, by string) context.Context {
	if grant.ActorOf(ctx) != (grant.Actor{}) {
		return ctx
	}
	return grant.WithActor(ctx, grant.Actor{Kind: "operator", Name: by, Via: "api"})
}

// noteRefusal records an order that was refused.
func (a adminGrants) noteRefusal(ctx context.Context, order, tenant string, err error) {
	if errors.Is(err, admin.ErrRefused) {
		a.Note(ctx, audit.Record{What: "order refused: " + order, Tenant: tenant, Reason: err.Error(), Minor: true})
	}
}
