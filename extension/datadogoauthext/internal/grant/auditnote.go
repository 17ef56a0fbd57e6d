package grant

import (
	"context"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
)

// Note records what changes nothing and is to be known all the same, such as a login or an order that was refused. The context says who did it.
// what is a few fixed words; tenant may be empty; reason is for people and holds no secret.
func (s *Service) Note(ctx context.Context, what, tenant, reason string) error {
	if CheckTenant(tenant) != nil {
		tenant = audit.OneLine(tenant, maxTenantBytes) // a name that nobody has
	}
	return s.change(ctx, func(tx *txn) error {
		tx.notes = append(tx.notes, audit.Record{What: what, Tenant: tenant, Reason: reason})
		return nil
	})
}
