package standin_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

func TestConsentStartedAtUS1EndsWhereTheOrganisationLives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	for _, tc := range []struct {
		name, origin, wantSite string
		answer                 url.Values
	}{
		{"site and organisation chosen", "https://app.datadoghq.com", "https://app.datadoghq.eu", url.Values{"site": {"datadoghq.eu"}, "org": {w.eu1.ID}}},
		{"organisation chosen by name, site left open", "https://app.datadoghq.com", "https://us3.datadoghq.com", url.Values{"org": {"Acme US3"}}},
		{"vanity host of an organisation on another site", "https://acme.datadoghq.com", "https://acme.datadoghq.com", url.Values{"org": {w.us3.ID}}},
		{"vanity host that nobody claimed", "https://bigcorp.datadoghq.eu", "https://bigcorp.datadoghq.eu", url.Values{"org": {w.eu1.ID}}},
		{"own app host, long form", "https://app.us3.datadoghq.com", "https://us3.datadoghq.com", url.Values{"org": {w.us3.ID}}},
	} {
		tc.answer.Set("action", "authorize")
		org := w.eu1
		if strings.Contains(tc.answer.Get("org"), w.us3.ID) || tc.answer.Get("org") == w.us3.Name {
			org = w.us3
		}
		q := w.consent(tc.origin, authorizeQuery(), tc.answer).callback(t)
		want := url.Values{"keep": {"1"}, "code": q["code"], "state": {"state-0123456789"}, "domain": {org.Site}, "site": {tc.wantSite},
			"client_id": {partner.ID}, "dd_oid": {org.ID}, "dd_org_name": {org.Name}}
		if q.Encode() != want.Encode() || q.Get("code") == "" {
			t.Errorf("%s: callback %v, want %v", tc.name, q, want)
		}
		if r := w.post(tokenURL(org.Site), codeForm(q.Get("code"))); r.status != http.StatusOK {
			t.Errorf("%s: token endpoint of %s: %d %s", tc.name, org.Site, r.status, r.body)
		}
	}
}

func TestConsentPageOffersSitesOnlyAtUS1(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	fed := w.addOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "ddog-gov.com"}, Name: "Agency"})
	us1 := w.do("GET", "https://app.datadoghq.com/oauth2/v1/authorize?"+authorizeQuery().Encode(), "").body
	for _, want := range []string{`name="site"`, w.us1.ID, w.us3.ID, w.eu1.ID, "Authorize", "Deny"} {
		if !strings.Contains(us1, want) {
			t.Errorf("page at US1 lacks %s", want)
		}
	}
	if strings.Contains(us1, fed.ID) {
		t.Error("page at US1 offers an organisation of the government partition")
	}
	eu := w.do("GET", "https://app.datadoghq.eu/oauth2/v1/authorize?"+authorizeQuery().Encode(), "").body
	if strings.Contains(eu, `name="site"`) || strings.Contains(eu, w.us1.ID) || !strings.Contains(eu, w.eu1.ID) {
		t.Errorf("page at EU1 must offer its own organisations only:\n%s", eu)
	}
}

func TestAnUnlistedOrganisationCannotBeChosen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	w.OAuth().Unlist(w.us3.OrgRef)
	page := w.do("GET", "https://app.datadoghq.com/oauth2/v1/authorize?"+authorizeQuery().Encode(), "").body
	if strings.Contains(page, w.us3.ID) || !strings.Contains(page, w.eu1.ID) {
		t.Errorf("the page must offer all but the one that was taken off:\n%s", page)
	}
	if r := w.consent("https://app.datadoghq.com", authorizeQuery(), url.Values{"action": {"authorize"}, "org": {w.us3.ID}}); r.status == http.StatusFound {
		t.Error("it was chosen all the same")
	}
	w.OAuth().Relist(w.us3.OrgRef)
	if r := w.consent("https://app.datadoghq.com", authorizeQuery(), url.Values{"action": {"authorize"}, "org": {w.us3.ID}}); r.status != http.StatusFound {
		t.Errorf("it cannot be chosen again: %d", r.status)
	}
}

func TestAuthorizeShowsAnErrorPageAndNeverRedirects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	test := partner
	test.ID, test.TestOrg = "client-test", &w.eu1.OrgRef
	if err := w.OAuth().AddClient(test); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, origin, key, value, want string
	}{
		{"unknown client", "https://app.datadoghq.eu", "client_id", "nobody", "invalid_request - Invalid client_id parameter value"},
		{"test client on a site where its organisation is not", "https://us3.datadoghq.com", "client_id", test.ID, "invalid_request - Invalid client_id parameter value"},
		{"redirect URI not registered", "https://app.datadoghq.eu", "redirect_uri", "https://partner.example/datadog/callback", "invalid_request - Mismatching redirect URI"},
		{"redirect URI missing", "https://app.datadoghq.eu", "redirect_uri", "", "invalid_request - Mismatching redirect URI"},
	} {
		q := authorizeQuery()
		q.Set(tc.key, tc.value)
		r := w.do("GET", tc.origin+"/oauth2/v1/authorize?"+q.Encode(), "")
		if r.status != http.StatusBadRequest || r.header.Get("Location") != "" || !strings.Contains(html.UnescapeString(r.body), "<p>"+tc.want+"</p>") {
			t.Errorf("%s: %d %s", tc.name, r.status, r.body)
		}
	}
	q := authorizeQuery()
	q.Set("client_id", test.ID)
	if r := w.consent("https://app.datadoghq.com", q, url.Values{"action": {"authorize"}, "org": {w.us3.ID}}); r.status != http.StatusBadRequest || !strings.Contains(r.body, "Invalid client_id") {
		t.Errorf("test client in another organisation: %d %s", r.status, r.body)
	}
	if q := w.consent("https://app.datadoghq.com", q, url.Values{"action": {"authorize"}, "org": {w.eu1.ID}}).callback(t); q.Get("code") == "" {
		t.Errorf("test client in its own organisation: %v", q)
	}
}

func TestAuthorizeErrorsGoToTheRedirectURI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	for _, tc := range []struct {
		name, key, value, wantError, wantText string
	}{
		{"unknown scope", "scope", "api_keys_write made_up", "invalid_scope", "The following scopes are not recognized: made_up"},
		{"no PKCE", "code_challenge", "", "invalid_request", ""},
		{"plain PKCE", "code_challenge_method", "plain", "invalid_request", ""},
		{"challenge that is no SHA-256", "code_challenge", "abc", "invalid_request", ""},
		{"other response type", "response_type", "token", "unsupported_response_type", ""},
	} {
		q := authorizeQuery()
		q.Set(tc.key, tc.value)
		got := w.do("GET", "https://app.datadoghq.com/oauth2/v1/authorize?"+q.Encode(), "").callback(t)
		if got.Get("error") != tc.wantError || got.Get("state") != "state-0123456789" || got.Get("code") != "" ||
			tc.wantText != "" && got.Get("error_description") != tc.wantText {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	if got := w.consent("https://app.datadoghq.eu", authorizeQuery(), url.Values{"action": {"deny"}}).callback(t); got.Get("error") != "access_denied" || got.Get("code") != "" {
		t.Errorf("denied: %v", got)
	}
	poor := w.addOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "datadoghq.eu"}, Name: "Poor", UnavailableScopes: []string{"timeseries_query"}})
	if got := w.consent("https://app.datadoghq.eu", authorizeQuery(), url.Values{"action": {"authorize"}, "org": {poor.ID}}).callback(t); got.Get("error") != "invalid_scope" {
		t.Errorf("scope outside the plan: %v", got)
	}
	w.OAuth().DisableClient(partner.ID, w.eu1.OrgRef, true)
	if got := w.consent("https://app.datadoghq.eu", authorizeQuery(), url.Values{"action": {"authorize"}, "org": {w.eu1.ID}}).callback(t); got.Get("error") != "access_denied" {
		t.Errorf("disabled client: %v", got)
	}
}

func TestConsentBelongsToOneBrowserAndIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	const page = "https://app.datadoghq.eu/oauth2/v1/authorize"
	id := consentID.FindStringSubmatch(w.do("GET", page+"?"+authorizeQuery().Encode(), "").body)[1]
	answer := url.Values{"consent": {id}, "action": {"authorize"}, "org": {w.eu1.ID}}
	mine := w.client
	w.client = w.httpClient(true)
	if r := w.post(page, answer); r.status != http.StatusForbidden {
		t.Errorf("another browser: %d", r.status)
	}
	w.client = mine
	w.post(page, answer).callback(t)
	if r := w.post(page, answer); r.status != http.StatusForbidden {
		t.Errorf("second answer: %d", r.status)
	}
}

func TestUserWithoutAllPermissionsGrantsLess(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	limited := w.addOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "datadoghq.eu"}, Name: "Limited", WithheldScopes: []string{"api_keys_write"}})
	r := w.post(tokenURL(limited.Site), codeForm(w.code(limited)))
	m := r.json(t)
	if m["scope"] != "timeseries_query" {
		t.Fatalf("granted scopes %v, want timeseries_query only", m["scope"])
	}
	got := w.do("POST", "https://api.datadoghq.eu/api/v2/api_keys/marketplace", "", "Authorization", "Bearer "+m["access_token"].(string))
	if got.status != http.StatusForbidden || got.body != `{"errors":["Forbidden"]}` {
		t.Errorf("mint without the scope: %d %s", got.status, got.body)
	}
}
