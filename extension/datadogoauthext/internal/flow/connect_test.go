package flow_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestACustomerConnects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.link("acme <1>")
	_, page := w.get(w.browser, link)
	assert.Contains(t, page, "acme &lt;1&gt;")
	assert.Contains(t, page, "Parts &amp; &lt;Co&gt;")
	assert.NotContains(t, page, "http-equiv")
	require.Empty(t, w.Datadog.Calls(""), "a page contacts nobody")

	to := w.press(w.browser, link+"?site=https://us3.datadoghq.com&domain=us3.datadoghq.com")
	assert.Equal(t, "https://us3.datadoghq.com/oauth2/v1/authorize", to.Scheme+"://"+to.Host+to.Path)
	params := w.consent(to, us3(t), granttest.OrgA)
	resp, _ := w.comeBack(w.browser, params)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	final := w.location(resp)
	assert.Regexp(t, `^https://connect\.partner\.example/connected/[A-Za-z0-9_-]{43}$`, final.String())
	for range 3 { // reloaded, at either collector
		resp, page = w.get(w.browser, final.String())
		assert.Equal(t, 200, resp.StatusCode)
		assert.Contains(t, page, "You may now close this tab")
		assert.Contains(t, page, "Org aaaa")
		assert.Contains(t, page, "acme &lt;1&gt;")
		assert.NotContains(t, page, "untrusted")
	}
	_, page = w.get(w.newBrowser(), final.String())
	assert.NotContains(t, page, "acme", "the page's address alone tells nobody anything")
	w.Clock.Advance(11 * time.Minute)
	_, page = w.get(w.browser, final.String())
	assert.Contains(t, page, "You may now close this tab")
	assert.NotContains(t, page, "acme")

	cred, err := w.grants.Lookup("acme <1>")
	require.NoError(t, err)
	assert.Equal(t, "us3.datadoghq.com", cred.Site().Domain())
	resp, _ = w.get(w.browser, link)
	assert.Equal(t, http.StatusNotFound, resp.StatusCode, "a completed connection consumes the invitation")
	assert.Equal(t, []string{"begun", "connected", "no_invitation"}, w.counted())
}

func TestTheCallbackDecidesTheSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	to := w.press(w.browser, w.link("acme")+"?site=https://bigcorp.datadoghq.com")
	assert.Equal(t, "bigcorp.datadoghq.com", to.Host)
	resp, _ := w.comeBack(w.browser, w.consent(to, us3(t), granttest.OrgA))
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	cred, err := w.grants.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, "us3.datadoghq.com", cred.Site().Domain())
	assert.Equal(t, "https://bigcorp.datadoghq.com", w.grants.Tenants()[0].AppOrigin)
}

func TestWhereAConsentBegins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.link("acme")
	for query, host := range map[string]string{
		"": "app.datadoghq.com", "?domain=us5.datadoghq.com": "us5.datadoghq.com", "?site=app.datadoghq.eu": "app.datadoghq.eu",
		"?site=https://bigcorp.datadoghq.com&domain=us3.datadoghq.com": "bigcorp.datadoghq.com", "?domain=US3.DataDogHQ.com": "us3.datadoghq.com",
	} {
		assert.Equal(t, host, w.press(w.browser, link+query).Host, query)
	}
}

func TestTwoTabsOfOneBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.press(w.browser, w.link("one"))
	second := w.press(w.browser, w.link("two"))
	for _, to := range []*url.URL{first, second} {
		resp, _ := w.comeBack(w.browser, w.consent(to, us3(t), granttest.OrgA))
		require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	}
	for _, tenant := range []string{"one", "two"} {
		_, err := w.grants.Lookup(tenant)
		require.NoError(t, err)
	}
}

func TestFailuresBehindTheCallback(t *testing.T) {
	t.Parallel()
	const token, org, mint = "/oauth2/v1/token", "/api/v2/current_user", "/api/v2/api_keys/marketplace"
	cases := map[string]struct {
		begins string // what the link names
		path   string
		answer http.HandlerFunc
		status int
		says   string
	}{
		"token 400": {"", token, granttest.Status(400, `{"error":"invalid_grant"}`), 502, "Open the connect link again"},
		"token 400, begun at the callback's site": {"?domain=us3.datadoghq.com", token, granttest.Status(400, `{"error":"invalid_grant"}`), 502, "used already"},
		"token 400, begun at another site": {
			"?domain=us5.datadoghq.com", token, granttest.Status(400, `{"error":"invalid_grant"}`), 502,
			"You began at US5 (us5.datadoghq.com), and Datadog answered for US3 (us3.datadoghq.com): the two may have been mixed up",
		},
		"token 400 of the verifier": {
			"", token, granttest.Status(400, `{"error":"invalid_request","error_description":"Invalid code or code verifier"}`), 502,
			"did not accept the authorization because of how this integration is set up",
		},
		"token 400 of the set-up, begun at another site": {
			"?domain=us5.datadoghq.com", token, granttest.Status(400, `{"error":"invalid_request"}`), 502, "because of how this integration is set up",
		},
		"token 503":       {"", token, granttest.Status(503, ``), 502, "in a few minutes"},
		"token 401":       {"", token, granttest.Status(401, ``), 503, "credentials"},
		"org 401":         {"", org, granttest.Status(401, `{"errors":["Unauthorized"]}`), 502, "did not say which organisation you connected"},
		"org 403":         {"", org, granttest.Status(403, `{"errors":["Forbidden","Failed permission authorization checks"]}`), 502, "did not say which organisation you connected"},
		"org without one": {"", org, granttest.Status(200, `{}`), 502, "did not say which organisation you connected"},
		"mint 403":        {"", mint, granttest.Status(403, ``), 502, "did not allow"},
		"mint 409":        {"", mint, granttest.Status(409, ``), 409, "https://us3.datadoghq.com/organization-settings/api-keys"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			link := w.link("acme")
			to := w.press(w.browser, link+tc.begins)
			w.Datadog.Answer(tc.path, tc.answer)
			q := w.consent(to, us3(t), granttest.OrgA)
			resp, page := w.ends(w.browser, q)
			assert.Equal(t, tc.status, resp.StatusCode)
			assert.Contains(t, page, tc.says)
			w.noSecrets(q.Get("code"), q.Get("state"), granttest.Secret)
			_, err := w.grants.Invitation(t.Context(), strings.TrimPrefix(link, public+"/connect/"))
			require.NoError(t, err, "the invitation is still good")
		})
	}
}

// Datadog's own credentials check is the first to notice; whoever comes after is told before they go there.
func TestCustomersOfARejectedClientAreToldBeforeTheyGoToDatadog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.link("acme")
	to := w.press(w.browser, link)
	w.Datadog.SetSecret("another secret, which the operator does not have yet")
	resp, page := w.ends(w.browser, w.consent(to, us3(t), granttest.OrgA))
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Contains(t, page, "credentials")
	resp, page = w.get(w.browser, link)
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Contains(t, page, "not possible at the moment")
	assert.NotRegexp(t, startField, page, "no button")
}

func TestAnAttackersOrgGetsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.connect(w.browser, w.link("acme"), us3(t), granttest.OrgA)
	before, err := w.grants.Lookup("acme")
	require.NoError(t, err)
	page := w.connect(w.newBrowser(), w.link("acme"), us3(t), granttest.OrgB)
	assert.Contains(t, page, "This account is connected to another Datadog organisation. Nothing was changed yet: <bdi>Parts &amp; &lt;Co&gt;</bdi> has to confirm the change.")
	assert.Contains(t, page, "You may now close this tab")
	assert.NotContains(t, page, "Org aaaa", "nor does the attacker learn which")
	after, err := w.grants.Lookup("acme")
	require.NoError(t, err)
	assert.Same(t, before, after)
	assert.Equal(t, []string{"begun", "connected", "begun", "change_pending"}, w.counted())
}

func TestBeforeTheGrantsAreLoadedNothingIsConsumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.link("acme")
	callback := granttest.RedirectURL + "?" + w.consent(w.press(w.browser, link), us3(t), granttest.OrgA).Encode()
	w.Stop(w.grants, w.Store().(*store.Bolt))
	w.server.Close()
	w.serve(w.New())
	for _, address := range []string{link, callback} {
		resp, page := w.get(w.browser, address)
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
		assert.NotEmpty(t, resp.Header.Get("Retry-After"))
		assert.Contains(t, page, "reload this page")
	}
	assert.Empty(t, w.Datadog.Calls(""))

	changed := w.grants.Changes()
	w.grants.Start()
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Fatal("the grants were not loaded")
	}
	resp, _ := w.get(w.browser, callback)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, "the state is still good")
	final := w.location(resp)

	w.server.Close()
	w.serve(w.grants) // as after a restart
	_, page := w.get(w.browser, final.String())
	assert.Contains(t, page, "You may now close this tab")
	assert.Contains(t, page, "Org aaaa")
	_, err := w.grants.Lookup("acme")
	require.NotErrorIs(t, err, credential.ErrUnknownTenant)
}

func TestUnknownLinksAndPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, status := range map[string]int{
		"/connect/nobody": 404, "/": 404, "/connected/nothing": 200, "/callback": 303, "/connect/": 404, "/ticket": 404, "/connect": 200,
		"/connect/" + strings.Repeat("x", 5000): 404, "/connect/request/x": 404,
	} {
		resp, page := w.get(w.browser, public+path)
		assert.Equal(t, status, resp.StatusCode, path)
		assert.Equal(t, path == "/connected/nothing", strings.Contains(page, "You may now close this tab"), path)
		assert.Equal(t, path == "/connect", strings.Contains(page, "open the connect link that you were sent"), path)
	}
}

func TestMethodsAndLongAddresses(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	link := strings.TrimPrefix(w.link("acme"), public)
	cases := []struct {
		method, path string
		status       int
	}{
		{"HEAD", "/callback?state=x", 405}, {"POST", "/callback?state=x", 405}, {"PUT", link, 405}, {"DELETE", "/connected/x", 405},
		{"HEAD", "/connect", 405}, {"POST", "/connect", 405}, {"HEAD", "/ticket?request_id=x&ticket=y", 405}, {"POST", "/ticket", 405},
		{"HEAD", link, 200}, {"HEAD", "/connected/x", 200}, {"GET", "/callback?state=x&x=" + strings.Repeat("a", 20_000), 303},
		{"POST", "/callback?x=" + strings.Repeat("a", 20_000), 414}, {"GET", "/connect?site=" + strings.Repeat("a", 20_000), 414}, {"GET", "/ticket?ticket=" + strings.Repeat("a", 20_000), 303},
	}
	for _, tc := range cases {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, public+tc.path, nil)
		require.NoError(t, err)
		resp, err := w.browser.Do(req)
		require.NoError(t, err)
		if tc.method == "HEAD" && tc.status == http.StatusOK { // which has the headers of a page that is not there
			_ = resp.Body.Close()
		} else {
			w.body(resp)
		}
		assert.Equal(t, tc.status, resp.StatusCode, "%s %.40s", tc.method, tc.path)
		if tc.status == http.StatusSeeOther {
			resp, text := w.get(w.browser, w.location(resp).String())
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
			assert.NotContains(t, resp.Request.URL.String(), "aaaa", "it leaves the address bar")
			assert.Contains(t, text, "could not be read")
		}
		assert.Equal(t, tc.status == 405, resp.Header.Get("Allow") != "", "%s %.40s", tc.method, tc.path)
	}
}

func TestAPageIsAllowedItsOwnStyle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	resp, page := w.get(w.browser, w.link("acme"))
	_, rest, ok := strings.Cut(page, "<style>")
	require.True(t, ok)
	css, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(css))
	assert.Contains(t, resp.Header.Get("Content-Security-Policy"), "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
}
