package admin_test

import (
	"context"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
)

func (g *grants) StartCheck(_ context.Context, tenant string, o admin.CheckOptions, by string) (string, error) {
	return "0123456789abcdef", g.order("check", tenant, "intrusive", o.Intrusive, "consent", o.Consent, "by", by)
}

func (g *grants) CheckReport(_ context.Context, tenant string) (check.Report, bool, error) {
	return check.Report{}, false, g.err
}

func (g *grants) LatestChecks(_ context.Context, yield func(check.Report)) error {
	return g.err
}
