package datadogoauthext

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/metadata"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const adminToken = "0123456789abcdef0123456789abcdef-admin"

// configOf is a config on the files of a fixture, with both listeners on free ports.
func configOf(t *testing.T, f *granttest.Fixture) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Clients = map[string]ClientConfig{"main": {ClientID: granttest.ClientID, ClientSecretFile: f.SecretFile, Stage: "published", RedirectURL: granttest.RedirectURL}}
	cfg.Store.Path = f.StorePath()
	cfg.Seal = SealConfig{TokensKeysetFile: f.TokensKeyset(), KeysKeysetFile: f.KeysKeyset()}
	token := filepath.Join(f.Dir, "admin")
	require.NoError(t, os.WriteFile(token, []byte(adminToken), 0o600))
	cfg.Flow = configoptional.Some(FlowConfig{
		Listener: listenerDefaults(free(t), flowWriteTimeout), PublicURL: "https://connect.partner.example", PartnerName: "Partner",
	})
	cfg.Admin = configoptional.Some(AdminConfig{
		Listener: listenerDefaults(free(t), time.Minute), Tokens: []AdminTokenConfig{{Name: "ops", Role: "operate", File: token}}, SessionLifetime: time.Hour,
	})
	require.NoError(t, cfg.Validate())
	return cfg
}

// free is an address that nobody listens on a moment ago.
func free(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().String()
}

func unstarted(t *testing.T, cfg *Config) *datadogOAuth {
	e, err := newExtension(cfg, extensiontest.NewNopSettings(metadata.Type))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return e
}

// startReady starts an extension and waits for its grants.
func startReady(t *testing.T, cfg *Config) *datadogOAuth {
	e := unstarted(t, cfg)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	require.Eventually(t, e.grants.Load().Ready, 10*time.Second, time.Millisecond)
	return e
}

// connected is a fixture whose tenant acme is connected to EU1.
func connected(t *testing.T) *granttest.Fixture {
	f := granttest.NewFixture(t)
	s := f.Start()
	eu, _ := site.ByDomain("datadoghq.eu")
	_, err := f.Connect(s, "acme", eu, granttest.OrgA)
	require.NoError(t, err)
	f.Stop(s, f.Store().(*store.Bolt))
	return f
}

func TestLifecycle(t *testing.T) {
	f := connected(t)
	cfg := configOf(t, f)
	e := unstarted(t, cfg)
	_, err := e.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrNotReady)
	select {
	case <-e.Changes():
		t.Fatal("nothing changed yet")
	default:
	}
	e = startReady(t, cfg)
	_, err = e.Lookup("acme")
	require.NoError(t, err)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = e.Lookup("acme") }))

	admin := "http://" + cfg.Admin.Get().Listener.NetAddr.Endpoint
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, admin+"/v1/invitations", strings.NewReader(`{"tenant":"newcomer"}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Header.Set("Content-Type", "application/json")
	answer := fetch(t, req, http.StatusCreated)
	_, path, ok := strings.Cut(answer, "https://connect.partner.example")
	require.True(t, ok, answer)
	path, _, _ = strings.Cut(path, `"`)
	req, err = http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+cfg.Flow.Get().Listener.NetAddr.Endpoint+path, nil)
	require.NoError(t, err)
	assert.Contains(t, fetch(t, req, http.StatusOK), "newcomer")
	req, err = http.NewRequestWithContext(t.Context(), http.MethodGet, admin+"/v1/tenants", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+adminToken)
	status := fetch(t, req, http.StatusOK)
	for _, field := range []string{
		`"stage":"published"`, `"app_origin":"https://app.datadoghq.eu"`, `"callback_domain":"datadoghq.eu"`, `"scopes":["api_keys_write","events_read"]`,
		`"expires_at":"2`, `"refreshed_at":"2`, `"minted_at":"2`, `"name":"`,
	} {
		assert.Contains(t, status, field)
	}

	require.NoError(t, e.Shutdown(t.Context()))
	require.NoError(t, e.Shutdown(t.Context()))
	e = startReady(t, cfg) // the same files, the same ports
	_, err = e.Lookup("acme")
	require.NoError(t, err)
}

func fetch(t *testing.T, req *http.Request, status int) string {
	t.Helper()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, status, resp.StatusCode, "%s", body)
	return string(body)
}

func TestStartNamesTheKeyAndTheFile(t *testing.T) {
	cases := map[string]struct {
		spoil func(t *testing.T, f *granttest.Fixture, cfg *Config)
		says  []string
	}{
		"secret missing": {func(t *testing.T, f *granttest.Fixture, _ *Config) { require.NoError(t, os.Remove(f.SecretFile)) },
			[]string{"clients::main::client_secret_file", "/secret", "does not exist"}},
		"secret empty": {func(t *testing.T, f *granttest.Fixture, _ *Config) {
			require.NoError(t, os.WriteFile(f.SecretFile, []byte(" \n"), 0o600))
		}, []string{"clients::main::client_secret_file", "is empty"}},
		"secret is a directory": {func(_ *testing.T, f *granttest.Fixture, cfg *Config) {
			c := cfg.Clients["main"]
			c.ClientSecretFile = f.Dir
			cfg.Clients["main"] = c
		}, []string{"clients::main::client_secret_file", "directory"}},
		"keyset missing": {func(t *testing.T, f *granttest.Fixture, _ *Config) { require.NoError(t, os.Remove(f.KeysKeyset())) },
			[]string{"seal::keys_keyset_file", "keys.json", "datadogoauthctl keyset create"}},
		"one keyset under two names": {func(t *testing.T, f *granttest.Fixture, _ *Config) {
			raw, err := os.ReadFile(f.TokensKeyset())
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(f.KeysKeyset(), raw, 0o600))
			require.NoError(t, os.Remove(f.StorePath()))
		}, []string{"seal::keys_keyset_file", "keys.json", "same key", "datadogoauthctl keyset create"}},
		"another keyset": {func(t *testing.T, f *granttest.Fixture, cfg *Config) {
			cfg.Seal.KeysKeysetFile = filepath.Join(f.Dir, "other.json")
			require.NoError(t, seal.CreateFile(cfg.Seal.KeysKeysetFile))
		}, []string{"seal::keys_keyset_file", "another keyset"}},
		"foreign store": {func(t *testing.T, f *granttest.Fixture, _ *Config) {
			require.NoError(t, os.WriteFile(f.StorePath(), bytes.Repeat([]byte("not a store "), 10000), 0o600))
		}, []string{"store::path", "not a store of this program"}},
		"store in use": {func(t *testing.T, f *granttest.Fixture, _ *Config) {
			bolt, err := store.OpenBolt(f.StorePath(), store.BoltOptions{})
			require.NoError(t, err)
			t.Cleanup(func() { _ = bolt.Close() })
		}, []string{"store::path", "in use by another process"}},
		"flow port busy": {func(t *testing.T, _ *granttest.Fixture, cfg *Config) {
			busy(t, cfg.Flow.Get().Listener.NetAddr.Endpoint)
		}, []string{"flow::listener", "free address"}},
		"admin port busy": {func(t *testing.T, _ *granttest.Fixture, cfg *Config) {
			busy(t, cfg.Admin.Get().Listener.NetAddr.Endpoint)
		}, []string{"admin::listener", "free address"}},
		"certificate missing": {func(t *testing.T, _ *granttest.Fixture, cfg *Config) {
			cfg.Flow.Get().Listener.TLS = configoptional.Some(configtls.ServerConfig{Config: configtls.Config{CertFile: "/nowhere/tls.crt", KeyFile: "/nowhere/tls.key"}})
		}, []string{"flow::listener::tls", "/nowhere/tls.crt"}},
		"admin token too short": {func(t *testing.T, f *granttest.Fixture, _ *Config) {
			require.NoError(t, os.WriteFile(filepath.Join(f.Dir, "admin"), []byte("short"), 0o600))
		}, []string{"admin::tokens", "ops"}},
		"ticket key missing": {func(_ *testing.T, _ *granttest.Fixture, cfg *Config) {
			cfg.Flow.Get().Tickets = configoptional.Some(TicketsConfig{
				LoginURL: "https://app.partner.example/login", Issuer: "i", Audience: "a", Algorithm: "ES256", Keys: []TicketKeyConfig{{File: "/nowhere/login.pem"}},
			})
		}, []string{"flow: tickets: keys: ", "/nowhere/login.pem"}},
		"connection string missing": {func(_ *testing.T, _ *granttest.Fixture, cfg *Config) {
			cfg.Store = StoreConfig{Postgres: configoptional.Some(PostgresConfig{DSNFile: "/nowhere/dsn", MaxConnections: 1})}
		}, []string{"store::postgres::dsn_file", "/nowhere/dsn"}},
		"ca file missing": {func(_ *testing.T, _ *granttest.Fixture, cfg *Config) { cfg.HTTP.TLS.CAFile = "/nowhere/ca.pem" }, []string{"http: ", "/nowhere/ca.pem"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := granttest.NewFixture(t)
			require.NoError(t, startReady(t, configOf(t, f)).Shutdown(t.Context())) // writes the canaries
			cfg := configOf(t, f)
			tc.spoil(t, f, cfg)
			err := unstarted(t, cfg).Start(t.Context(), componenttest.NewNopHost())
			require.Error(t, err)
			for _, text := range tc.says {
				assert.ErrorContains(t, err, text)
			}
			assert.NotContains(t, err.Error(), granttest.Secret)
		})
	}
}

func busy(t *testing.T, addr string) {
	ln, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
}

func TestRFC9700_HTTPClientSendsToTheTenantsSiteOnly(t *testing.T) {
	f := connected(t)
	cfg := configOf(t, f)
	cfg.Auth.Tenant = "acme"
	e := startReady(t, cfg)
	base := f.Datadog.Client().Transport.(*http.Transport)
	t.Cleanup(base.CloseIdleConnections)
	rt, err := e.RoundTripper(base)
	require.NoError(t, err)
	before := len(f.Datadog.Calls(""))
	send := func(url string) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("body"))
		require.NoError(t, err)
		// The client of a stock exporter follows redirects; what is refused here it cannot follow.
		resp, err := (&http.Client{Transport: rt}).Do(req)
		if resp != nil {
			_ = resp.Body.Close()
		}
		assert.Empty(t, req.Header.Get("DD-API-KEY"), "the caller's request stays as it was")
		return err
	}
	for _, url := range []string{
		"https://otlp.datadoghq.com/v1/logs", "http://otlp.datadoghq.eu/v1/logs", "https://evil.example/v1/logs", "https://otlp.datadoghq.eu:8443/v1/logs",
	} {
		require.Error(t, send(url), url)
	}
	assert.Len(t, f.Datadog.Calls(""), before, "not one request went out")

	f.Datadog.Answer("/v1/logs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://evil.example/v1/logs", http.StatusTemporaryRedirect)
	})
	require.ErrorContains(t, send("https://otlp.datadoghq.eu/v1/logs"), "307")
	calls := f.Datadog.Calls("")[before:]
	require.Len(t, calls, 1, "the next hop got nothing")
	assert.Equal(t, "otlp.datadoghq.eu", calls[0].Host)
	assert.Len(t, calls[0].Header.Get("DD-API-KEY"), 32)

	f.Datadog.Answer("/v1/logs", granttest.Status(202, ""))
	require.NoError(t, send("https://otlp.datadoghq.eu/v1/logs"))
}

func TestHTTPClientTakesTheTenantFromTheMetadata(t *testing.T) {
	f := connected(t)
	cfg := configOf(t, f)
	cfg.Auth.MetadataKey = "X-Tenant"
	e := startReady(t, cfg)
	base := f.Datadog.Client().Transport.(*http.Transport)
	t.Cleanup(base.CloseIdleConnections)
	rt, err := e.RoundTripper(base)
	require.NoError(t, err)
	send := func(values ...string) error {
		ctx := client.NewContext(t.Context(), client.Info{Metadata: client.NewMetadata(map[string][]string{"x-tenant": values})})
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://otlp.datadoghq.eu/v1/logs", nil)
		require.NoError(t, err)
		resp, err := rt.RoundTrip(req)
		if resp != nil {
			_ = resp.Body.Close()
		}
		return err
	}
	require.NoError(t, send("acme"))
	err = send("nobody")
	require.ErrorIs(t, err, credential.ErrUnknownTenant)
	require.ErrorContains(t, err, "tenant nobody")
	for _, name := range []string{"", "nobody\nacme", strings.Repeat("x", 300)} {
		err = send(name)
		require.ErrorContains(t, err, "X-Tenant: tenant: must")
		assert.NotContains(t, err.Error(), "nobody")
	}
	require.ErrorContains(t, send(), "include_metadata")
	require.ErrorContains(t, send("acme", "nobody"), "several")
}

func TestHTTPClientNamesTheTenantOfANetworkError(t *testing.T) {
	f := connected(t)
	cfg := configOf(t, f)
	cfg.Auth.Tenant = "acme"
	e := startReady(t, cfg)
	for _, header := range []string{headerAPIKey, headerBearer} {
		e.cfg.Auth.Header = header
		base := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }}
		rt, err := e.RoundTripper(base)
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.datadoghq.eu/api/v2/series", nil)
		require.NoError(t, err)
		resp, err := rt.RoundTrip(req)
		if resp != nil {
			_ = resp.Body.Close()
		}
		require.ErrorIs(t, err, net.ErrClosed)
		require.ErrorContains(t, err, "tenant acme")
	}
}

func TestSecretFilesThatOthersCanReadAreNamedAtStart(t *testing.T) {
	f := granttest.NewFixture(t)
	cfg := configOf(t, f)
	core, logs := observer.New(zap.WarnLevel)
	start := func() {
		set := extensiontest.NewNopSettings(metadata.Type)
		set.Logger = zap.New(core)
		e, err := newExtension(cfg, set)
		require.NoError(t, err)
		require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, e.Shutdown(t.Context()))
	}
	start()
	assert.Zero(t, logs.FilterFieldKey("mode").Len())
	token := cfg.Admin.Get().Tokens[0].File
	require.NoError(t, os.Chmod(f.SecretFile, 0o644))
	require.NoError(t, os.Chmod(token, 0o604))
	start()
	for key, file := range map[string]string{"clients::main::client_secret_file": f.SecretFile, "admin::tokens::0::file": token} {
		warned := logs.FilterField(zap.String("key", key)).FilterField(zap.String("file", file)).FilterMessageSnippet("chmod 600")
		assert.Equal(t, 1, warned.Len(), key)
	}
}

func TestHTTPClientWithBearerReachesTheAPIOnly(t *testing.T) {
	f := connected(t)
	cfg := configOf(t, f)
	cfg.Auth = AuthConfig{Tenant: "acme", Header: headerBearer}
	e := startReady(t, cfg)
	base := f.Datadog.Client().Transport.(*http.Transport)
	t.Cleanup(base.CloseIdleConnections)
	rt, err := e.RoundTripper(base)
	require.NoError(t, err)
	for url, good := range map[string]bool{"https://api.datadoghq.eu/api/v2/current_user": true, "https://otlp.datadoghq.eu/v1/logs": false} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		resp, err := rt.RoundTrip(req)
		if good {
			require.NoError(t, err)
			assert.Equal(t, 200, resp.StatusCode)
			_ = resp.Body.Close()
		} else {
			require.Error(t, err)
		}
	}
}

// middleware is what confighttp puts around a transport before it asks for the authenticator.
type middleware struct{ http.RoundTripper }

func TestHTTPClientSendsThroughNoMiddleware(t *testing.T) {
	f := granttest.NewFixture(t)
	cfg := configOf(t, f)
	cfg.Auth.Tenant = "acme"
	e := unstarted(t, cfg)
	_, err := e.RoundTripper(middleware{&http.Transport{}})
	require.ErrorContains(t, err, "remove middlewares")

	exporter := confighttp.NewDefaultClientConfig() // all else that an exporter may set comes before the authenticator
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"auth": map[string]any{"authenticator": e.set.ID.String()}, "compression": "gzip", "headers": map[string]any{"dd-otel-metric-config": "{}"}, "cookies": map[string]any{},
	}).Unmarshal(&exporter))
	_, err = exporter.ToClient(t.Context(), map[component.ID]component.Component{e.set.ID: e}, componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
}

func TestHTTPClientWithoutATenantIsRefusedAtStart(t *testing.T) {
	f := granttest.NewFixture(t)
	_, err := unstarted(t, configOf(t, f)).RoundTripper(http.DefaultTransport)
	require.ErrorContains(t, err, "auth::tenant")
}

func TestStartNeedsNoNetwork(t *testing.T) {
	f := connected(t)
	f.Datadog.Close()
	cfg := configOf(t, f)
	cfg.HTTP.ProxyURL = "http://127.0.0.1:1"
	e := startReady(t, cfg)
	_, err := e.Lookup("acme")
	require.NoError(t, err)
}
