package datadogoauthext

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
)

// listen opens the configured listeners, the public one first: the admin listener makes links to it.
func (e *datadogOAuth) listen(ctx context.Context, host component.Host, grants *grant.Service, opts grant.Options) error {
	e.warnExposed()
	var pages *flow.Flow
	var tests *checks
	publicURL := ""
	if cfg := e.cfg.Flow.Get(); cfg != nil {
		var err error
		if pages, err = e.newFlow(cfg, grants, opts.Tokens); err != nil {
			return fmt.Errorf("flow: %w", err)
		}
		handler, err := pages.Handler()
		if err != nil {
			return fmt.Errorf("flow: %w", err)
		}
		if err := e.serve(ctx, host, "flow::listener", cfg.Listener, handler); err != nil {
			return err
		}
		publicURL = cfg.PublicURL
		if tests, err = e.newChecks(grants, pages, publicURL, opts.HTTP); err != nil {
			return fmt.Errorf("flow: %w", err)
		}
	}
	if cfg := e.cfg.Admin.Get(); cfg != nil {
		a := admin.New(admin.Options{
			Grants: adminGrants{grants: grants, refusals: &e.refusals, sends: &e.sends, store: opts.Store, checks: tests, flow: pages, client: e.inviteClient(), clients: slices.Sorted(maps.Keys(e.cfg.Clients)), logger: e.set.Logger}, Tokens: cfg.tokens(), Logger: e.set.Logger,
			PublicURL: publicURL, Endpoint: cfg.Listener.NetAddr.Endpoint, Hosts: cfg.Hosts,
			SessionLifetime: cfg.SessionLifetime, RequestsPerMinute: cfg.RequestsPerMinute,
		})
		if err := a.CheckTokens(); err != nil {
			return fmt.Errorf("admin::tokens: %w", err)
		}
		if err := e.serve(ctx, host, "admin::listener", cfg.Listener, a.Handler()); err != nil {
			return err
		}
	}
	return nil
}

func (e *datadogOAuth) newFlow(cfg *FlowConfig, grants *grant.Service, tokens *seal.Keyset) (*flow.Flow, error) {
	clients := make(map[string]flow.Client, len(e.cfg.Clients))
	for name, c := range e.cfg.Clients {
		clients[name] = flow.Client{ClientID: c.ClientID, Stage: c.Stage, RedirectURL: c.RedirectURL}
	}
	ticketClient, err := grants.ClientNamed(cfg.ticketClient())
	if err != nil {
		return nil, err
	}
	return flow.New(flow.Options{
		Grants: grants, Clients: clients, PublicURL: cfg.PublicURL, PartnerName: cfg.PartnerName, Support: cfg.Support, Logger: e.set.Logger,
		Sealer: flow.NewSealer(tokens), Tickets: cfg.tickets(ticketClient), PerAddress: cfg.perAddress(), Outcome: e.flowEnded,
	})
}

// tickets is nil where customers connect by links only. client is the one that they connect with.
func (f *FlowConfig) tickets(client string) *flow.TicketOptions {
	cfg := f.Tickets.Get()
	if cfg == nil {
		return nil
	}
	keys := make([]flow.TicketKey, len(cfg.Keys))
	for i, k := range cfg.Keys {
		keys[i] = flow.TicketKey{ID: k.ID, File: k.File}
	}
	return &flow.TicketOptions{
		LoginURL: cfg.LoginURL, Issuer: cfg.Issuer, Audience: cfg.Audience, Algorithm: cfg.Algorithm, Client: client, Keys: keys,
	}
}

func (e *datadogOAuth) flowEnded(ctx context.Context, outcome string) {
	e.telemetry.DatadogoauthFlows.Add(ctx, 1, byOutcome(outcome))
}

// inviteClient is the client that connect links are made for.
func (e *datadogOAuth) inviteClient() string {
	if cfg := e.cfg.Flow.Get(); cfg != nil {
		return cfg.Client
	}
	return ""
}

// server is one listener and the goroutine that serves it.
type server struct {
	http *http.Server
	done chan struct{} // closed when serving has ended
}

// serve opens a listener, so that a busy port fails the start, and serves it.
//
// Its requests make no spans: their paths and queries hold connect links, authorization codes and states, which a span
// would carry to wherever the collector's own traces go.
func (e *datadogOAuth) serve(ctx context.Context, host component.Host, key string, cfg confighttp.ServerConfig, handler http.Handler) error {
	quiet := e.set.TelemetrySettings
	quiet.TracerProvider = noop.NewTracerProvider()
	cfg = asSent(cfg)
	srv, err := cfg.ToServer(ctx, host.GetExtensions(), quiet, handler, confighttp.WithErrorHandler(refuseEncoded))
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if cert := cfg.TLS.Get(); cert != nil { // first, since ToListener leaves the port open when this fails
		if _, err := cert.LoadTLSConfig(ctx); err != nil {
			return fmt.Errorf("%s::tls: %w; name readable files that belong together", key, err)
		}
	}
	ln, err := cfg.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("%s: listen on %s: %w; set %s::endpoint to a free address", key, cfg.NetAddr.Endpoint, err, key)
	}
	s := &server{http: srv, done: make(chan struct{})}
	e.servers = append(e.servers, s)
	go s.run(host, key, ln)
	return nil
}

func (s *server) run(host component.Host, key string, ln net.Listener) {
	defer close(s.done)
	if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(fmt.Errorf("%s died: %w; restart the collector", key, err)))
	}
}

// shutdown lets requests end, or ends them when ctx does.
func (s *server) shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}
