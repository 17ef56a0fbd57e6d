package datadogoauthext

import (
	"context"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

// Audit implements admin.Audits.
func (a adminGrants) Audit(context.Context, admin.AuditQuery) (records []admin.AuditRecord, next string, err error) {
	return nil, "", a.holdsGrants() // nothing is recorded yet
}
