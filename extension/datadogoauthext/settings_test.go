package datadogoauthext

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
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

// An operator's orders, and those that are refused, are in the audit under the token's name.
func TestOrdersAreAudited(t *testing.T) {
	f := connected(t)
	cfg := configOf(t, f)
	startReady(t, cfg)
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
