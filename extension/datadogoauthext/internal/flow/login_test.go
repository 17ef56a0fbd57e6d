package flow_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestACustomerOfTheTileConnects(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	login := w.arrive(w.browser, "?site=https://bigcorp.datadoghq.com&domain=us3.datadoghq.com")
	assert.Equal(t, "https://login.partner.example/sso", login.Scheme+"://"+login.Host+login.Path)
	assert.Equal(t, "en", login.Query().Get("lang"), "the query of login_url is kept")
	assert.Len(t, login.Query(), 3, "what the customer came with waits here")

	ticket := p.sign(p.claims(w.Clock.Now(), login.Query().Get("nonce"), "acme <1>"))
	resp, text := w.get(w.browser, returning(login, ticket))
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, text)
	page := w.location(resp).String()
	assert.NotContains(t, page, "ticket", "it leaves the address bar")
	_, text = w.get(w.browser, page)
	for _, shown := range []string{"acme &lt;1&gt;", "Parts &amp; &lt;Co&gt;", "https://bigcorp.datadoghq.com"} {
		assert.Contains(t, text, shown)
	}
	assert.Equal(t, []string{"login_begun", "admitted"}, w.counted(), "looking makes no state and no verifier")

	to := w.press(w.browser, page)
	assert.Equal(t, "bigcorp.datadoghq.com", to.Host)
	again := w.press(w.browser, page) // twice, while Datadog was slow to answer
	assert.NotEqual(t, to.Query().Get("state"), again.Query().Get("state"))
	resp, text = w.comeBack(w.browser, w.consent(again, us3(t), granttest.OrgA))
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, text)
	_, text = w.get(w.browser, w.location(resp).String())
	assert.Contains(t, text, "You may now close this tab")
	cred, err := w.grants.Lookup("acme <1>")
	require.NoError(t, err)
	assert.Equal(t, "us3.datadoghq.com", cred.Site().Domain())

	resp, text = w.get(w.browser, page)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "a connection ends the login")
	assert.Contains(t, text, `href="/connect"`, "and says where to begin again")
	w.noSecrets(ticket, login.Query().Get("request_id"), to.Query().Get("state"))
}

func TestACustomerOfThePartnersOwnSiteConnects(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, func(o *flow.Options) { p.admits(o); o.PublicURL += "/dd/" })
	resp, text := w.get(w.browser, public+"/dd/connect")
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, text)
	login := w.location(resp)
	ticket := p.sign(p.claims(w.Clock.Now(), login.Query().Get("nonce"), "acme"))
	resp, text = w.get(w.browser, strings.Replace(returning(login, ticket), "/ticket", "/dd/ticket", 1))
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, text)
	to := w.press(w.browser, w.location(resp).String())
	assert.Equal(t, "app.datadoghq.com", to.Host, "no site is known: the customer chooses at US1, and the callback's domain decides")
	resp, text = w.comeBack(w.browser, w.consent(to, us3(t), granttest.OrgA))
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, text)
	assert.Regexp(t, `^/dd/connected/`, w.location(resp).Path)
}

func TestATicketMayAllowTheChange(t *testing.T) {
	t.Parallel()
	for allowed, org := range map[bool]string{false: granttest.OrgA, true: granttest.OrgB} {
		p := newPartner(t)
		w := newWorldWith(t, p.admits)
		w.connect(w.browser, w.logIn(w.browser, p, "", "acme"), us3(t), granttest.OrgA)
		page := w.connect(w.browser, w.logIn(w.browser, p, "", "acme", func(c jwt.MapClaims) { c["allow_change"] = allowed }), us3(t), granttest.OrgB)
		assert.Equal(t, !allowed, strings.Contains(page, "Nothing was changed yet"))
		got, err := w.grants.Org("acme")
		require.NoError(t, err)
		assert.Equal(t, org, got.ID)
	}
}

func TestATicketWorksOnce(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	login := w.arrive(w.browser, "")
	ticket := p.sign(p.claims(w.Clock.Now(), login.Query().Get("nonce"), "acme"))
	resp, _ := w.get(w.browser, returning(login, ticket))
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	resp, _ = w.returns(w.browser, returning(login, ticket))
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "the same ticket")
	other := p.claims(w.Clock.Now(), login.Query().Get("nonce"), "globex")
	other["jti"] = "ticket-2"
	resp, _ = w.returns(w.browser, returning(login, p.sign(other)))
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "another one for the same login")
	next := w.arrive(w.browser, "")
	resp, _ = w.returns(w.browser, returning(next, ticket))
	assert.Equal(t, http.StatusForbidden, resp.StatusCode, "the same ticket for another login")
	assert.Equal(t, []string{"login_begun", "admitted", "no_login", "no_login", "login_begun", "bad_ticket"}, w.counted())
}

// Each row is a browser that has not what the login under way was given to.
func TestALoginBelongsToItsBrowser(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	login := w.arrive(w.browser, "")
	requestID := login.Query().Get("request_id")
	ticket := p.sign(p.claims(w.Clock.Now(), login.Query().Get("nonce"), "acme"))
	var name string
	for n := range cookies(w.browser) {
		name = n
	}
	forged := w.newBrowser()
	forged.Jar.SetCookies(&url.URL{Scheme: "https", Host: "connect.partner.example"}, []*http.Cookie{{Name: name, Value: login.Query().Get("nonce"), Secure: true, Path: "/"}})
	for who, b := range map[string]*http.Client{"the victim of a planted login": w.newBrowser(), "who knows the nonce": forged} {
		resp, text := w.returns(b, returning(login, ticket))
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode, who)
		assert.Contains(t, text, "another browser", who)
	}
	resp, _ := w.get(w.browser, returning(login, ticket))
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, "and is not used up by them")
	page := public + "/connect/request/" + requestID
	resp, text := w.get(w.newBrowser(), page)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.NotContains(t, text, "acme", "and learns nothing")
	_, text = w.get(w.browser, page)
	field := startField.FindStringSubmatch(text)[1]
	resp, err := w.newBrowser().PostForm(page, url.Values{"start": {field}})
	require.NoError(t, err)
	w.body(resp)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.NotContains(t, w.counted(), "begun")
}

func TestLoginsThatLeadNowhere(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	login := w.arrive(w.browser, "")
	requestID := login.Query().Get("request_id")
	ticket := p.sign(p.claims(w.Clock.Now(), login.Query().Get("nonce"), "acme"))
	for name, tc := range map[string]struct {
		path   string
		status int
	}{
		"a page before its ticket":        {"/connect/request/" + requestID, 403},
		"no request id":                   {"/ticket?ticket=" + ticket, 400},
		"no ticket":                       {"/ticket?request_id=" + requestID, 400},
		"two tickets":                     {"/ticket?request_id=" + requestID + "&ticket=" + ticket + "&ticket=" + ticket, 400},
		"two request ids":                 {"/ticket?request_id=" + requestID + "&request_id=x&ticket=" + ticket, 400},
		"a request id that is not known":  {"/ticket?request_id=x&ticket=" + ticket, 400},
		"a request id that is too long":   {"/ticket?request_id=" + strings.Repeat("x", 200) + "&ticket=" + ticket, 400},
		"a query that is too long":        {"/ticket?request_id=" + requestID + "&ticket=" + ticket + strings.Repeat("x", 10_000), 400},
		"a query that cannot be read":     {"/ticket?request_id=%zz&ticket=" + ticket, 400},
		"the page of an unknown request":  {"/connect/request/unknown", 400},
		"an arrival with a foreign site":  {"/connect?site=https://evil.example", 400},
		"an arrival with a sites twice":   {"/connect?site=us3.datadoghq.com&site=us5.datadoghq.com", 400},
		"an arrival of another partition": {"/connect?site=https://app.ddog-gov.com&domain=us5.datadoghq.com", 400},
	} {
		resp, text := w.returns(w.browser, public+tc.path)
		assert.Equal(t, tc.status, resp.StatusCode, name)
		assert.NotContains(t, resp.Request.URL.String(), ticket, "%s: it leaves the address bar", name)
		assert.NotContains(t, text, "acme", name)
	}
	w.Clock.Advance(30 * time.Minute)
	late := p.sign(p.claims(w.Clock.Now(), login.Query().Get("nonce"), "acme"))
	resp, _ := w.returns(w.browser, returning(login, late))
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode, "a login that took too long")
	assert.Empty(t, w.Datadog.Dials())
	w.noSecrets(ticket, late, requestID)
}

func TestAFailedConsentMayBeTriedAgainAfterALogin(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	page := w.logIn(w.browser, p, "", "acme")
	q := w.consent(w.press(w.browser, page), us3(t), granttest.OrgA)
	q.Set("error", "access_denied")
	resp, text := w.ends(w.browser, q)
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, text, `href="/connect"`)
	assert.Contains(t, w.connect(w.browser, page, us3(t), granttest.OrgA), "You may now close this tab")
}

func TestWhoeverHasNoLinkIsNotToldToOpenOne(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	page := w.logIn(w.browser, p, "", "acme")
	post := func(form url.Values) string {
		resp, err := w.browser.PostForm(page, form)
		require.NoError(t, err)
		return w.body(resp)
	}
	_, connect := w.get(w.browser, page)
	other := startField.FindStringSubmatch(connect)[1]
	page = w.logIn(w.browser, p, "", "acme", func(c jwt.MapClaims) { c["jti"] = "ticket-2" })
	texts := map[string]string{"a form without its field": post(nil), "the form of another page": post(url.Values{"start": {other}})}
	for _, code := range []string{"access_denied", "invalid_scope", "unauthorized_client", "server_error", "else"} {
		q := w.consent(w.press(w.browser, page), us3(t), granttest.OrgA)
		q.Set("error", code)
		_, texts[code] = w.ends(w.browser, q)
	}
	_, texts["bad_site"] = w.get(w.browser, public+"/connect?site=https://evil.example")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, page, nil)
	require.NoError(t, err)
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := w.browser.Do(req)
	require.NoError(t, err)
	texts["foreign_page"] = w.body(resp)
	for name, text := range texts {
		assert.Contains(t, text, `href="/connect">Begin again</a>`, name)
		assert.NotContains(t, text, "link", name)
	}
	assert.Contains(t, texts["access_denied"], "If that was a mistake: Begin again with the button below.")
	assert.Contains(t, texts["bad_site"], "Begin again with the button below, and choose your site on the page.")
}

// failingStore cannot read a consent under way.
type failingStore struct{ store.Store }

func (s failingStore) Get(ctx context.Context, kind store.Kind, key string) (store.Record, error) {
	if kind == store.KindFlow {
		return store.Record{}, errors.New("the disk is on fire")
	}
	return s.Store.Get(ctx, kind, key)
}

// A consent that took too long left nothing that says how its customer came.
func TestWhoeverMayHaveNoLinkIsToldBothWays(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	for _, logins := range []bool{true, false} {
		w := newWorldWith(t, func(o *flow.Options) {
			if logins {
				p.admits(o)
			}
		})
		link := w.link("acme")
		if logins {
			link = w.logIn(w.browser, p, "", "acme")
		}
		q := w.consent(w.press(w.browser, link), us3(t), granttest.OrgA)
		w.Clock.Advance(grant.FlowLife)
		texts := map[string]string{}
		_, texts["bad_state"] = w.ends(w.browser, q)
		_, texts["bad_state_missing"] = w.ends(w.browser, url.Values{"code": {"x"}})
		_, texts["bad_callback"] = w.ends(w.browser, url.Values{"state": {"x", "y"}})
		_, texts["nothing_here"] = w.get(w.browser, public+"/nowhere")
		w.server.Close()
		w.serve(w.NewOn(failingStore{w.Store()}, nil))
		granttest.AwaitReady(t, w.grants)
		_, texts["store_unread"] = w.comeBack(w.browser, q)
		for name, text := range texts {
			assert.Contains(t, text, "connect link", name)
			assert.Equal(t, logins, strings.Contains(text, "If you came by logging in, begin again with the button below."), name)
			assert.Equal(t, logins, strings.Contains(text, `href="/connect">Begin again</a>`), name)
		}
	}
}
