package datadogoauthext

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

// Whatever the admin listener answers, the public one knows nothing of, with an operator's token too.
func TestThePublicListenerHasNothingOfTheAdminListener(t *testing.T) {
	f := granttest.NewFixture(t)
	cfg := configOf(t, f)
	startReady(t, cfg)
	routes := admin.New(admin.Options{}).Routes()
	require.Greater(t, len(routes), 20)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	status := func(base, method, path string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader("{}"))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+adminToken)
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		return resp.StatusCode
	}
	for _, r := range routes {
		path := strings.NewReplacer("{$}", "", "{tenant}", "acme", "{id}", "0123456789ab").Replace(r.Path)
		require.NotContains(t, path, "{")
		assert.Equal(t, http.StatusNotFound, status("http://"+cfg.Flow.Get().Listener.NetAddr.Endpoint, r.Method, path), "%s %s", r.Method, path)
	}
	assert.Equal(t, http.StatusOK, status("http://"+cfg.Admin.Get().Listener.NetAddr.Endpoint, http.MethodGet, "/v1/tenants"), "on the admin listener it is there")
}
