package datadogoauthext

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/otel/metric"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/metadata"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

var (
	_ extension.Extension      = (*datadogOAuth)(nil)
	_ extensionauth.HTTPClient = (*datadogOAuth)(nil)
	_ credential.Source        = (*datadogOAuth)(nil)
	_ credential.Journal       = (*datadogOAuth)(nil)
	_ credential.Refusals      = (*datadogOAuth)(nil)
	_ credential.Sends         = (*datadogOAuth)(nil)
	_ credential.Probes        = (*datadogOAuth)(nil)
	_ credential.Settings      = (*datadogOAuth)(nil)
)

type datadogOAuth struct {
	cfg       *Config
	set       extension.Settings
	telemetry *metadata.TelemetryBuilder

	host    component.Host
	grants  atomic.Pointer[grant.Service] // nil before Start
	stores  []store.Store                 // what Start opened: the store, and the copy of it
	servers []*server
	holding background    // health_check
	never   chan struct{} // never closed

	refusals refusals
	sends    sends
	probers  probers
	senders  senders
}

func newExtension(cfg *Config, set extension.Settings) (*datadogOAuth, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &datadogOAuth{cfg: cfg, set: set, telemetry: builder, never: make(chan struct{})}, nil
}

// Start opens files, an embedded store and listeners, whose faults are the operator's, and leaves the grants to load in the
// background. It waits for no network: a database is first asked there.
func (e *datadogOAuth) Start(ctx context.Context, host component.Host) error {
	if err := e.start(ctx, host); err != nil {
		return errors.Join(err, e.Shutdown(ctx))
	}
	return nil
}

func (e *datadogOAuth) start(ctx context.Context, host component.Host) error {
	e.host = host
	opts, err := e.options(ctx)
	if err != nil {
		return err
	}
	e.zeros(ctx)
	opts.Observer = e.observer(host)
	grants := grant.New(opts)
	e.grants.Store(grants)
	if err := errors.Join(e.telemetry.RegisterDatadogoauthTenantsCallback(observeTenants(grants)),
		e.telemetry.RegisterDatadogoauthStoreFaultsCallback(observeStoreFaults(grants))); err != nil {
		return err
	}
	if err := e.listen(ctx, host, grants, opts); err != nil {
		return err
	}
	grants.Start()
	return nil
}

// Shutdown ends what Start began, in reverse: no new consents, those under way to their end, then the grants, then the
// store. It may come without Start, and twice.
func (e *datadogOAuth) Shutdown(ctx context.Context) error {
	var errs []error
	e.holding.end()
	for _, s := range e.servers {
		errs = append(errs, s.shutdown(ctx))
	}
	e.servers = nil
	if grants := e.grants.Load(); grants != nil {
		errs = append(errs, grants.Close(ctx))
	}
	for _, st := range e.stores {
		errs = append(errs, st.Close())
	}
	e.stores = nil
	e.telemetry.Shutdown()
	return errors.Join(errs...)
}

// Lookup implements credential.Source.
func (e *datadogOAuth) Lookup(tenant string) (*credential.Credential, error) {
	grants := e.grants.Load()
	if grants == nil {
		return nil, credential.ErrNotReady
	}
	return grants.Lookup(tenant)
}

// Org implements credential.Source.
func (e *datadogOAuth) Org(tenant string) (credential.Org, error) {
	grants := e.grants.Load()
	if grants == nil {
		return credential.Org{}, credential.ErrNotReady
	}
	return grants.Org(tenant)
}

// Refused implements credential.Source.
func (e *datadogOAuth) Refused(tenant string, generation uint64) {
	if grants := e.grants.Load(); grants != nil {
		grants.Refused(tenant, generation)
	}
}

// Bearer implements credential.Source.
func (e *datadogOAuth) Bearer(tenant string, base http.RoundTripper) http.RoundTripper {
	if grants := e.grants.Load(); grants != nil {
		return grants.Bearer(tenant, base)
	}
	return notStarted{}
}

// Changes implements credential.Source.
func (e *datadogOAuth) Changes() <-chan struct{} {
	if grants := e.grants.Load(); grants != nil {
		return grants.Changes()
	}
	return e.never
}

// observer turns what happens to grants into metrics and the component's status.
func (e *datadogOAuth) observer(host component.Host) grant.Observer {
	return grant.Observer{
		Refreshed: func(ctx context.Context, outcome string) {
			e.telemetry.DatadogoauthRefreshes.Add(ctx, 1, byOutcome(outcome))
		},
		Minted: func(ctx context.Context, outcome string) {
			e.telemetry.DatadogoauthMints.Add(ctx, 1, byOutcome(outcome))
		},
		Revoked: func(ctx context.Context, outcome string) {
			e.telemetry.DatadogoauthRevocations.Add(ctx, 1, byOutcome(outcome))
		},
		Abandoned: func(ctx context.Context, n int) {
			e.telemetry.DatadogoauthFlows.Add(ctx, int64(n), byOutcome("abandoned"))
		},
		Trouble: func(err error) {
			if err == nil {
				componentstatus.ReportStatus(host, componentstatus.NewEvent(componentstatus.StatusOK))
				return
			}
			componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(err))
		},
	}
}

func observeTenants(grants *grant.Service) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		if !grants.Ready() {
			return nil
		}
		for state, n := range grants.Counts() {
			o.Observe(int64(n), byState(state))
		}
		return nil
	}
}

// observeStoreFaults does not wait for the store: one that cannot be read at the start is a fault, and so is one that cannot be written later.
func observeStoreFaults(grants *grant.Service) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		n := int64(0)
		if grants.StoreFault() != "" || grants.WriteFault() != "" {
			n = 1
		}
		o.Observe(n)
		return nil
	}
}

// notStarted stands in for a round tripper that was asked for too early.
type notStarted struct{}

func (notStarted) RoundTrip(req *http.Request) (*http.Response, error) {
	closeBody(req)
	return nil, credential.ErrNotReady
}
