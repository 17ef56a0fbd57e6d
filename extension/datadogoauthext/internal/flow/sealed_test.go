package flow_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
)

func (w *world) sealer() flow.KeysetSealer {
	keyset, err := seal.Load(w.TokensKeyset())
	require.NoError(w.t, err)
	return flow.NewSealer(keyset)
}

func TestASealedValueServesItsPurposeOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.sealer()
	text, err := s.Seal("start", []byte("plain"))
	require.NoError(t, err)
	assert.NotContains(t, text, "plain")
	plain, err := s.Open("start", text)
	require.NoError(t, err)
	assert.Equal(t, "plain", string(plain))
	_, err = s.Open("flow", text)
	require.ErrorIs(t, err, seal.ErrSealed)
	keys, err := seal.Load(w.KeysKeyset())
	require.NoError(t, err)
	_, err = flow.NewSealer(keys).Open("start", text)
	require.ErrorIs(t, err, seal.ErrSealed)
	for _, bad := range []string{"", "A", "%%%", text + "=", text[:len(text)-4], strings.Repeat("A", 5000)} {
		_, err = s.Open("start", bad)
		require.Error(t, err, "%.20q", bad)
	}
}

// The cookie has to agree with the record of the consent, also where somebody could make such cookies.
func TestRFC9700_TheCookieHoldsStateTenantAndBrowser(t *testing.T) {
	t.Parallel()
	cases := map[string]func(state, plain string) string{
		"as it was": func(_, plain string) string { return plain },
		"another state": func(state, plain string) string {
			return strings.Replace(plain, grant.Hash(state), grant.Hash("other"), 1)
		},
		"other tenant": func(_, plain string) string { return strings.Replace(plain, "acme", "evil", 1) },
		"no browser":   func(_, plain string) string { return strings.Replace(plain, `"b":"`, `"x":"`, 1) },
	}
	for name, edit := range cases {
		w := newWorld(t)
		q := w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA)
		b := w.newBrowser()
		for _, c := range cookies(w.browser) {
			plain, err := w.sealer().Open("flow", c.Value)
			require.NoError(t, err)
			edited := edit(q.Get("state"), string(plain))
			assert.Equal(t, name == "as it was", edited == string(plain), name)
			c.Value, err = w.sealer().Seal("flow", []byte(edited))
			require.NoError(t, err)
			c.Path, c.Secure = "/", true
			b.Jar.SetCookies(&url.URL{Scheme: "https", Host: "connect.partner.example"}, []*http.Cookie{c})
		}
		resp, _ := w.ends(b, q)
		assert.Equal(t, name == "as it was", resp.StatusCode == http.StatusOK, name)
		assert.Equal(t, name == "as it was", len(w.Datadog.Dials()) > 0, name)
	}
}

func TestAResultBelongsToItsAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.connect(w.browser, w.link("acme"), us3(t), granttest.OrgA)
	other := grant.NewSecret()
	for name, c := range cookies(w.browser) {
		if strings.HasPrefix(name, "__Host-datadogoauth-result-") {
			c.Name, c.Path, c.Secure = "__Host-datadogoauth-result-"+grant.Hash(other)[:12], "/", true
			w.browser.Jar.SetCookies(&url.URL{Scheme: "https", Host: "connect.partner.example"}, []*http.Cookie{c})
		}
	}
	_, page := w.get(w.browser, public+"/connected/"+other)
	assert.NotContains(t, page, "acme")
	assert.Contains(t, page, "You may now close this tab")
}
