package flow_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// TestACheckerGoesTheWayOfABrowser compares it with one.
func TestACheckerGoesTheWayOfABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, err := w.pages.Checker()
	require.NoError(t, err)
	for _, q := range []url.Values{{"site": {"https://us5.datadoghq.com"}, "domain": {"us5.datadoghq.com"}}, {"site": {"us5.datadoghq.com"}, "domain": {"us5.datadoghq.com"}}, nil} {
		secret, end, err := w.grants.InviteForCheck(t.Context(), "acme", "main", "c1", time.Minute)
		require.NoError(t, err)
		to, err := c.Begin(t.Context(), secret, q)
		require.NoError(t, err)
		end(t.Context())
		seen := w.press(w.newBrowser(), w.link("acme")+"?"+q.Encode())
		for _, once := range []string{"state", "code_challenge"} {
			a, b := to.Query(), seen.Query()
			assert.Len(t, a.Get(once), len(b.Get(once)))
			a.Del(once)
			b.Del(once)
			to.RawQuery, seen.RawQuery = a.Encode(), b.Encode()
		}
		assert.Equal(t, seen.String(), to.String())
	}
	assert.Equal(t, []string{"begun", "begun", "begun"}, w.counted(), "what a check begins is counted")
	_, err = c.Begin(t.Context(), "no-such-link", nil)
	require.ErrorContains(t, err, "404")
	to, err := c.Tile(t.Context(), nil)
	require.NoError(t, err)
	assert.Nil(t, to)
	page, err := c.LastPage()
	require.NoError(t, err)
	assert.Contains(t, page, "You may now close this tab")
}

func TestTheConsentOfACheckConnectsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.connect(w.browser, w.link("acme"), site.US1(), granttest.OrgA)
	require.NoError(t, w.grants.BeginCheck(t.Context(), check.Report{ID: "c1", Tenant: "acme", StartedAt: w.Clock.Now()}))
	secret, _, err := w.grants.InviteForCheck(t.Context(), "acme", "main", "c1", time.Minute)
	require.NoError(t, err)
	b := w.newBrowser()
	for language, says := range map[string]string{"en": "nothing is connected or changed", "ko": "점검을 위한 링크입니다"} {
		_, text := w.get(w.browserIn(language), w.pages.Link(secret))
		assert.Contains(t, text, says)
		_, text = w.get(w.browserIn(language), w.link("acme"))
		assert.NotContains(t, text, says, "of another link")
	}
	_, page := w.get(w.newBrowser(), w.pages.Link(secret))
	resp, err := w.newBrowser().PostForm(w.pages.Link(secret), url.Values{"start": {startField.FindStringSubmatch(page)[1]}, "address": {"https://example.com"}})
	require.NoError(t, err)
	assert.Contains(t, w.body(resp), "nothing is connected or changed", "also after an address that is none of Datadog's")
	resp, text := w.comeBack(b, w.consent(w.press(b, w.pages.Link(secret)), site.US1(), granttest.OrgB))
	require.Equal(t, http.StatusSeeOther, resp.StatusCode, text)
	resp, text = w.get(b, w.location(resp).String())
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, text, "Nothing was connected or changed")
	assert.Contains(t, text, "You may now close this tab")
	trial, err := w.grants.CheckTrial(t.Context(), "acme", "c1")
	require.NoError(t, err)
	require.NotNil(t, trial)
	assert.True(t, trial.Refused)
	org, err := w.grants.Org("acme")
	require.NoError(t, err)
	assert.Equal(t, granttest.OrgA, org.ID)
	facts, err := w.grants.CheckFacts(t.Context(), "acme")
	require.NoError(t, err)
	assert.Nil(t, facts.Failed)
}

func TestAConsentThatFailsIsNoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	eu, _ := site.ByDomain("datadoghq.eu")
	failed := func(edit func(url.Values)) *check.FailedConsent {
		b := w.newBrowser()
		q := w.consent(w.press(b, w.link("acme")+"?domain=datadoghq.com&site=app.datadoghq.com"), site.US1(), granttest.OrgA)
		edit(q)
		w.comeBack(b, q)
		facts, err := w.grants.CheckFacts(t.Context(), "acme")
		if err != nil {
			return nil
		}
		return facts.Failed
	}
	assert.Nil(t, failed(func(q url.Values) { q.Set("error", "access_denied") }), "who says no has not found a fault")
	f := failed(func(q url.Values) { q.Set("domain", "bigcorp.datadoghq.eu") })
	require.NotNil(t, f)
	assert.Equal(t, "bad_domain", f.Outcome)
	assert.Contains(t, f.Reason, "use datadoghq.eu")
	f = failed(func(q url.Values) { q.Set("domain", eu.Domain()); q.Set("site", eu.AppOrigin()) })
	require.NotNil(t, f)
	assert.Equal(t, "exchange_refused", f.Outcome)
	assert.Equal(t, []string{"datadoghq.com", "https://app.datadoghq.com", "datadoghq.eu"}, []string{f.StartedDomain, f.AppOrigin, f.CallbackDomain})
}

func TestACheckerOpensTheTile(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	c, err := w.pages.Checker()
	require.NoError(t, err)
	for _, form := range []string{"https://us5.datadoghq.com", "us5.datadoghq.com"} {
		to, err := c.Tile(t.Context(), url.Values{"site": {form}, "domain": {"us5.datadoghq.com"}})
		require.NoError(t, err)
		assert.Equal(t, "login.partner.example", to.Host)
		assert.NotEmpty(t, to.Query().Get("request_id"))
	}
	_, err = c.Tile(t.Context(), url.Values{"site": {"https://evil.example"}})
	require.ErrorContains(t, err, "400")
	assert.Empty(t, w.counted())
}
