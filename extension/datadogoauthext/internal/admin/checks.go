package admin

import (
	"context"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
)

// CheckOptions are what a check does only when it is asked to.
type CheckOptions struct {
	// Intrusive asks for a second API key, which Datadog has to refuse, and makes and deletes a test incident. Only where the configuration
	// allows it.
	Intrusive bool
	// Consent makes the check wait for somebody to give consent at a link in the report, to redeem the code with a wrong verifier.
	Consent bool
}

// Checks are the six steps for one tenant.
type Checks interface {
	// StartCheck begins one in the background and returns its id. One that runs already is ErrRefused.
	StartCheck(ctx context.Context, tenant string, o CheckOptions, by string) (id string, err error)
	// StopCheck ends the one that runs for a tenant, with what it found until then. Where none runs in this collector that is ErrRefused.
	StopCheck(ctx context.Context, tenant, by string) error
	// CheckReport returns the latest report of a tenant, also of a check that runs. false means that there is none.
	CheckReport(ctx context.Context, tenant string) (check.Report, bool, error)
	// LatestChecks calls yield with the latest reports of at most limit tenants whose names come behind after, in their order. next is the name
	// to go on from, empty where nothing is left: there may be fewer than limit and more behind them.
	LatestChecks(ctx context.Context, after string, limit int, yield func(check.Report)) (next string, err error)
}
