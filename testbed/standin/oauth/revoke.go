package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/ory/fosite"
)

// revoke is POST https://api.<site>/oauth2/v1/revoke (RFC 7009). Any token of a grant ends the whole grant; an unknown
// one is a success. A minted API key lives on: Datadog asks partners to tell their customers so.
func (w *World) revoke(rw http.ResponseWriter, r *http.Request) {
	form, fail := credentials(rw, r)
	switch {
	case fail != nil:
	case form.Get("token") == "":
		fail = &oauthError{http.StatusBadRequest, "invalid_request", "token is missing"}
	case form.Get("client_secret") == "":
		fail = &oauthError{http.StatusUnauthorized, "invalid_client", "client_secret is missing"}
	default:
		w.mu.Lock()
		fail = w.revokeToken(r.Context(), w.sites[target(r).Site.Domain], form)
		w.mu.Unlock()
	}
	if fail != nil {
		writeOAuthError(rw, *fail)
		return
	}
	rw.WriteHeader(http.StatusOK)
}

func (w *World) revokeToken(ctx context.Context, site *siteState, form url.Values) *oauthError {
	err := site.provider.NewRevocationRequest(ctx, &http.Request{Method: http.MethodPost, Form: form, PostForm: form, URL: &url.URL{}, Header: http.Header{}})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fosite.ErrInvalidClient):
		return &oauthError{http.StatusUnauthorized, "invalid_client", "Client authentication failed"}
	case errors.Is(err, fosite.ErrUnauthorizedClient):
		return &oauthError{http.StatusBadRequest, "unauthorized_client", "The token belongs to another client"}
	default:
		e := fromFosite(err)
		return &e
	}
}

// RevokeGrants ends every grant of a client in an organisation, as a user or an admin does on Datadog's pages, and
// returns how many tokens it ended. An empty client means every client.
func (w *World) RevokeGrants(client string, org OrgRef) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.revokeGrants(client, org)
}

func (w *World) revokeGrants(client string, org OrgRef) int {
	site, ok := w.sites[org.Site]
	if !ok {
		return 0
	}
	n := 0
	of := func(r fosite.Requester) bool {
		return orgOf(r) == org && (client == "" || r.GetClient().GetID() == client)
	}
	for sig, r := range site.store.access {
		if of(r) {
			delete(site.store.access, sig)
			n++
		}
	}
	for _, t := range site.store.refresh {
		if !t.dead && of(t.Requester) {
			t.dead = true
			n++
		}
	}
	for _, c := range site.store.codes {
		if !c.used && of(c.Requester) {
			c.used = true
			n++
		}
	}
	return n
}

// DisableClient is what an admin does on "Mobile and Third-Party Access": the client's grants in the organisation end, and
// no consent succeeds until it is enabled again, after which everybody has to authorise anew.
func (w *World) DisableClient(client string, org OrgRef, disabled bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disabled[clientInOrg{client, org}] = disabled
	if disabled {
		w.revokeGrants(client, org)
	}
}

// ExpireAccessTokens makes every access token of an organisation an expired one and returns how many there were.
// Refresh tokens stay good.
func (w *World) ExpireAccessTokens(org OrgRef) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	site, ok := w.sites[org.Site]
	if !ok {
		return 0
	}
	n := 0
	for sig, r := range site.store.access {
		if orgOf(r) == org {
			expired := r.Sanitize(nil)
			s := r.GetSession().Clone()
			s.SetExpiresAt(fosite.AccessToken, w.now().Add(-1))
			expired.SetSession(s)
			site.store.access[sig] = expired
			n++
		}
	}
	return n
}
