package datadogoauthext

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/metadata"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

func TestEverySettingIsComparedAndNoSecretShown(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	cfg := load(t, conf)
	cfg.HTTP.ProxyURL = "http://user:password@proxy.internal:3128"
	cfg.HTTP.TLS.CAPem = "-----BEGIN CERTIFICATE-----"
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte(" s3cret\n"), 0o600))
	main := cfg.Clients["main"]
	main.ClientSecretFile = secret
	cfg.Clients["main"] = main

	settings := (&datadogOAuth{cfg: cfg}).settings(nil, nil)()
	for name, want := range map[string]grant.Setting{
		"clients::main::client_id":                       {Value: "6c0a3a1e-0000-0000-0000-000000000000"},
		"clients::main::client_secret_file":              {Value: secret},
		"clients::main::client_secret_file (content)":    {Value: "s3cret", Secret: true},
		"clients::sandbox::client_secret_file (content)": {Secret: true, Unread: true},
		"flow::public_url":                               {Value: "https://connect.example.com/datadog"},
		"flow::requests_per_minute":                      {Value: "60"},
		"flow::tickets::keys::0::file":                   {Value: "/etc/otelcol-datadogoauth/login.pem"},
		"flow::tickets::keys::0::file (content)":         {Secret: true, Unread: true},
		"flow::listener::tls::key_file":                  {Value: "/etc/otelcol-datadogoauth/tls.key"},
		"admin::tokens::0::role":                         {Value: "operate"},
		"admin::tokens::0::file (content)":               {Secret: true, Unread: true},
		"admin::hosts::0":                                {Value: "admin.internal"},
		"http::timeout":                                  {Value: "20s"},
		"http::proxy_url":                                {Value: "http://user:password@proxy.internal:3128", Secret: true},
		"http::tls::ca_pem":                              {Value: "-----BEGIN CERTIFICATE-----", Secret: true},
		"audit::retention":                               {Value: "8760h0m0s"},
		"audit::max_records":                             {Value: "500000"},
		"stop_without_token":                             {Value: "true"},
		"seal::tokens_keyset_file (keys)":                {},
	} {
		assert.Equal(t, want, settings[name], name)
	}
	assert.Greater(t, len(settings), 40)
	for name, setting := range settings {
		if !setting.Secret {
			for _, secret := range []string{"s3cret", "password", "BEGIN", "REDACTED"} {
				assert.NotContains(t, setting.Value, secret, name)
			}
		}
	}
}

// A proxy's password is none of the audit's business, however its address is written.
func TestThePasswordOfAProxyIsASecret(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	for url, secret := range map[string]bool{
		"http://user:password@proxy:3128": true, "user:password@proxy:3128": true, "http://user:pass%zzword@proxy:3128": true, "http://proxy:3128": false,
	} {
		cfg.HTTP.ProxyURL = url
		assert.Equal(t, grant.Setting{Value: url, Secret: secret}, (&datadogOAuth{cfg: cfg}).settings(nil, nil)()["http::proxy_url"], url)
	}
	cfg.Flow = configoptional.Some(FlowConfig{Support: "mailto:help@partner.example"})
	assert.Equal(t, grant.Setting{Value: "mailto:help@partner.example"}, (&datadogOAuth{cfg: cfg}).settings(nil, nil)()["flow::support"])
}

func TestOpaqueSettingsOfListenersAreSecrets(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	l := listenerDefaults("localhost:1", 0)
	l.TLS = configoptional.Some(configtls.ServerConfig{Config: configtls.Config{KeyPem: "the-key"}})
	cfg.Flow, cfg.Admin = configoptional.Some(FlowConfig{Listener: l}), configoptional.Some(AdminConfig{Listener: l})
	settings := (&datadogOAuth{cfg: cfg}).settings(nil, nil)()
	for _, name := range []string{"flow::listener::tls::key_pem", "admin::listener::tls::key_pem"} {
		assert.Equal(t, grant.Setting{Value: "the-key", Secret: true}, settings[name], name)
	}
}

func TestAKeysetIsNamedByItsKeys(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	added, err := seal.Add(f.KeysKeyset())
	require.NoError(t, err)
	keyset, err := seal.Load(f.KeysKeyset())
	require.NoError(t, err)
	text := keysOf(keyset)
	assert.Regexp(t, `^\d+ \(primary\), \d+$`, text)
	assert.NotEqual(t, added, keyset.PrimaryID())
}

func TestTheAuditIsBounded(t *testing.T) {
	t.Parallel()
	cfg := configOf(t, granttest.NewFixture(t))
	cfg.Audit = AuditConfig{Retention: minAuditRetention - 1, MaxRecords: minAuditRecords - 1}
	err := cfg.Validate()
	require.ErrorContains(t, err, "audit::retention: must be 24h0m0s or more")
	require.ErrorContains(t, err, "audit::max_records: must be 1000 or more")
	cfg.Audit = AuditConfig{Retention: minAuditRetention, MaxRecords: minAuditRecords}
	require.NoError(t, cfg.Validate())
	sends := createDefaultConfig().(*Config)
	sends.Audit.MaxRecords++
	require.ErrorContains(t, sends.Validate(), "audit: without flow this collector changes nothing")
}

// awaitSettings says that the pipelines run, and waits for so many records of settings.
func awaitSettings(t *testing.T, e *datadogOAuth, cfg *Config, n int) (text string) {
	t.Helper()
	require.NoError(t, e.Ready())
	require.Eventually(t, func() bool {
		text = ask(t, cfg, http.MethodGet, "/v1/audit", "", http.StatusOK)
		return strings.Count(text, `"what":"settings `) == n
	}, 10*time.Second, 10*time.Millisecond)
	return text
}

// Settings of exporters are recorded with the extension's own, once all of them began; an exporter that is gone takes its settings along.
func TestSettingsOfExportersAreInTheAudit(t *testing.T) {
	cfg := configOf(t, connected(t))
	e := startReady(t, cfg)
	e.NoteSettings("exporters::datadogoauth", map[string]credential.Setting{
		"tenant::when_unknown": {Value: "reject"}, "http::proxy_url": {Value: "http://user:password@proxy", Secret: true},
	})
	e.grants.Load().SettingsKnown() // which they are not
	assert.NotContains(t, ask(t, cfg, http.MethodGet, "/v1/audit", "", http.StatusOK), `"what":"settings `)
	text := awaitSettings(t, e, cfg, 1)
	assert.Contains(t, text, `{"field":"exporters::datadogoauth::tenant::when_unknown","after":"reject"}`)
	assert.Contains(t, text, `{"field":"exporters::datadogoauth::http::proxy_url","after":"hmac:`)
	assert.Contains(t, text, `{"field":"flow::partner_name","after":"Partner"}`)
	assert.NotContains(t, text, "password")

	require.NoError(t, e.Shutdown(t.Context()))
	e = startReady(t, cfg)
	e.NoteSettings("exporters::datadogoauth", map[string]credential.Setting{"tenant::when_unknown": {Value: "park"}})
	text = awaitSettings(t, e, cfg, 2)
	assert.Contains(t, text, `{"field":"exporters::datadogoauth::tenant::when_unknown","before":"reject","after":"park"}`)

	require.NoError(t, e.Shutdown(t.Context()))
	text = awaitSettings(t, startReady(t, cfg), cfg, 3)
	assert.Contains(t, text, `"changes":[{"field":"exporters::datadogoauth::tenant::when_unknown","before":"park"}]`)
}

// A collector that only sends has no audit in a store: its log has the records of what happens to it.
func TestACollectorThatOnlySendsLogsItsRecords(t *testing.T) {
	f := connected(t)
	db := pgtest.Shared(t).Database(t)
	moved(t, f, db)
	cfg := sending(t, f, db.Sender)
	core, lines := observer.New(zap.InfoLevel)
	set := extensiontest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	e, err := newExtension(cfg, set)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	require.Eventually(t, e.grants.Load().Ready, 10*time.Second, time.Millisecond)
	e.NoteSettings("exporters::datadogoauth", map[string]credential.Setting{"tenant::when_unknown": {Value: "reject"}})
	require.NoError(t, e.Ready())
	audited := func() *observer.ObservedLogs { return lines.FilterLoggerName("audit") }
	require.Eventually(t, func() bool { return audited().Len() == 1 }, 10*time.Second, time.Millisecond)
	first := audited().All()[0].ContextMap()
	assert.Equal(t, "settings recorded", first["what"])
	text := fmt.Sprint(first["changes"])
	for _, want := range []string{"exporters::datadogoauth::tenant::when_unknown", "admin::tokens::0::role", "admin::tokens::0::file (content)"} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, adminToken)

	require.NoError(t, os.WriteFile(filepath.Join(f.Dir, "admin"), []byte("another-"+adminToken), 0o600))
	e.grants.Load().SettingsKnown()
	require.Eventually(t, func() bool { return audited().Len() == 2 }, 10*time.Second, time.Millisecond)
	second := audited().All()[1].ContextMap()
	assert.Equal(t, "settings changed", second["what"])
	assert.Equal(t, []any{map[string]any{"field": "admin::tokens::0::file (content)", "before": "a secret", "after": "a secret"}}, second["changes"])

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+cfg.Admin.Get().Listener.NetAddr.Endpoint+"/v1/tenants", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+adminToken)
	fetch(t, req, http.StatusUnauthorized)
	failed := audited().All()[2].ContextMap()
	assert.Equal(t, "login failed", failed["what"])
	assert.Equal(t, "unknown", failed["actor.kind"])
	assert.NotEmpty(t, failed["id"])
}

// An operator's orders, and those that are refused, are in the audit under the token's name.
func TestOrdersAreAudited(t *testing.T) {
	f := connected(t)
	cfg := configOf(t, f)
	awaitSettings(t, startReady(t, cfg), cfg, 1)
	ask(t, cfg, http.MethodPost, "/v1/tenants/acme/pause", `{"reason":"a test"}`, http.StatusOK)
	ask(t, cfg, http.MethodPost, "/v1/tenants/acme/change/confirm", `{"org_id":"x"}`, http.StatusConflict)
	ask(t, cfg, http.MethodPost, "/v1/invitations", `{"tenant":"acme","client":"nobody"}`, http.StatusUnprocessableEntity)
	ask(t, cfg, http.MethodPost, "/v1/quarantine/end", "", http.StatusConflict)
	ask(t, cfg, http.MethodGet, "/v1/audit?before=nothing", "", http.StatusUnprocessableEntity)
	text := ask(t, cfg, http.MethodGet, "/v1/audit", "", http.StatusOK)
	for _, want := range []string{
		`"what":"grant paused","actor":{"kind":"operator","name":"ops","via":"api"},"tenant":"acme"`,
		`"what":"order refused: confirm change","actor":{"kind":"operator","name":"ops","via":"api"},"tenant":"acme"`,
		`"what":"order refused: invite","actor":{"kind":"operator","name":"ops","via":"api"},"tenant":"acme"`,
		`"what":"order refused: end quarantine","actor":{"kind":"operator","name":"ops","via":"api"}`,
		`"what":"settings recorded","actor":{"kind":"program"}`,
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, adminToken)
	assert.NotContains(t, text, granttest.Secret)
	acme := ask(t, cfg, http.MethodGet, "/v1/audit?tenant=acme", "", http.StatusOK)
	assert.Equal(t, strings.Count(acme, `"id":`), strings.Count(acme, `"tenant":"acme"`)+strings.Count(acme, `"what":"key `))
}
