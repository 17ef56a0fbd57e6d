package oauth

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
)

// Texts of Datadog's own error page, after which nothing is redirected and the partner never hears of the failure.
const (
	badClientID    = "invalid_request - Invalid client_id parameter value"
	badRedirectURI = "invalid_request - Mismatching redirect URI"
)

// consent is a page that was shown and not yet answered.
type consent struct {
	cookie string
	form   url.Values // the authorize request
	target hosts.Target
}

const consentCookie = "dd_standin_session"

// authorize shows the consent page, or an error page, or sends the browser back with an error.
func (w *World) authorize(rw http.ResponseWriter, r *http.Request) {
	form := r.URL.Query()
	w.mu.Lock()
	defer w.mu.Unlock()
	client, ok := w.clients[form.Get("client_id")]
	if !ok || len(form["client_id"]) != 1 {
		errorPage(rw, http.StatusBadRequest, badClientID)
		return
	}
	if !slices.Contains(client.RedirectURIs, form.Get("redirect_uri")) || len(form["redirect_uri"]) != 1 {
		errorPage(rw, http.StatusBadRequest, badRedirectURI)
		return
	}
	w.remember(Secret{Kind: "state", Value: form.Get("state"), Client: client.ID})
	normaliseMethod(form)
	if _, fail := w.request(r.Context(), w.sites[target(r).Site.Domain], form); fail != nil {
		redirectError(rw, form, *fail)
		return
	}
	orgs := w.offered(target(r), client)
	if len(orgs) == 0 {
		text := "No organization can be chosen on " + r.Host
		if client.TestOrg != nil {
			text = badClientID
		}
		errorPage(rw, http.StatusBadRequest, text)
		return
	}
	id, cookie := randomHex(16), randomHex(16)
	if c, err := r.Cookie(consentCookie); err == nil && len(c.Value) == 32 {
		cookie = c.Value // one session for all tabs of a browser
	}
	w.consents[id] = &consent{cookie: cookie, form: form, target: target(r)}
	http.SetCookie(rw, &http.Cookie{Name: consentCookie, Value: cookie, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	consentPage(rw, pageData{
		Consent: id, Client: client.Name, Scopes: requestedScopes(form, client), Orgs: orgs,
		Sites: sitesOf(orgs, target(r)), Hint: form.Get("dd_oid"),
	})
}

// decide is the POST of the consent page to the same path. It answers with 302 to the partner, success or not.
func (w *World) decide(rw http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(rw, r.Body, 1<<16)
	if err := r.ParseForm(); err != nil {
		errorPage(rw, http.StatusBadRequest, "invalid_request - The form cannot be read")
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id := r.PostForm.Get("consent")
	c, ok := w.consents[id]
	cookie, err := r.Cookie(consentCookie)
	if !ok || err != nil || cookie.Value != c.cookie || c.target.Host != target(r).Host {
		errorPage(rw, http.StatusForbidden, "invalid_request - This consent was shown to another browser or is answered already")
		return
	}
	client, known := w.clients[c.form.Get("client_id")]
	if !known {
		errorPage(rw, http.StatusBadRequest, badClientID)
		return
	}
	if w.settings.ConsentError != "" {
		delete(w.consents, id)
		redirectError(rw, c.form, oauthError{name: w.settings.ConsentError, text: w.settings.ConsentErrorText})
		return
	}
	if r.PostForm.Get("action") == "deny" {
		delete(w.consents, id)
		redirectError(rw, c.form, oauthError{name: "access_denied", text: "The user denied the request"})
		return
	}
	if r.PostForm.Get("action") != "authorize" {
		errorPage(rw, http.StatusBadRequest, "invalid_request - Press Authorize or Deny")
		return
	}
	org, ok := pick(w.offered(c.target, client), r.PostForm.Get("site"), r.PostForm.Get("org"))
	if !ok {
		errorPage(rw, http.StatusBadRequest, "invalid_request - The chosen organization is not on the chosen site")
		return
	}
	delete(w.consents, id)
	if client.TestOrg != nil && *client.TestOrg != org.OrgRef {
		errorPage(rw, http.StatusBadRequest, badClientID)
		return
	}
	w.grant(r.Context(), rw, c, client, org)
}

// grant issues the code on the organisation's own site and sends the browser back.
func (w *World) grant(ctx context.Context, rw http.ResponseWriter, c *consent, client Client, org Org) {
	if w.disabled[clientInOrg{client.ID, org.OrgRef}] {
		redirectError(rw, c.form, oauthError{name: "access_denied", text: "The application is disabled for this organization"})
		return
	}
	site := w.sites[org.Site]
	scopes := requestedScopes(c.form, client)
	if missing := intersection(scopes, org.UnavailableScopes); len(missing) > 0 {
		redirectError(rw, c.form, unrecognised(missing))
		return
	}
	ar, fail := w.request(ctx, site, c.form)
	if fail != nil {
		redirectError(rw, c.form, *fail)
		return
	}
	ar.SetRequestedScopes(scopes)
	for _, s := range scopes {
		if !slices.Contains(org.WithheldScopes, s) {
			ar.GrantScope(s)
		}
	}
	site.provider.lifespans(w.settings)
	answer, err := site.provider.NewAuthorizeResponse(ctx, ar, newSession(org.OrgRef))
	if err != nil {
		redirectError(rw, c.form, fromFosite(err))
		return
	}
	w.remember(Secret{Kind: "code", Value: answer.GetCode(), Site: org.Site, Org: org.ID, Client: client.ID})
	domain, origin := org.Site, site.site.AppOrigin()
	if c.target.Vanity != "" {
		origin = "https://" + c.target.Host
	}
	if w.settings.WrongSite {
		domain = neighbour(site.site).Domain
	}
	name := org.Name
	if w.settings.OmitOrgName {
		name = ""
	}
	redirect(rw, c.form.Get("redirect_uri"), url.Values{
		"code": {answer.GetCode()}, "state": {c.form.Get("state")}, "domain": {domain}, "site": {origin},
		"client_id": {client.ID}, "dd_oid": {org.ID}, "dd_org_name": {name},
	})
}

// request lets fosite judge an authorize request, and adds what fosite would only find when it issues the code.
func (w *World) request(ctx context.Context, site *siteState, form url.Values) (fosite.AuthorizeRequester, *oauthError) {
	ar, err := site.provider.NewAuthorizeRequest(ctx, &http.Request{Method: http.MethodGet, Form: form, URL: &url.URL{}, Header: http.Header{}})
	if err != nil {
		fail := fromFosite(err)
		if fail.name == "invalid_scope" {
			known := w.clients[form.Get("client_id")].Scopes
			fail = unrecognised(slices.DeleteFunc(strings.Fields(form.Get("scope")), func(s string) bool { return slices.Contains(known, s) }))
		}
		return nil, &fail
	}
	if form.Get("code_challenge_method") != "S256" {
		return nil, &oauthError{name: "invalid_request", text: "code_challenge_method must be S256"}
	}
	if b, err := base64.RawURLEncoding.Strict().DecodeString(form.Get("code_challenge")); err != nil || len(b) != 32 {
		return nil, &oauthError{name: "invalid_request", text: "code_challenge must be the unpadded base64url of a SHA-256 sum"}
	}
	return ar, nil
}

// normaliseMethod takes the other name that Datadog's documentation has for the one method that it supports.
func normaliseMethod(form url.Values) {
	if form.Get("code_challenge_method") == "SHA-256" {
		form.Set("code_challenge_method", "S256")
	}
}

func requestedScopes(form url.Values, c Client) []string {
	if scopes := strings.Fields(form.Get("scope")); len(scopes) > 0 {
		return scopes
	}
	return c.Scopes
}

func unrecognised(scopes []string) oauthError {
	return oauthError{name: "invalid_scope", text: "The following scopes are not recognized: " + strings.Join(scopes, " ")}
}

func intersection(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

// neighbour is the next site of the same partition, for the world in which callbacks name the wrong one.
func neighbour(s hosts.Site) hosts.Site {
	all := slices.DeleteFunc(hosts.Sites(), func(o hosts.Site) bool { return o.Government != s.Government })
	i := slices.IndexFunc(all, func(o hosts.Site) bool { return o.Domain == s.Domain })
	return all[(i+1)%len(all)]
}
