package flow_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

// keyInTheWay ends a consent at a page that says that a key exists, and returns its address.
func (w *world) keyInTheWay(link string) string {
	w.t.Helper()
	w.Datadog.AddKey(us3(w.t), granttest.OrgA, w.Clock.Now())
	resp, text := w.comeBack(w.browser, w.consent(w.press(w.browser, link), us3(w.t), granttest.OrgA))
	require.Equal(w.t, http.StatusSeeOther, resp.StatusCode, text)
	for _, c := range resp.Cookies() {
		if strings.HasPrefix(c.Name, "__Host-datadogoauth-result-") {
			assert.Equal(w.t, 24*60*60, c.MaxAge, "whoever may revoke the key has to be found first")
		}
	}
	return w.location(resp).String()
}

// tryAgain presses the button, some seconds later.
func (w *world) tryAgain(b *http.Client, page string) (*http.Response, string) {
	w.t.Helper()
	w.Clock.Advance(5 * time.Second)
	resp, err := b.PostForm(page+"/again", nil)
	require.NoError(w.t, err)
	text := w.body(resp)
	if resp.StatusCode != http.StatusSeeOther {
		return resp, text
	}
	require.Equal(w.t, page, w.location(resp).String())
	return w.get(b, page)
}

func TestACustomerRevokesTheKeyAndTriesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.link("acme")
	page := w.keyInTheWay(link)
	resp, text := w.get(w.browser, page)
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	for _, step := range []string{`href="https://us3.datadoghq.com/organization-settings/api-keys"`, "<code>OAuth Client API Key</code>", "<strong>Revoke</strong>", "Try again</button>", "<ol>"} {
		assert.Contains(t, text, step)
	}
	w.Clock.Advance(20 * time.Minute)
	resp, text = w.tryAgain(w.browser, page)
	assert.Equal(t, http.StatusConflict, resp.StatusCode, text)
	assert.Contains(t, text, "<strong>Revoke</strong>")

	w.Datadog.RevokeKey(us3(t), granttest.OrgA)
	resp, text = w.tryAgain(w.browser, page)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, text, "You may now close this tab")
	assert.Contains(t, text, "Org aaaa")
	assert.NotContains(t, text, "<form")
	mints := len(w.Datadog.Calls("/api/v2/api_keys/marketplace"))
	resp, text = w.tryAgain(w.browser, page) // in another tab that shows the old page
	assert.Equal(t, http.StatusOK, resp.StatusCode, text)
	assert.Len(t, w.Datadog.Calls("/api/v2/api_keys/marketplace"), mints)
	assert.Len(t, w.Datadog.Calls("/oauth2/v1/token"), 1, "one consent")
	assert.Equal(t, []string{"begun", "key_exists", "key_exists", "connected"}, w.counted())
	_, err := w.grants.Lookup("acme")
	require.NoError(t, err)
	resp, _ = w.get(w.browser, link)
	assert.Equal(t, http.StatusNotFound, resp.StatusCode, "the link is used up, as after any connection")
}

func TestRFC9700_TryAgainIsForTheBrowserThatConsented(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.keyInTheWay(w.link("acme"))
	mints := len(w.Datadog.Calls("/api/v2/api_keys/marketplace"))
	resp, text := w.tryAgain(w.newBrowser(), page)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.NotContains(t, text, "acme")
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, page+"/again", nil)
		require.NoError(t, err)
		req.Header.Set(header[0], header[1])
		resp, err := w.browser.Do(req)
		require.NoError(t, err)
		w.body(resp)
		assert.Equal(t, http.StatusForbidden, resp.StatusCode, header)
	}
	resp, _ = w.get(w.browser, page+"/again")
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	assert.Len(t, w.Datadog.Calls("/api/v2/api_keys/marketplace"), mints)

	resp, _ = w.tryAgain(w.browser, page)
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	require.NoError(t, w.grants.Pause(t.Context(), "acme", "bill not paid", "operator"))
	w.Datadog.RevokeKey(us3(t), granttest.OrgA)
	mints = len(w.Datadog.Calls("/api/v2/api_keys/marketplace"))
	resp, text = w.tryAgain(w.browser, page)
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	assert.Contains(t, text, "Things have changed")
	assert.NotContains(t, text, "<form")
	assert.NotContains(t, text, "bill not paid")
	assert.Len(t, w.Datadog.Calls("/api/v2/api_keys/marketplace"), mints)
}

func TestWhoeverLoggedInCanBeginAnewWhereAKeyIsInTheWay(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	for link, begin := range map[string]bool{w.logIn(w.browser, p, "", "acme"): true, w.link("globex"): false} {
		_, text := w.get(w.browser, w.keyInTheWay(link))
		assert.Contains(t, text, "Try again</button>")
		assert.Equal(t, begin, strings.Contains(text, "install it again, and begin anew. Begin again with the button below."))
		assert.Equal(t, begin, strings.Contains(text, `href="/connect">Begin again</a>`))
	}
}

// Whoever is in several organisations has to know in which to look.
func TestAStoredConsentWithoutAKeyNamesItsOrganisation(t *testing.T) {
	t.Parallel()
	for status, says := range map[int]string{409: "for your organisation <strong><bdi>Org aaaa</bdi></strong>, and shows", 403: "an API key of your organisation <strong><bdi>Org aaaa</bdi></strong>,", 400: "no API key of your organisation <strong><bdi>Org aaaa</bdi></strong> yet"} {
		for query, origin := range map[string]string{"?site=https://bigcorp.datadoghq.com": "https://bigcorp.datadoghq.com", "": "https://us3.datadoghq.com", "?site=https://app.datadoghq.com": "https://us3.datadoghq.com"} {
			w := newWorld(t)
			w.Datadog.Answer("/api/v2/api_keys/marketplace", granttest.Status(status, ""))
			resp, _ := w.comeBack(w.browser, w.consent(w.press(w.browser, w.link("acme")+query), us3(t), granttest.OrgA))
			page := w.location(resp).String()
			_, text := w.get(w.browser, page)
			assert.Contains(t, text, says)
			if status != 409 {
				continue
			}
			w.Datadog.Answer("/api/v2/api_keys/marketplace", granttest.Status(status, ""))
			_, again := w.tryAgain(w.browser, page)
			for _, text := range []string{text, again} {
				assert.Contains(t, text, `href="`+origin+`/organization-settings/api-keys"`, query)
				assert.Contains(t, text, "see that it is that of your organisation <strong><bdi>Org aaaa</bdi></strong>.", query)
				assert.Contains(t, text, "and usually the name of the integration", query)
			}
		}
	}
}

func TestAMintThatFailedIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Datadog.Answer("/api/v2/api_keys/marketplace", granttest.Status(400, `{"errors":["No such app"]}`))
	resp, _ := w.comeBack(w.browser, w.consent(w.press(w.browser, w.link("acme")), us3(t), granttest.OrgA))
	page := w.location(resp).String()
	resp, text := w.get(w.browser, page)
	assert.Equal(t, http.StatusBadGateway, resp.StatusCode)
	assert.Contains(t, text, "Try again</button>")
	resp, text = w.tryAgain(w.browser, page)
	assert.Equal(t, http.StatusOK, resp.StatusCode, text)
	assert.Contains(t, text, "You may now close this tab")
	assert.Equal(t, []string{"begun", grant.OutcomeMintFailed, "connected"}, w.counted())
}

func TestAChangeThatATicketAllowedIsTriedAgain(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	w.connect(w.browser, w.logIn(w.browser, p, "", "acme"), us3(t), granttest.OrgA)
	w.Datadog.AddKey(us3(t), granttest.OrgB, w.Clock.Now())
	link := w.logIn(w.browser, p, "", "acme", func(c jwt.MapClaims) { c["allow_change"] = true })
	resp, _ := w.comeBack(w.browser, w.consent(w.press(w.browser, link), us3(t), granttest.OrgB))
	page := w.location(resp).String()
	resp, text := w.get(w.browser, page)
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	assert.Contains(t, text, "Your data goes where it went before.")
	org, err := w.grants.Org("acme")
	require.NoError(t, err)
	assert.Equal(t, granttest.OrgA, org.ID)
	w.Datadog.RevokeKey(us3(t), granttest.OrgB)
	resp, text = w.tryAgain(w.browser, page)
	assert.Equal(t, http.StatusOK, resp.StatusCode, text)
	org, err = w.grants.Org("acme")
	require.NoError(t, err)
	assert.Equal(t, granttest.OrgB, org.ID)
}

func TestAChangeThatAnOperatorRejectedIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	w.connect(w.browser, w.logIn(w.browser, p, "", "acme"), us3(t), granttest.OrgA)
	w.Datadog.AddKey(us3(t), granttest.OrgB, w.Clock.Now())
	link := w.logIn(w.browser, p, "", "acme", func(c jwt.MapClaims) { c["allow_change"] = true })
	resp, _ := w.comeBack(w.browser, w.consent(w.press(w.browser, link), us3(t), granttest.OrgB))
	page := w.location(resp).String()
	require.NoError(t, w.grants.RejectChange(t.Context(), "acme", "operator"))
	w.Datadog.RevokeKey(us3(t), granttest.OrgB)
	assert.Contains(t, w.connect(w.browser, w.logIn(w.browser, p, "", "acme"), us3(t), granttest.OrgB), "has to confirm the change")
	resp, text := w.tryAgain(w.browser, page)
	assert.Equal(t, http.StatusConflict, resp.StatusCode, text)
	assert.Contains(t, text, "Things have changed")
	org, err := w.grants.Org("acme")
	require.NoError(t, err)
	assert.Equal(t, granttest.OrgA, org.ID)
}

func TestTryAgainTwiceInAMomentKeepsThePage(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, func(o *flow.Options) { o.PerAddress = 5 })
	page := w.keyInTheWay(w.link("acme"))
	_, first := w.tryAgain(w.browser, page)
	press := func() (*http.Response, string) {
		resp, err := w.browser.PostForm(page+"/again", nil)
		require.NoError(t, err)
		w.body(resp)
		require.Equal(t, http.StatusSeeOther, resp.StatusCode)
		require.Equal(t, page, w.location(resp).String(), "reloading sends no form")
		return w.get(w.browser, page)
	}
	resp, text := press()
	assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	assert.Equal(t, "10", resp.Header.Get("Retry-After"))
	assert.Contains(t, text, "Wait 10 seconds, then press “Try again”.")
	for _, still := range []string{"<strong>Revoke</strong>", "Try again</button>"} {
		assert.Contains(t, text, still)
	}
	w.Clock.Advance(4 * time.Second)
	resp, text = w.get(w.browser, page)
	assert.Equal(t, "6", resp.Header.Get("Retry-After"))
	assert.Contains(t, text, "Wait 6 seconds")
	w.Clock.Advance(6 * time.Second)
	resp, text = w.get(w.browser, page)
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	assert.Equal(t, first, text, "the page is what it was")

	for range 10 { // over the limit of the address, which never reaches the grants
		resp, text = press()
		if strings.Contains(text, "Wait 60 seconds") {
			break
		}
	}
	assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	assert.Equal(t, "60", resp.Header.Get("Retry-After"))
	assert.Contains(t, text, "Try again</button>")
	assert.Contains(t, w.counted(), "too_many")
	w.Clock.Advance(50 * time.Second)
	w.Datadog.RevokeKey(us3(t), granttest.OrgA)
	resp, text = w.tryAgain(w.browser, page)
	assert.Equal(t, http.StatusOK, resp.StatusCode, text)

	resp, err := w.newBrowser().PostForm(page+"/again", nil) // nothing to go back to; the same address
	require.NoError(t, err)
	w.body(resp)
	assert.Equal(t, http.StatusSeeOther, resp.StatusCode)
}
