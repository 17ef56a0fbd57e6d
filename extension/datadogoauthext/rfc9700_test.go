package datadogoauthext

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/metadata"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// RFC 9700 §2.6: no setting lets anybody else than Datadog see what is sent, or read what browsers send.
func TestRFC9700_VerificationCannotBeSwitchedOff(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]any{
		"http::tls::insecure_skip_verify":             true,
		"http::tls::insecure":                         true,
		"http::tls::server_name_override":             "evil.example",
		"http::tls::min_version":                      "1.0",
		"http::tls::min_version ":                     "1.1",
		"flow::listener::tls::min_version":            "1.1",
		"admin::listener::tls::min_version":           "1.0",
		"http::endpoint":                              "https://evil.example",
		"http::middlewares":                           []any{map[string]any{"id": "spy"}},
		"http::headers":                               map[string]any{"X-Forwarded-Host": "evil.example"},
		"flow::public_url":                            "http://connect.example.com",
		"clients::main::redirect_url":                 "http://connect.example.com/callback",
		"clients::main::redirect_url with a wildcard": "https://*.example.com/callback",
		"flow::tickets::login_url":                    "http://app.example.com/login",
	} {
		path := strings.Fields(key)[0]
		conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
		require.NoError(t, err)
		require.NoError(t, load(t, conf).Validate(), "as it is")
		require.NoError(t, conf.Merge(confmap.NewFromStringMap(map[string]any{path: value})))
		require.ErrorContains(t, load(t, conf).Validate(), path+": ", key)
	}
}

// A developer's machine is no exception: there is no setting for http, and with https it works as everywhere.
func TestRFC9700_DevelopmentUsesHTTPS(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"localhost:8443", "127.0.0.1:8443", "[::1]:8443"} {
		set := func(scheme, only string) error {
			conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
			require.NoError(t, err)
			changes := map[string]any{}
			for key, path := range map[string]string{
				"flow::public_url": "", "flow::tickets::login_url": "/login", "clients::main::redirect_url": "/callback", "clients::sandbox::redirect_url": "/sandbox/callback",
			} {
				changes[key] = "https://" + host + path
				if key == only {
					changes[key] = scheme + "://" + host + path
				}
			}
			require.NoError(t, conf.Merge(confmap.NewFromStringMap(changes)))
			return load(t, conf).Validate()
		}
		require.NoError(t, set("https", ""), host)
		for _, key := range []string{"flow::public_url", "flow::tickets::login_url", "clients::main::redirect_url", "clients::sandbox::redirect_url"} {
			require.ErrorContains(t, set("http", key), key+": ", host)
		}
	}
}

type spy struct{ http.RoundTripper }

// RFC 9700 §2.6: a stock exporter brings a transport of its own, and gets no credential for one that does not verify.
func TestRFC9700_StockExportersHaveToVerify(t *testing.T) {
	t.Parallel()
	cfg := configOf(t, granttest.NewFixture(t))
	cfg.Auth.Tenant = "acme"
	e := unstarted(t, cfg)
	for name, c := range map[string]*tls.Config{
		"verification off": {InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, //nolint:gosec // refused is what it is to be
		"TLS 1.1":          {MinVersion: tls.VersionTLS11},
		"TLS 1.0":          {MinVersion: tls.VersionTLS10},
	} {
		_, err := e.RoundTripper(&http.Transport{TLSClientConfig: c})
		require.ErrorContains(t, err, "tls::ca_file", name)
	}
	_, err := e.RoundTripper(spy{})
	require.ErrorContains(t, err, "middlewares", "what stands between the credential and the network")
	for name, c := range map[string]*tls.Config{"as configured by default": {MinVersion: tls.VersionTLS12}, "Go's default": {}, "none": nil} {
		rt, err := e.RoundTripper(&http.Transport{TLSClientConfig: c})
		require.NoError(t, err, name)
		assert.NotNil(t, rt, name)
	}
}

var startField = regexp.MustCompile(`name="start" value="([^"]+)"`)

// browserOf asks the public listener of a config, as its own pages do, and follows no redirect.
func browserOf(t *testing.T, cfg *Config) func(method, path string, form url.Values, cookies ...*http.Cookie) (*http.Response, string) {
	public := "http://" + cfg.Flow.Get().Listener.NetAddr.Endpoint
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(method, path string, form url.Values, cookies ...*http.Cookie) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, public+path, strings.NewReader(form.Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", cfg.Flow.Get().PublicURL)
		for _, c := range cookies {
			req.AddCookie(c)
		}
		resp, err := client.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, string(body)
	}
}

// Links, states and codes stand in the addresses that browsers ask for, and the client secret in a request of ours: none of it is in a span.
func TestRFC9700_NoSpanHoldsASecret(t *testing.T) {
	f := granttest.NewFixture(t)
	cfg := configOf(t, f)
	cfg.HTTP.ProxyURL = "http://127.0.0.1:1" // nobody; the spans of failed calls hold more than those of good ones
	tel := componenttest.NewTelemetry()
	set := extensiontest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	e, err := newExtension(cfg, set)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	require.Eventually(t, e.grants.Load().Ready, 10*time.Second, time.Millisecond)

	ask := browserOf(t, cfg)
	invitation, _, err := e.grants.Load().Invite(t.Context(), "acme", "", time.Hour, "test")
	require.NoError(t, err)
	_, page := ask(http.MethodGet, "/connect/"+invitation, nil)
	start := startField.FindStringSubmatch(page)
	require.NotNil(t, start, page)
	resp, page := ask(http.MethodPost, "/connect/"+invitation, url.Values{"start": {start[1]}})
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, page)
	to, err := resp.Location()
	require.NoError(t, err)
	state, code := to.Query().Get("state"), "a-code-0123456789abcdef"
	resp, page = ask(http.MethodGet, "/callback?"+url.Values{"state": {state}, "code": {code}, "domain": {"datadoghq.eu"}}.Encode(), nil, resp.Cookies()...)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, page)
	resp, page = ask(http.MethodGet, resp.Header.Get("Location"), nil, resp.Cookies()...)
	require.Equal(t, http.StatusBadGateway, resp.StatusCode, page)
	require.NoError(t, e.Shutdown(t.Context()))

	var spans strings.Builder
	for _, span := range tel.SpanRecorder.Ended() {
		fmt.Fprintf(&spans, "%s %v %v %v\n", span.Name(), span.Attributes(), span.Events(), span.Status())
	}
	require.NoError(t, tel.Shutdown(t.Context()))
	require.Contains(t, spans.String(), "api.datadoghq.eu", "calls of ours make spans")
	for _, secret := range []string{invitation, start[1], state, code, granttest.Secret} {
		assert.NotContains(t, spans.String(), secret)
	}
}

// A limit is there so that nobody fills the store: what it refuses leaves nothing in it, whether it is that of the address or of the tenant.
func TestRFC9700_WhatIsOverALimitIsNotWritten(t *testing.T) {
	for name, perMinute := range map[string]int{"of an address": 3, "of a tenant": 0} {
		t.Run(name, func(t *testing.T) {
			cfg := configOf(t, granttest.NewFixture(t))
			cfg.Flow.Get().RequestsPerMinute = &perMinute
			e := startReady(t, cfg)
			ask := browserOf(t, cfg)
			invitation, _, err := e.grants.Load().Invite(t.Context(), "acme", "", time.Hour, "test")
			require.NoError(t, err)
			_, page := ask(http.MethodGet, "/connect/"+invitation, nil)
			start := startField.FindStringSubmatch(page)
			require.NotNil(t, start, page)
			begun := 0
			for range 40 {
				resp, _ := ask(http.MethodPost, "/connect/"+invitation, url.Values{"start": {start[1]}})
				if resp.StatusCode == http.StatusSeeOther {
					begun++
					continue
				}
				require.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
				assert.Empty(t, resp.Cookies())
			}
			assert.Positive(t, begun)
			assert.Less(t, begun, 20)
			stored := 0
			require.NoError(t, e.stores[0].List(t.Context(), store.KindFlow, func(store.Record) error { stored++; return nil }))
			assert.Equal(t, begun, stored)
		})
	}
}
