package datadogoauthext

import (
	"context"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
)

// StartCheck begins the six steps for a tenant.
func (a adminGrants) StartCheck(ctx context.Context, tenant string, o admin.CheckOptions, by string) (id string, err error) {
	if err := a.holdsGrants(); err != nil {
		return "", err
	}
	ctx = asOperator(ctx, by)
	id, err = a.checks.start(ctx, tenant, o, by)
	err = a.checks.errOf(tenant, err)
	a.noteRefusal(ctx, "check", tenant, err)
	return id, err
}

// StopCheck ends the check that runs for a tenant.
func (a adminGrants) StopCheck(ctx context.Context, tenant, by string) error {
	if err := a.holdsGrants(); err != nil {
		return err
	}
	ctx = asOperator(ctx, by)
	err := refused(a.checks.stop(ctx, tenant, by))
	a.noteRefusal(ctx, "stop check", tenant, err)
	return err
}

// CheckReport returns what the latest check of a tenant found.
func (a adminGrants) CheckReport(ctx context.Context, tenant string) (check.Report, bool, error) {
	if err := a.holdsGrants(); err != nil {
		return check.Report{}, false, err
	}
	return a.grants.CheckReport(ctx, tenant)
}

// LatestChecks tells of the latest checks of some tenants.
func (a adminGrants) LatestChecks(ctx context.Context, after string, limit int, yield func(check.Report)) (next string, err error) {
	if err := a.holdsGrants(); err != nil {
		return "", err
	}
	return a.grants.SomeCheckReports(ctx, after, limit, yield)
}
