package flow_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const public = "https://connect.partner.example"

// world is a public listener with a browser in front and Datadog behind.
type world struct {
	*granttest.Fixture
	t        *testing.T
	grants   *grant.Service
	browser  *http.Client
	server   *httptest.Server
	logs     *observer.ObservedLogs
	pages    *flow.Flow
	mu       sync.Mutex // guards outcomes
	outcomes []string
}

func newWorld(t *testing.T) *world {
	core, logs := observer.New(zap.DebugLevel)
	w := &world{t: t, Fixture: granttest.NewFixture(t), logs: logs}
	w.Logger = zap.New(core)
	w.serve(w.Start())
	w.browser = w.newBrowser()
	return w
}

// serve puts the public listener in front of grants, in place of the one before.
func (w *world) serve(grants *grant.Service) {
	w.grants = grants
	pages, err := flow.New(flow.Options{
		Grants: w.grants, PublicURL: public, PartnerName: `Parts & <Co>`, Logger: w.Logger, Now: w.Clock.Now,
		Clients: map[string]flow.Client{"main": {ClientID: granttest.ClientID, Stage: "published", RedirectURL: granttest.RedirectURL}},
		Outcome: func(_ context.Context, o string) { w.mu.Lock(); w.outcomes = append(w.outcomes, o); w.mu.Unlock() },
	})
	require.NoError(w.t, err)
	w.pages = pages
	h, err := pages.Handler()
	require.NoError(w.t, err)
	w.server = httptest.NewTLSServer(h)
	w.t.Cleanup(w.server.Close)
}

// newBrowser keeps cookies, stays where it is, and finds the listener under its public name.
func (w *world) newBrowser() *http.Client {
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	return &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is httptest's
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, w.server.Listener.Addr().String())
			},
		},
	}
}

func (w *world) link(tenant string) string {
	secret, _, err := w.grants.Invite(w.t.Context(), tenant, "", time.Hour, "test")
	require.NoError(w.t, err)
	return w.pages.Link(secret)
}

func (w *world) get(b *http.Client, url string) (*http.Response, string) {
	w.t.Helper()
	resp, err := b.Get(url)
	require.NoError(w.t, err)
	return resp, w.body(resp)
}

func (w *world) body(resp *http.Response) string {
	body, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	h := resp.Header
	assert.Contains(w.t, h.Get("Content-Security-Policy"), "default-src 'none'")
	assert.Contains(w.t, h.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	policy := "no-referrer"
	if startField.Match(body) { // the connect page
		policy = "same-origin"
	}
	assert.Equal(w.t, policy, h.Get("Referrer-Policy"))
	assert.Equal(w.t, "no-store", h.Get("Cache-Control"))
	assert.Equal(w.t, "nosniff", h.Get("X-Content-Type-Options"))
	assert.NotEmpty(w.t, h.Get("Strict-Transport-Security"))
	assert.NotContains(w.t, string(body), "<Co>")
	return string(body)
}

var startField = regexp.MustCompile(`name="start" value="([^"]+)"`)

// press opens a link and presses its button, and returns where the browser is sent.
func (w *world) press(b *http.Client, link string) *url.URL {
	w.t.Helper()
	resp, page := w.get(b, link)
	require.Equal(w.t, 200, resp.StatusCode, page)
	m := startField.FindStringSubmatch(page)
	require.NotNil(w.t, m)
	resp, err := b.PostForm(link, url.Values{"start": {m[1]}})
	require.NoError(w.t, err)
	w.body(resp)
	require.Equal(w.t, http.StatusSeeOther, resp.StatusCode)
	to, err := resp.Location()
	require.NoError(w.t, err)
	return to
}

// consent is what Datadog does: it answers with a code for the challenge, at the site and organisation given.
func (w *world) consent(to *url.URL, at site.Site, org string) url.Values {
	q := to.Query()
	return url.Values{
		"code": {w.Datadog.Code(at, org, q.Get("code_challenge"))}, "state": {q.Get("state")}, "domain": {at.Domain()},
		"site": {at.AppOrigin()}, "client_id": {q.Get("client_id")}, "dd_oid": {"untrusted"}, "dd_org_name": {"<b>untrusted</b>"},
	}
}

func us3(t *testing.T) site.Site {
	s, ok := site.ByDomain("us3.datadoghq.com")
	require.True(t, ok)
	return s
}

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
	q := to.Query()
	assert.Equal(t, granttest.ClientID, q.Get("client_id"))
	assert.Equal(t, granttest.RedirectURL, q.Get("redirect_uri"))
	assert.Equal(t, "code", q.Get("response_type"))
	assert.Equal(t, "S256", q.Get("code_challenge_method"))
	assert.Len(t, q.Get("code_challenge"), 43)
	assert.GreaterOrEqual(t, len(q.Get("state")), 43)
	assert.NotContains(t, q, "scope")
	var cookies []*http.Cookie
	for _, c := range w.browser.Jar.Cookies(&url.URL{Scheme: "https", Host: "connect.partner.example", Path: "/callback"}) {
		if strings.HasPrefix(c.Name, "__Host-datadogoauth-") {
			cookies = append(cookies, c)
		}
	}
	require.Len(t, cookies, 1)

	params := w.consent(to, us3(t), granttest.OrgA)
	resp, _ := w.get(w.browser, granttest.RedirectURL+"?"+params.Encode())
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	final, err := resp.Location()
	require.NoError(t, err)
	assert.Regexp(t, `^https://connect\.partner\.example/connected/[A-Za-z0-9_-]{43}$`, final.String())
	resp, page = w.get(w.browser, final.String())
	assert.Equal(t, 200, resp.StatusCode)
	assert.Contains(t, page, "You may now close this tab")
	assert.Contains(t, page, "Org aaaa")
	assert.NotContains(t, page, "untrusted")

	cred, err := w.grants.Lookup("acme <1>")
	require.NoError(t, err)
	assert.Equal(t, "us3.datadoghq.com", cred.Site().Domain())
	for _, call := range w.Datadog.Calls("") {
		assert.Equal(t, "api.us3.datadoghq.com", call.Host)
	}
	token := w.Datadog.Calls("/oauth2/v1/token")
	require.Len(t, token, 1)
	sum := sha256.Sum256([]byte(token[0].Form.Get("code_verifier")))
	assert.Equal(t, q.Get("code_challenge"), base64.RawURLEncoding.EncodeToString(sum[:]))
	assert.Equal(t, "application/x-www-form-urlencoded", token[0].Header.Get("Content-Type"))

	resp, _ = w.get(w.browser, link)
	assert.Equal(t, http.StatusNotFound, resp.StatusCode, "a completed connection consumes the invitation")
	w.noSecrets(token[0].Form.Get("code"), token[0].Form.Get("code_verifier"), granttest.Secret, q.Get("state"))
	assert.Equal(t, []string{"begun", "connected", "no_invitation"}, w.outcomes)
}

// noSecrets searches every log entry.
func (w *world) noSecrets(secrets ...string) {
	w.t.Helper()
	for _, e := range w.logs.All() {
		text := e.Message
		for _, f := range e.Context {
			text += " " + f.Key + "=" + f.String
			if err, ok := f.Interface.(error); ok {
				text += err.Error()
			}
		}
		for _, s := range secrets {
			require.NotEmpty(w.t, s)
			assert.NotContains(w.t, text, s)
		}
	}
}

func TestTheCallbackDecidesTheSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	to := w.press(w.browser, w.link("acme")+"?site=https://bigcorp.datadoghq.com")
	assert.Equal(t, "bigcorp.datadoghq.com", to.Host)
	resp, _ := w.get(w.browser, granttest.RedirectURL+"?"+w.consent(to, us3(t), granttest.OrgA).Encode())
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	cred, err := w.grants.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, "us3.datadoghq.com", cred.Site().Domain())
	assert.Equal(t, "https://bigcorp.datadoghq.com", w.grants.Tenants()[0].AppOrigin)
}

func TestWithoutASiteTheConsentBeginsAtUS1(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	assert.Equal(t, "app.datadoghq.com", w.press(w.browser, w.link("acme")).Host)
}

func TestARefusedSiteContactsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.link("acme")
	for _, query := range []string{
		"site=https://evil.example", "domain=evil.example", "domain=datadoghq.com.evil.example", "domain=bigcorp.datadoghq.eu", "site=http://us5.datadoghq.com",
		"site=https://169.254.169.254", "domain=localhost", "site=https://app.datadoghq.com@evil.example", "domain=us5.datadoghq.com&domain=evil.example",
		"site=https://app.ddog-gov.com&domain=us5.datadoghq.com",
	} {
		resp, _ := w.get(w.browser, link+"?"+query)
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode, query)
	}
	assert.Empty(t, w.Datadog.Dials())
}

func TestCallbacksThatLeadToNoExchange(t *testing.T) {
	t.Parallel()
	set := func(key, value string) func(url.Values) { return func(q url.Values) { q.Set(key, value) } }
	cases := map[string]struct {
		edit    func(url.Values)
		outcome string
	}{
		"state missing":             {func(q url.Values) { q.Del("state") }, "bad_state"},
		"state unknown":             {set("state", strings.Repeat("x", 43)), "bad_state"},
		"state there twice":         {func(q url.Values) { q.Add("state", "x") }, "bad_callback"},
		"domain missing":            {func(q url.Values) { q.Del("domain") }, "bad_domain"},
		"domain unknown":            {set("domain", "evil.example"), "bad_domain"},
		"domain is a vanity name":   {set("domain", "bigcorp.us3.datadoghq.com"), "bad_domain"},
		"domain of other partition": {set("domain", "ddog-gov.com"), "bad_domain"},
		"issuer of another site":    {set("iss", "https://app.datadoghq.eu"), "bad_domain"},
		"client_id of another":      {set("client_id", "someone-else"), "client_mismatch"},
		"code missing":              {func(q url.Values) { q.Del("code") }, "bad_callback"},
		"access denied":             {set("error", "access_denied"), "denied"},
		"invalid scope":             {set("error", "invalid_scope"), "invalid_scope"},
		"an error that is markup":   {set("error", `<script>alert(1)</script>`), "denied_otherwise"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			link := w.link("acme")
			q := w.consent(w.press(w.browser, link), us3(t), granttest.OrgA)
			state := q.Get("state")
			tc.edit(q)
			resp, page := w.get(w.browser, granttest.RedirectURL+"?"+q.Encode())
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
			assert.NotContains(t, page, "<script")
			assert.NotContains(t, page, "You may now close this tab")
			assert.Empty(t, w.Datadog.Dials(), "nothing is contacted")
			assert.Equal(t, []string{"begun", tc.outcome}, w.outcomes)
			w.noSecrets(state)
			_, err := w.grants.Lookup("acme")
			require.ErrorIs(t, err, credential.ErrUnknownTenant)
			if q.Get("state") == state && len(q["state"]) == 1 {
				_, err = w.grants.ConsumeFlow(t.Context(), state)
				require.ErrorIs(t, err, grant.ErrNoFlow, "a failed attempt consumes the state")
			}
			resp, _ = w.get(w.browser, link)
			assert.Equal(t, 200, resp.StatusCode, "the invitation is still good")
		})
	}
}

func TestStateWorksOnceAndInItsOwnBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.link("acme")
	q := w.consent(w.press(w.browser, link), us3(t), granttest.OrgA)
	resp, _ := w.get(w.newBrowser(), granttest.RedirectURL+"?"+q.Encode())
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Empty(t, w.Datadog.Calls(""), "the victim of a planted callback connects nobody")
	resp, _ = w.get(w.browser, granttest.RedirectURL+"?"+q.Encode())
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "consumed by the attempt before")

	q = w.consent(w.press(w.browser, link), us3(t), granttest.OrgA)
	resp, _ = w.get(w.browser, granttest.RedirectURL+"?"+q.Encode())
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	resp, _ = w.get(w.browser, granttest.RedirectURL+"?"+q.Encode())
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Len(t, w.Datadog.Calls("/oauth2/v1/token"), 1)
	assert.Equal(t, []string{"begun", "wrong_browser", "bad_state", "begun", "connected", "bad_state"}, w.outcomes)
}

func TestTwoTabsOfOneBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.press(w.browser, w.link("one"))
	second := w.press(w.browser, w.link("two"))
	for _, to := range []*url.URL{first, second} {
		resp, _ := w.get(w.browser, granttest.RedirectURL+"?"+w.consent(to, us3(t), granttest.OrgA).Encode())
		require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	}
	for _, tenant := range []string{"one", "two"} {
		_, err := w.grants.Lookup(tenant)
		require.NoError(t, err)
	}
}

func TestFailuresBehindTheCallback(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		path   string
		answer http.HandlerFunc
		status int
		says   string
	}{
		"token 400": {"/oauth2/v1/token", granttest.Status(400, `{"error":"invalid_grant"}`), 502, "Open the connect link again"},
		"token 503": {"/oauth2/v1/token", granttest.Status(503, ``), 502, "in a few minutes"},
		"token 401": {"/oauth2/v1/token", granttest.Status(401, ``), 502, "credentials"},
		"mint 403":  {"/api/v2/api_keys/marketplace", granttest.Status(403, ``), 502, "did not allow"},
		"mint 409":  {"/api/v2/api_keys/marketplace", granttest.Status(409, ``), 409, "https://us3.datadoghq.com/organization-settings/api-keys"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			link := w.link("acme")
			to := w.press(w.browser, link)
			w.Datadog.Answer(tc.path, tc.answer)
			q := w.consent(to, us3(t), granttest.OrgA)
			resp, page := w.get(w.browser, granttest.RedirectURL+"?"+q.Encode())
			assert.Equal(t, tc.status, resp.StatusCode)
			assert.Contains(t, page, tc.says)
			w.noSecrets(q.Get("code"), q.Get("state"), granttest.Secret)
			_, err := w.grants.Invitation(t.Context(), strings.TrimPrefix(link, public+"/connect/"))
			require.NoError(t, err, "the invitation is still good")
		})
	}
}

func TestAnAttackersOrgGetsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	resp, _ := w.get(w.browser, granttest.RedirectURL+"?"+w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA).Encode())
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	before, err := w.grants.Lookup("acme")
	require.NoError(t, err)
	attacker := w.newBrowser()
	resp, page := w.get(attacker, granttest.RedirectURL+"?"+w.consent(w.press(attacker, w.link("acme")), us3(t), granttest.OrgB).Encode())
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	assert.Contains(t, page, "already connected to another Datadog organisation")
	after, err := w.grants.Lookup("acme")
	require.NoError(t, err)
	assert.Same(t, before, after)
}

func TestTheButtonWorksOnlyOnItsPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.link("acme")
	_, page := w.get(w.browser, link)
	start := startField.FindStringSubmatch(page)[1]
	post := func(start, origin string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, link, strings.NewReader(url.Values{"start": {start}}.Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		resp, err := w.browser.Do(req)
		require.NoError(t, err)
		w.body(resp)
		return resp.StatusCode
	}
	assert.Equal(t, http.StatusForbidden, post(start, "https://evil.example"))
	assert.Equal(t, http.StatusForbidden, post(start, "null"), "a sandboxed frame")
	assert.Equal(t, http.StatusBadRequest, post("", public))
	assert.Equal(t, http.StatusSeeOther, post(start, public))
	assert.Equal(t, http.StatusSeeOther, post(start, public), "pressed again while Datadog was slow to answer")
}

// A browser without Sec-Fetch-Site proves by Origin alone where its form comes from, and Referrer-Policy decides what stands
// there: null under no-referrer. https://fetch.spec.whatwg.org/#append-a-request-origin-header
func TestTheButtonWorksInABrowserWithoutFetchMetadata(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.link("acme")
	resp, page := w.get(w.browser, link)
	origin := "null"
	if resp.Header.Get("Referrer-Policy") == "same-origin" {
		origin = public
	}
	form := url.Values{"start": {startField.FindStringSubmatch(page)[1]}}.Encode()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, link, strings.NewReader(form))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", origin)
	resp, err = w.browser.Do(req)
	require.NoError(t, err)
	w.body(resp)
	assert.Equal(t, http.StatusSeeOther, resp.StatusCode)
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
	final, err := resp.Location()
	require.NoError(t, err)

	w.server.Close()
	w.serve(w.grants) // pages that remember nothing, as after a restart
	_, page := w.get(w.browser, final.String())
	assert.Contains(t, page, "You may now close this tab")
}

func TestUnknownLinksAndPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, status := range map[string]int{"/connect/nobody": 404, "/": 404, "/connected/nothing": 200, "/callback": 400, "/connect/": 404} {
		resp, page := w.get(w.browser, public+path)
		assert.Equal(t, status, resp.StatusCode, path)
		assert.Equal(t, path == "/connected/nothing", strings.Contains(page, "You may now close this tab"), path)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, granttest.RedirectURL+"?state=x", nil)
	require.NoError(t, err)
	resp, err := w.browser.Do(req)
	require.NoError(t, err)
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	_ = resp.Body.Close()
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

func FuzzCallback(f *testing.F) {
	for _, seed := range []string{
		"state=a&code=b&domain=datadoghq.com", "error=access_denied&state=a", "state=%zz", "state=a;code=b", "state=a&state=b", strings.Repeat("a", 5000), "code=%00&domain=%00&state=%00",
	} {
		f.Add(seed)
	}
	fixture := granttest.NewFixture(f)
	grants := fixture.Start()
	pages, err := flow.New(flow.Options{
		Grants: grants, PublicURL: public, PartnerName: "P", Logger: zap.NewNop(), Now: fixture.Clock.Now,
		Clients: map[string]flow.Client{"main": {ClientID: granttest.ClientID, RedirectURL: granttest.RedirectURL}},
	})
	require.NoError(f, err)
	h, err := pages.Handler()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, query string) {
		req := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/callback", RawQuery: query}, Header: http.Header{}}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req.WithContext(t.Context()))
		if rec.Code != http.StatusBadRequest {
			t.Fatalf("%q: %d", query, rec.Code)
		}
		if n := len(fixture.Datadog.Dials()); n != 0 {
			t.Fatalf("%q: %d connections", query, n)
		}
	})
}
