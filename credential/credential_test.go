package credential_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const key = "0123456789abcdef0123456789abcdef"

func eu(t testing.TB) *credential.Credential {
	c, err := credential.New("acme", credential.Org{Client: "main", Site: "datadoghq.eu", ID: "org-1"}, key, 3, nil)
	require.NoError(t, err)
	return c
}

func TestFormattingNeverShowsTheKey(t *testing.T) {
	t.Parallel()
	c := eu(t)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10v", "%p"} {
		fmt.Fprintf(&out, verb, c)
		fmt.Fprintf(&out, verb, *c)
		fmt.Fprintf(&out, verb, []*credential.Credential{c})
		fmt.Fprintf(&out, verb, struct{ C *credential.Credential }{c})
	}
	text, err := json.Marshal(map[string]any{"credential": c})
	require.NoError(t, err)
	out.Write(text)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "cred", c)
	shown := strings.ToLower(out.String())
	for _, form := range []string{key, hex.EncodeToString([]byte(key)), base64.StdEncoding.EncodeToString([]byte(key))} {
		for i := 0; i+12 <= len(form); i++ {
			require.NotContains(t, shown, strings.ToLower(form[i:i+12]))
		}
	}
}

func TestNewRequestGoesToTheTenantsSite(t *testing.T) {
	t.Parallel()
	c := eu(t)
	for _, h := range []site.Host{site.HostAPI, site.HostLogs, site.HostTraces, site.HostOTLP, site.HostEvents, site.HostSpans} {
		req, err := c.NewRequest(t.Context(), site.Endpoints{}, http.MethodPost, h, "/x", nil)
		require.NoError(t, err)
		assert.Equal(t, "https", req.URL.Scheme)
		assert.True(t, c.Site().Owns(req.URL.Hostname()), req.URL.Hostname())
		assert.Equal(t, key, req.Header.Get("DD-API-KEY"))
	}
}

func TestAuthorizeRefusesWhateverIsNotTheTenantsSite(t *testing.T) {
	t.Parallel()
	c := eu(t)
	for _, url := range []string{
		"http://otlp.datadoghq.eu/v1/logs", "https://otlp.datadoghq.com/v1/logs", "https://otlp.datadoghq.eu:8443/v1/logs", "https://evil.example/", "https://otlp.datadoghq.eu.evil.example/",
		"https://otlp.datadoghq.eu@evil.example/", "https://app.datadoghq.eu/", "https://127.0.0.1/", "https://bigcorp.datadoghq.eu/", "https://otlp.datadoghq.eu./",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
		require.NoError(t, err)
		require.Error(t, c.Authorize(req), url)
		assert.Empty(t, req.Header, url)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://otlp.datadoghq.eu/v1/logs", nil)
	require.NoError(t, err)
	req.Host = "evil.example"
	require.Error(t, c.Authorize(req))
	assert.Empty(t, req.Header)
	for _, url := range []string{"https://otlp.datadoghq.eu/v1/logs", "https://otlp.datadoghq.eu:443/v1/logs", "https://http-intake.logs.datadoghq.eu/api/v2/logs"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
		require.NoError(t, err)
		require.NoError(t, c.Authorize(req))
		assert.Equal(t, key, req.Header.Get("DD-API-KEY"))
	}
}

func TestNewRefusesAnUnknownSiteAndAnEmptyKey(t *testing.T) {
	t.Parallel()
	_, err := credential.New("acme", credential.Org{Site: "evil.example"}, key, 1, nil)
	require.ErrorIs(t, err, site.ErrUnknown)
	_, err = credential.New("acme", credential.Org{Site: "datadoghq.eu"}, "", 1, nil)
	require.ErrorIs(t, err, credential.ErrKeyMissing)
}

func TestFresh(t *testing.T) {
	t.Parallel()
	assert.False(t, eu(t).Fresh())
	young := true
	c, err := credential.New("acme", credential.Org{Site: "datadoghq.eu"}, key, 1, func() bool { return young })
	require.NoError(t, err)
	assert.True(t, c.Fresh())
	young = false
	assert.False(t, c.Fresh())
}
