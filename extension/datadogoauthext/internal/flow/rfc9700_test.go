package flow_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// The rules of RFC 9700 (OAuth 2.0 Security Best Current Practice) that a client has to keep, each with its test, as SECURITY.md lists them.
// Everything is seen from outside: by a browser in front of the public listener, and by a Datadog behind it.

// RFC 9700 §2.1.2
func TestRFC9700_ResponseTypeIsCodeOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.link("acme")
	for _, query := range []string{"", "?response_type=token", "?domain=us3.datadoghq.com&response_type=code%20id_token&response_mode=fragment"} {
		q := w.press(w.browser, link+query).Query()
		assert.Equal(t, []string{"code"}, q["response_type"], query)
		assert.NotContains(t, q, "response_mode", query)
		assert.NotContains(t, q, "scope", query)
		assert.NotContains(t, q, "client_secret", query)
	}
	to := w.press(w.browser, link)
	q := w.consent(to, us3(t), granttest.OrgA)
	q.Del("code")
	q.Set("access_token", "a token that somebody planted")
	resp, _ := w.ends(w.browser, q)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Empty(t, w.Datadog.Dials())
}

// RFC 9700 §2.1.1, RFC 7636 §4.1, §4.2
func TestRFC9700_EachConsentHasAFreshS256Challenge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := map[string]bool{}
	for i := range 5 {
		to := w.press(w.browser, w.link("acme"))
		q := to.Query()
		require.Equal(t, "S256", q.Get("code_challenge_method"))
		resp, _ := w.comeBack(w.browser, w.consent(to, us3(t), granttest.OrgA))
		require.Equal(t, http.StatusSeeOther, resp.StatusCode)
		calls := w.Datadog.Calls("/oauth2/v1/token")
		require.Len(t, calls, i+1)
		verifier := calls[i].Form.Get("code_verifier")
		assert.Regexp(t, `^[A-Za-z0-9._~-]{43,128}$`, verifier)
		sum := sha256.Sum256([]byte(verifier))
		assert.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:]), q.Get("code_challenge"))
		assert.False(t, seen[verifier], "one verifier twice")
		seen[verifier] = true
		assert.NotContains(t, to.String(), verifier)
		w.noSecrets(verifier)
	}
}

// RFC 9700 §4.7.1
func TestRFC9700_StateIsUnguessable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := map[string]bool{}
	for i := range 30 {
		state := w.press(w.browser, w.link("tenant "+string(rune('a'+i)))).Query().Get("state")
		raw, err := base64.RawURLEncoding.DecodeString(state)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, 8*len(raw), 128, "bits")
		assert.False(t, seen[state], "one state twice")
		seen[state] = true
	}
}

func TestRFC9700_StateWorksOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA)
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 8 { // at once, at both collectors
		wg.Go(func() {
			b := *w.browser // which follows, as browsers do
			b.CheckRedirect = nil
			resp, err := b.Get(granttest.RedirectURL + "?" + q.Encode())
			if err == nil {
				mu.Lock()
				statuses[resp.StatusCode]++
				mu.Unlock()
				_ = resp.Body.Close()
			}
		})
	}
	wg.Wait()
	assert.Equal(t, map[int]int{http.StatusOK: 1, http.StatusBadRequest: 7}, statuses)
	assert.Len(t, w.Datadog.Calls("/oauth2/v1/token"), 1)
	resp, _ := w.ends(w.browser, q)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Len(t, w.Datadog.Calls("/oauth2/v1/token"), 1)
}

func TestRFC9700_StateEndsAfterTenMinutes(t *testing.T) {
	t.Parallel()
	for wait, status := range map[time.Duration]int{10*time.Minute - time.Second: http.StatusOK, 10 * time.Minute: http.StatusBadRequest} {
		w := newWorld(t)
		q := w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA)
		w.Clock.Advance(wait)
		resp, _ := w.ends(w.browser, q)
		assert.Equal(t, status, resp.StatusCode, wait)
		assert.Equal(t, status == http.StatusOK, len(w.Datadog.Dials()) > 0, wait)
	}
}

// Each row is a callback that is refused before anything is contacted, and that uses up its state all the same.
func TestRFC9700_StateIsConsumedOnFailure(t *testing.T) {
	t.Parallel()
	set := func(key, value string) func(url.Values) { return func(q url.Values) { q.Set(key, value) } }
	cases := map[string]struct {
		edit    func(url.Values)
		outcome string
	}{
		"state missing":           {func(q url.Values) { q.Del("state") }, "bad_state"},
		"state unknown":           {set("state", strings.Repeat("x", 43)), "bad_state"},
		"state too long":          {set("state", strings.Repeat("x", 4000)), "bad_state"},
		"state there twice":       {func(q url.Values) { q.Add("state", "x") }, "bad_callback"},
		"code there twice":        {func(q url.Values) { q.Add("code", "x") }, "bad_callback"},
		"domain there twice":      {func(q url.Values) { q.Add("domain", "us3.datadoghq.com") }, "bad_callback"},
		"domain missing":          {func(q url.Values) { q.Del("domain") }, "bad_domain"},
		"domain unknown":          {set("domain", "evil.example"), "bad_domain"},
		"domain is a vanity name": {set("domain", "bigcorp.us3.datadoghq.com"), "bad_domain"},
		"site unknown":            {set("site", "https://evil.example"), "bad_domain"},
		"a semicolon":             {func(url.Values) {}, "bad_callback"},
		"rubbish":                 {func(url.Values) {}, "bad_callback"},
		"code missing":            {func(q url.Values) { q.Del("code") }, "bad_callback"},
		"code too long":           {set("code", strings.Repeat("x", 5000)), "bad_callback"},
		"access denied":           {set("error", "access_denied"), "denied"},
		"invalid scope":           {set("error", "invalid_scope"), "invalid_scope"},
		"temporarily unavailable": {set("error", "temporarily_unavailable"), "datadog_unavailable"},
	}
	behind := map[string]string{"a semicolon": "&x=;", "rubbish": "&%zz"} // the query
	w := newWorld(t)
	for name, tc := range cases {
		link := w.link(name)
		q := w.consent(w.press(w.browser, link), us3(t), granttest.OrgA)
		state := q.Get("state")
		tc.edit(q)
		resp, page := w.endsAt(w.browser, granttest.RedirectURL+"?"+q.Encode()+behind[name])
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode, name)
		assert.NotContains(t, page, "You may now close this tab", name)
		outcomes := w.counted()
		assert.Equal(t, tc.outcome, outcomes[len(outcomes)-1], name)
		w.noSecrets(state)
		_, err := w.grants.Lookup(name)
		require.ErrorIs(t, err, credential.ErrUnknownTenant, name)
		if q.Get("state") == state && len(q["state"]) == 1 {
			_, err = w.grants.ConsumeFlow(t.Context(), state)
			require.ErrorIs(t, err, grant.ErrNoFlow, name)
		}
		resp, _ = w.get(w.browser, link)
		assert.Equal(t, 200, resp.StatusCode, "%s: the invitation is still good", name)
	}
	assert.Empty(t, w.Datadog.Dials(), "nothing is contacted")
}

// RFC 9700 §4.7.1: state, verifier and tenant belong to the browser that began.
func TestRFC9700_AConsentIsBoundToItsBrowser(t *testing.T) {
	t.Parallel()
	at := &url.URL{Scheme: "https", Host: "connect.partner.example", Path: "/"}
	flowCookie := func(w *world) *http.Cookie {
		for _, c := range cookies(w.browser) {
			return c
		}
		return nil
	}
	cases := map[string]func(w *world, own *http.Cookie) []*http.Cookie{
		"no cookie, as the victim of a planted callback": func(*world, *http.Cookie) []*http.Cookie { return nil },
		"a cookie that is made up": func(_ *world, own *http.Cookie) []*http.Cookie {
			return []*http.Cookie{{Name: own.Name, Value: grant.NewSecret()}}
		},
		"a cookie with another bit": func(_ *world, own *http.Cookie) []*http.Cookie {
			flipped := []byte(own.Value)
			flipped[len(flipped)/2] ^= 1
			return []*http.Cookie{{Name: own.Name, Value: string(flipped)}}
		},
		"the cookie of another consent of this tenant": func(w *world, own *http.Cookie) []*http.Cookie {
			b := w.newBrowser()
			w.press(b, w.link("acme"))
			for _, c := range cookies(b) {
				return []*http.Cookie{{Name: own.Name, Value: c.Value}}
			}
			return nil
		},
		"the hidden field of the page": func(w *world, own *http.Cookie) []*http.Cookie {
			_, page := w.get(w.newBrowser(), w.link("acme"))
			return []*http.Cookie{{Name: own.Name, Value: startField.FindStringSubmatch(page)[1]}}
		},
		"a cookie that is far too long": func(_ *world, own *http.Cookie) []*http.Cookie {
			return []*http.Cookie{{Name: own.Name, Value: strings.Repeat("A", 100_000)}}
		},
	}
	for name, other := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			q := w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA)
			b := w.newBrowser()
			planted := other(w, flowCookie(w))
			for _, c := range planted {
				c.Path, c.Secure = "/", true
			}
			b.Jar.SetCookies(at, planted)
			resp, _ := w.ends(b, q)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
			assert.Empty(t, w.Datadog.Dials())
			outcomes := w.counted()
			assert.Equal(t, "wrong_browser", outcomes[len(outcomes)-1])
			resp, _ = w.ends(w.browser, q)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "consumed by the attempt before")
		})
	}
}

// Both cookies can be set by this host over TLS only, and are hidden from scripts and from requests that other sites make.
func TestRFC9700_CookiesAreHostOnlySecureAndSealed(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	var set []*http.Cookie
	resp, _ := w.get(w.browser, public+"/connect")
	set = append(set, resp.Cookies()...)
	page := w.link("acme corporation")
	_, text := w.get(w.browser, page)
	resp, err := w.browser.PostForm(page, url.Values{"start": {startField.FindStringSubmatch(text)[1]}})
	require.NoError(t, err)
	w.body(resp)
	state := w.location(resp).Query().Get("state")
	set = append(set, resp.Cookies()...)
	resp, _ = w.comeBack(w.browser, w.consent(w.location(resp), us3(t), granttest.OrgA))
	set = append(set, resp.Cookies()...)
	require.Len(t, set, 4, "login, consent, its end, result")
	for _, c := range set {
		assert.True(t, strings.HasPrefix(c.Name, "__Host-"), c.Name)
		assert.True(t, c.Secure && c.HttpOnly && c.Path == "/" && c.Domain == "" && c.SameSite == http.SameSiteLaxMode, c.Raw)
		assert.LessOrEqual(t, c.MaxAge, 600, c.Name)
		raw, err := base64.RawURLEncoding.DecodeString(c.Value)
		require.NoError(t, err, c.Name)
		for _, clear := range []string{"acme", state, "Org aaaa"} {
			assert.NotContains(t, c.Value+string(raw), clear, c.Name)
		}
	}
}

// RFC 9700 §2.1, §4.1: the redirect URI is that of the configuration, byte for byte, at both endpoints.
func TestRFC9700_RedirectURIComesFromTheConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	to := w.press(w.browser, w.link("acme")+"?redirect_uri=https://evil.example/cb")
	assert.Equal(t, []string{granttest.RedirectURL}, to.Query()["redirect_uri"])
	q := w.consent(to, us3(t), granttest.OrgA)
	q.Set("redirect_uri", "https://evil.example/cb")
	w.comeBack(w.browser, q)
	calls := w.Datadog.Calls("/oauth2/v1/token")
	require.Len(t, calls, 1)
	assert.Equal(t, []string{granttest.RedirectURL}, calls[0].Form["redirect_uri"])
}

// RFC 9700 §4.11.1: redirects lead to these pages, to the configured login, or to an app origin of Datadog's.
func TestRFC9700_NoOpenRedirect(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	link := strings.TrimPrefix(w.link("acme"), public)
	allowed := map[string]bool{"connect.partner.example": true, "login.partner.example": true}
	for _, s := range site.Table() {
		allowed[s.AppHost()] = true
	}
	for _, path := range []string{
		"//evil.example", "//evil.example/..", "/\\evil.example", "//evil.example/../connect", "/connect//evil.example", "/connected//evil.example", "/connected/%2f%2fevil.example",
		"/connect/request//evil.example", "/connect?next=https://evil.example", "/connect?site=https://evil.example", "/connect?login_url=https://evil.example", "/ticket?return=//evil.example",
		"/connect?site=app.datadoghq.com%2f@evil.example", "/callback?redirect_uri=https://evil.example&state=x", link + "?site=//evil.example", "/./connect", "/connect?domain=us3.datadoghq.com%23.evil.example",
	} {
		resp, err := w.browser.Get(public + path)
		require.NoError(t, err, path)
		_ = resp.Body.Close()
		if resp.Header.Get("Location") == "" {
			continue
		}
		to := w.location(resp)
		assert.True(t, to.Scheme == "https" && allowed[to.Host] && to.User == nil, "%s leads to %s", path, to)
	}
}

// RFC 9700 §4.12: 307 would hand the form, and with other clients the credentials, on to the next host.
func TestRFC9700_RedirectsOfOursAre303(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.link("acme")
	_, page := w.get(w.browser, link)
	resp, err := w.browser.PostForm(link, url.Values{"start": {startField.FindStringSubmatch(page)[1]}})
	require.NoError(t, err)
	w.body(resp)
	assert.Equal(t, http.StatusSeeOther, resp.StatusCode)
}

func TestRFC9700_TheCodeIsExchangedOnceAtTheSitesAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA)
	resp, _ := w.comeBack(w.browser, q)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	w.comeBack(w.browser, q)
	w.comeBack(w.newBrowser(), q)
	calls := w.Datadog.Calls("/oauth2/v1/token")
	require.Len(t, calls, 1)
	assert.Equal(t, q.Get("code"), calls[0].Form.Get("code"))
	assert.Empty(t, calls[0].Header.Get("Authorization"), "the secret is in the body")
	assert.Equal(t, "application/x-www-form-urlencoded", calls[0].Header.Get("Content-Type"))
	for _, call := range w.Datadog.Calls("") {
		assert.Equal(t, "api.us3.datadoghq.com", call.Host)
	}
	for _, dial := range w.Datadog.Dials() {
		assert.Equal(t, "api.us3.datadoghq.com:443", dial)
	}
}

func TestRFC9700_RedirectsAreNotFollowedWithCredentials(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/oauth2/v1/token", "/api/v2/current_user", "/api/v2/api_keys/marketplace"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			w := newWorld(t)
			to := w.press(w.browser, w.link("acme"))
			w.Datadog.Answer(path, func(rw http.ResponseWriter, r *http.Request) {
				http.Redirect(rw, r, "https://evil.example"+path, status)
			})
			resp, _ := w.ends(w.browser, w.consent(to, us3(t), granttest.OrgA))
			assert.GreaterOrEqual(t, resp.StatusCode, 400, "%s %d", path, status)
			for _, dial := range w.Datadog.Dials() {
				assert.Equal(t, "api.us3.datadoghq.com:443", dial, "%s %d", path, status)
			}
		}
	}
}

// RFC 9700 §4.4 (mix-up), RFC 9207: an answer that belongs to another server, client, partition or redirect URI leads to no call.
func TestRFC9700_MixUpIsRefused(t *testing.T) {
	t.Parallel()
	second := public + "/callback2"
	w := newWorldWith(t, func(o *flow.Options) {
		o.Clients["second"] = flow.Client{ClientID: "second-client", Stage: "test", RedirectURL: second}
	})
	for name, tc := range map[string]struct {
		callback, key, value, outcome string
	}{
		"domain and site of another partition": {granttest.RedirectURL, "domain", "us2.ddog-gov.com", "bad_domain"},
		"issuer of another site":               {granttest.RedirectURL, "iss", "https://app.datadoghq.eu", "bad_domain"},
		"issuer that only looks like it":       {granttest.RedirectURL, "iss", "https://us3.datadoghq.com.evil.example", "bad_domain"},
		"issuer with a path":                   {granttest.RedirectURL, "iss", "https://us3.datadoghq.com/evil?x", "bad_domain"},
		"issuer with a slash":                  {granttest.RedirectURL, "iss", "https://us3.datadoghq.com/", "bad_domain"},
		"issuer in capitals":                   {granttest.RedirectURL, "iss", "HTTPS://us3.datadoghq.com", "bad_domain"},
		"issuer without TLS":                   {granttest.RedirectURL, "iss", "http://us3.datadoghq.com", "bad_domain"},
		"domain of another partition":          {granttest.RedirectURL, "domain", "ddog-gov.com", "bad_domain"},
		"site of another partition":            {granttest.RedirectURL, "site", "https://app.ddog-gov.com", "bad_domain"},
		"client_id of another":                 {granttest.RedirectURL, "client_id", "second-client", "client_mismatch"},
		"redirect URI of another client":       {second, "", "", "client_mismatch"},
		"another client's, with its own id":    {second, "client_id", "second-client", "client_mismatch"},
		"an error at another client's":         {second, "error", "access_denied", "client_mismatch"},
		"issuer and domain of two partition":   {granttest.RedirectURL, "iss", "https://app.ddog-gov.com", "bad_domain"},
	} {
		secret, _, err := w.grants.Invite(t.Context(), name, "main", time.Hour, "test")
		require.NoError(t, err)
		q := w.consent(w.press(w.browser, w.pages.Link(secret)), us3(t), granttest.OrgA)
		if tc.key != "" {
			q.Set(tc.key, tc.value)
		}
		if tc.value == "us2.ddog-gov.com" {
			q.Set("site", "https://us2.ddog-gov.com")
		}
		resp, _ := w.endsAt(w.browser, tc.callback+"?"+q.Encode())
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode, name)
		outcomes := w.counted()
		assert.Equal(t, tc.outcome, outcomes[len(outcomes)-1], name)
	}
	assert.Empty(t, w.Datadog.Dials())
	q := w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA)
	q.Set("iss", "https://us3.datadoghq.com")
	resp, _ := w.comeBack(w.browser, q)
	assert.Equal(t, http.StatusSeeOther, resp.StatusCode, "the right issuer")
}

func TestRFC9700_ErrorParametersAreEscaped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, evil := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{.}}`, `javascript:alert(1)`, "access_denied\r\nSet-Cookie: a=b", `</title><svg onload=alert(1)>`, "\x00\x1b[31m",
	} {
		for _, key := range []string{"error", "error_description", "error_uri", "domain", "site", "client_id", "dd_org_name"} {
			q := w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA)
			if key == "error_description" || key == "error_uri" {
				q.Set("error", "access_denied")
			}
			q.Set(key, evil)
			if key == "dd_org_name" {
				q.Set("error", "access_denied")
			}
			resp, page := w.ends(w.browser, q)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "%s=%s", key, evil)
			for _, s := range []string{"<script", "<img", "<svg onload", "javascript:", "alert(1)", "\x1b", "\x00"} {
				assert.NotContains(t, page, s, "%s=%s", key, evil)
			}
			assert.Empty(t, resp.Header.Get("A"), "%s=%s", key, evil)
			for _, c := range resp.Cookies() {
				assert.True(t, strings.HasPrefix(c.Name, "__Host-"), c.Name)
			}
		}
	}
	for _, e := range w.logs.All() {
		for _, v := range e.ContextMap() {
			if text, ok := v.(string); ok {
				assert.NotContains(t, text, "\x1b")
				assert.NotContains(t, text, "\r")
			}
		}
	}
}

func TestRFC9700_ForwardedHeadersAreNeverRead(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, func(o *flow.Options) { p.admits(o); o.PerAddress = 3 })
	send := func(method, address, body string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
		require.NoError(t, err)
		req.Host = "evil.example"
		for _, h := range []string{"X-Forwarded-Host", "X-Forwarded-Server", "X-Original-Host", "X-Host"} {
			req.Header.Set(h, "evil.example")
		}
		req.Header.Set("Forwarded", "for="+grant.NewSecret()+";host=evil.example;proto=http")
		req.Header.Set("X-Forwarded-Proto", "http")
		req.Header.Set("X-Forwarded-Prefix", "/evil")
		req.Header.Set("X-Original-Url", "/evil")
		req.Header.Set("X-Forwarded-For", "192.0.2."+string(rune('0'+len(w.counted())%10)))
		req.Header.Set("X-Real-Ip", "192.0.2.1")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := w.browser.Do(req)
		require.NoError(t, err)
		return resp
	}
	link := w.link("acme")
	assert.True(t, strings.HasPrefix(link, public+"/connect/"))
	resp := send(http.MethodGet, link, "")
	page := w.body(resp)
	assert.NotContains(t, page, "evil")
	resp = send(http.MethodPost, link, url.Values{"start": {startField.FindStringSubmatch(page)[1]}}.Encode())
	w.body(resp)
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	to := w.location(resp)
	assert.Equal(t, granttest.RedirectURL, to.Query().Get("redirect_uri"))
	resp = send(http.MethodGet, granttest.RedirectURL+"?"+w.consent(to, us3(t), granttest.OrgA).Encode(), "")
	w.body(resp)
	assert.Regexp(t, `^/connected/`, resp.Header.Get("Location"))
	statuses := map[int]int{}
	for range 10 { // from ten addresses, as the headers would have it
		resp = send(http.MethodGet, public+"/connect", "")
		w.body(resp)
		statuses[resp.StatusCode]++
	}
	assert.NotZero(t, statuses[http.StatusTooManyRequests], statuses)
}

// The page of a link, and of a login, is not to be pressed by another site (RFC 9700 §4.7: cross-site request forgery).
func TestRFC9700_TheButtonWorksOnlyOnItsPage(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	field := func(link string) string {
		_, page := w.get(w.browser, link)
		return startField.FindStringSubmatch(page)[1]
	}
	globex := []string{field(w.link("globex")), field(w.logIn(w.browser, p, "", "globex"))}
	for name, link := range map[string]string{"invitation": w.link("acme"), "login": w.logIn(w.browser, p, "", "acme")} {
		start := field(link)
		post := func(form url.Values, headers ...string) int {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, link, strings.NewReader(form.Encode()))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for i := 0; i < len(headers); i += 2 {
				req.Header.Set(headers[i], headers[i+1])
			}
			resp, err := w.browser.Do(req)
			require.NoError(t, err)
			w.body(resp)
			return resp.StatusCode
		}
		own := url.Values{"start": {start}}
		assert.Equal(t, http.StatusForbidden, post(own, "Origin", "https://evil.example"), name)
		assert.Equal(t, http.StatusForbidden, post(own, "Origin", "null"), "%s: a sandboxed frame", name)
		assert.Equal(t, http.StatusForbidden, post(own, "Sec-Fetch-Site", "cross-site"), name)
		assert.Equal(t, http.StatusForbidden, post(own, "Sec-Fetch-Site", "same-site"), "%s: a subdomain", name)
		assert.Equal(t, http.StatusBadRequest, post(url.Values{}, "Origin", public), name)
		assert.Equal(t, http.StatusBadRequest, post(url.Values{"start": {start, start}}, "Origin", public), name)
		assert.Equal(t, http.StatusBadRequest, post(url.Values{"start": {start[:len(start)-2] + "AA"}}, "Origin", public), name)
		for _, other := range globex {
			assert.Equal(t, http.StatusBadRequest, post(url.Values{"start": {other}}, "Origin", public), "%s: the field of another page", name)
		}
		assert.Equal(t, http.StatusBadRequest, post(url.Values{"start": {strings.Repeat("A", 20_000)}}, "Origin", public), name)
		assert.Equal(t, http.StatusSeeOther, post(own, "Origin", public), name)
		assert.Equal(t, http.StatusSeeOther, post(own, "Origin", public), "%s: pressed again while Datadog was slow to answer", name)
		assert.Equal(t, http.StatusSeeOther, post(own, "Sec-Fetch-Site", "same-origin"), name)
	}
	link := w.link("acme")
	_, page := w.get(w.browser, link)
	w.Clock.Advance(grant.FlowLife)
	resp, err := w.browser.PostForm(link, url.Values{"start": {startField.FindStringSubmatch(page)[1]}})
	require.NoError(t, err)
	w.body(resp)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "a page that is too old")
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

// RFC 9700 §4.16 and §4.2: every page, whatever it says, may be framed by nobody and tells no other origin its address, which holds a secret.
func TestRFC9700_NoPageIsFramedOrTellsItsAddress(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	link := w.link("acme")
	resp, text := w.comeBack(w.browser, w.consent(w.press(w.browser, link), us3(t), granttest.OrgA))
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, text)
	admitted := w.logIn(w.browser, p, "", "globex")
	pages := map[string]int{
		w.link("initech"): 200, admitted: 200, w.location(resp).String(): 200, link: 404, link + "x": 404, public + "/connect": 303, public + "/connect?site=evil.example": 400,
		public + "/ticket?request_id=x&ticket=y": 303, public + "/callback?error=access_denied&state=x": 303, public + "/nowhere": 404, public + "/connected/nobody": 200,
		public + "/connect?" + strings.Repeat("x", 10_000): 414,
	}
	for address, status := range pages {
		resp, body := w.get(w.browser, address)
		assert.Equal(t, status, resp.StatusCode, "%.100s: %s", address, body)
		policy := resp.Header.Get("Content-Security-Policy")
		assert.Contains(t, policy, "frame-ancestors 'none'", address)
		assert.Equal(t, "DENY", resp.Header.Get("X-Frame-Options"), address)
		want := "no-referrer"
		if strings.Contains(body, "<form") {
			want = "same-origin" // else browsers without Fetch metadata could not show where the form comes from
		}
		assert.Equal(t, want, resp.Header.Get("Referrer-Policy"), address)
	}
	resp, err := w.browser.Head(w.link("hooli"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Contains(t, resp.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
}
