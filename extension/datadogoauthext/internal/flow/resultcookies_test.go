package flow_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

func TestABrowserKeepsItsNewestResults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	results := func() (n int) {
		for name := range cookies(w.browser) {
			if strings.HasPrefix(name, "__Host-datadogoauth-result-") {
				n++
			}
		}
		return n
	}
	w.browser.Jar.SetCookies(&url.URL{Scheme: "https", Host: "connect.partner.example"}, []*http.Cookie{
		{Name: "__Host-datadogoauth-result-000000000000", Value: "rubbish", Path: "/", Secure: true},
		{Name: "another", Value: "x", Path: "/", Secure: true},
	})
	first := w.keyInTheWay(w.link("acme"))
	addresses := []string{first}
	for range 4 {
		w.Clock.Advance(5 * time.Second)
		q := w.consent(w.press(w.browser, w.link("globex")), us3(t), granttest.OrgA)
		q.Set("error", "access_denied")
		resp, _ := w.comeBack(w.browser, q)
		require.Equal(t, http.StatusSeeOther, resp.StatusCode)
		addresses = append(addresses, w.location(resp).String())
		if len(addresses) == 3 { // a page that is tried again is new
			resp, _ = w.tryAgain(w.browser, first)
			require.Equal(t, http.StatusConflict, resp.StatusCode)
		}
	}
	assert.Equal(t, 3, results())
	assert.Contains(t, cookies(w.browser), "another")
	for i, there := range []bool{true, false, false, true, true} {
		_, text := w.get(w.browser, addresses[i])
		assert.Equal(t, there, !strings.Contains(text, "This page is over"), "the page of attempt %d", i)
	}
}
