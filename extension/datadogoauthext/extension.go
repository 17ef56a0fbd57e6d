package datadogoauthext

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

var (
	_ extension.Extension      = (*datadogOAuth)(nil)
	_ extensionauth.HTTPClient = (*datadogOAuth)(nil)
	_ credential.Source        = (*datadogOAuth)(nil)
)

type datadogOAuth struct {
	cfg       *Config
	set       extension.Settings
	telemetry *metadata.TelemetryBuilder

	grants  atomic.Pointer[grant.Service] // nil before Start
	store   store.Store
	servers []*server
	never   chan struct{} // never closed
}

func newExtension(cfg *Config, set extension.Settings) (*datadogOAuth, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &datadogOAuth{cfg: cfg, set: set, telemetry: builder, never: make(chan struct{})}, nil
}

// Start opens files, store and listeners, whose faults are the operator's, and leaves the grants to load in the
// background. It waits for no network.
func (e *datadogOAuth) Start(ctx context.Context, host component.Host) error {
	if err := e.start(ctx, host); err != nil {
		return errors.Join(err, e.Shutdown(ctx))
	}
	return nil
}

func (e *datadogOAuth) start(ctx context.Context, host component.Host) error {
	clients, err := e.clients()
	if err != nil {
		return err
	}
	tokens, keys, err := e.keysets()
	if err != nil {
		return err
	}
	calls, err := e.cfg.HTTP.ToClient(ctx, nil, e.set.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	bolt, err := store.OpenBolt(e.cfg.Store.Path, store.BoltOptions{})
	if err != nil {
		return fmt.Errorf("store::path: %w", err)
	}
	e.store = bolt
	if err := seal.Prove(ctx, e.store, "tokens", tokens); err != nil {
		return fmt.Errorf("seal::tokens_keyset_file: %w", err)
	}
	if err := seal.Prove(ctx, e.store, "keys", keys); err != nil {
		return fmt.Errorf("seal::keys_keyset_file: %w", err)
	}
	grants := grant.New(grant.Options{
		Store: e.store, Tokens: tokens, Keys: keys, Clients: clients, HTTP: calls, Logger: e.set.Logger,
		StopWithToken: e.cfg.StopWithoutToken, Observer: e.observer(host),
	})
	e.grants.Store(grants)
	if err := e.telemetry.RegisterDatadogoauthTenantsCallback(observeTenants(grants)); err != nil {
		return err
	}
	if err := e.listen(ctx, host, grants); err != nil {
		return err
	}
	grants.Start()
	return nil
}

// clients opens every secret file.
func (e *datadogOAuth) clients() ([]grant.ClientConfig, error) {
	var clients []grant.ClientConfig
	var errs []error
	for name, c := range e.cfg.Clients {
		secret, err := grant.OpenSecretFile(c.ClientSecretFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("clients::%s::client_secret_file: %w", name, err))
			continue
		}
		clients = append(clients, grant.ClientConfig{Name: name, ClientID: c.ClientID, Stage: c.Stage, RedirectURL: c.RedirectURL, Secret: secret})
	}
	return clients, errors.Join(errs...)
}

func (e *datadogOAuth) keysets() (tokens, keys *seal.Keyset, err error) {
	tokens, tokensErr := seal.Load(e.cfg.Seal.TokensKeysetFile)
	if tokensErr != nil {
		tokensErr = fmt.Errorf("seal::tokens_keyset_file: %w", tokensErr)
	}
	keys, keysErr := seal.Load(e.cfg.Seal.KeysKeysetFile)
	if keysErr != nil {
		keysErr = fmt.Errorf("seal::keys_keyset_file: %w", keysErr)
	}
	return tokens, keys, errors.Join(tokensErr, keysErr)
}

// Shutdown ends what Start began, in reverse: no new consents, those under way to their end, then the grants, then the
// store. It may come without Start, and twice.
func (e *datadogOAuth) Shutdown(ctx context.Context) error {
	var errs []error
	for _, s := range e.servers {
		errs = append(errs, s.shutdown(ctx))
	}
	e.servers = nil
	if grants := e.grants.Load(); grants != nil {
		errs = append(errs, grants.Close(ctx))
	}
	if e.store != nil {
		errs = append(errs, e.store.Close())
		e.store = nil
	}
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

// notStarted stands in for a round tripper that was asked for too early.
type notStarted struct{}

func (notStarted) RoundTrip(req *http.Request) (*http.Response, error) {
	closeBody(req)
	return nil, credential.ErrNotReady
}
