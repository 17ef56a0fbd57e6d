package oauth

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ory/fosite"
)

// reader is a bearer token that a test asked for, to read back what was sent. It belongs to no grant.
type reader struct {
	org    OrgRef
	scopes []string
}

// bearer is whose token it is, as one site sees it.
type bearer struct {
	org     OrgRef
	client  string // empty for a reader token
	scopes  []string
	expired bool
}

// IssueReader makes a bearer token that reads what an organisation received.
func (w *World) IssueReader(org OrgRef, scopes ...string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.org(org); !ok {
		return "", fmt.Errorf("issue a reader token: no organisation %s on %s", org.ID, org.Site)
	}
	token := "reader-" + randomHex(20)
	w.readers[token] = reader{org: org, scopes: slices.Clone(scopes)}
	w.remember(Secret{Kind: "reader_token", Value: token, Site: org.Site, Org: org.ID})
	return token, nil
}

// Bearer resolves an access token on a site: the organisation and the granted scopes, or false for a token that is
// unknown there, revoked or expired.
func (w *World) Bearer(site, token string) (orgID string, scopes []string, ok bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	b, ok := w.bearer(site, token)
	if !ok || b.expired {
		return "", nil, false
	}
	return b.org.ID, b.scopes, true
}

func (w *World) bearer(site, token string) (bearer, bool) {
	if r, ok := w.readers[token]; ok {
		return bearer{org: r.org, scopes: r.scopes}, r.org.Site == site
	}
	st, ok := w.sites[site]
	if !ok {
		return bearer{}, false
	}
	r, expired, ok := st.provider.grantOf(st.store, token, w.now())
	if !ok && !expired {
		return bearer{}, false
	}
	return bearer{org: orgOf(r), client: r.GetClient().GetID(), scopes: r.GetGrantedScopes(), expired: expired}, true
}

// BearerOwner says whose token it is on whatever site, for the request history.
func (w *World) BearerOwner(token string) (OrgRef, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for site := range w.sites {
		if b, ok := w.bearer(site, token); ok {
			return b.org, true
		}
	}
	return OrgRef{}, false
}

// BearerToken reads "Authorization: Bearer <token>".
func BearerToken(r *http.Request) (string, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// authorized finds the caller of a call that needs a token with one scope (none if empty), or has answered:
// 401 without or with an expired token, 403 for a token that is unknown on this site or lacks the scope.
func (w *World) authorized(rw http.ResponseWriter, r *http.Request, scope string) (bearer, bool) {
	token, ok := BearerToken(r)
	if !ok {
		if r.Header.Get("DD-API-KEY") != "" {
			writeErrors(rw, http.StatusForbidden, "Forbidden")
			return bearer{}, false
		}
		writeErrors(rw, http.StatusUnauthorized, "Unauthorized")
		return bearer{}, false
	}
	w.mu.RLock()
	b, ok := w.bearer(target(r).Site.Domain, token)
	w.mu.RUnlock()
	switch {
	case ok && b.expired:
		writeErrors(rw, http.StatusUnauthorized, "Unauthorized")
		return bearer{}, false
	case !ok, scope != "" && !slices.Contains(b.scopes, scope):
		writeErrors(rw, http.StatusForbidden, "Forbidden")
		return bearer{}, false
	}
	return b, true
}

// validateToken is GET /api/v2/validate_keys, the cheapest proof of an access token.
func (w *World) validateToken(rw http.ResponseWriter, r *http.Request) {
	if _, ok := w.authorized(rw, r, ""); ok {
		writeJSON(rw, http.StatusOK, map[string]string{"status": "ok"})
	}
}

// deauthorize is DELETE /api/v2/user_authorized_clients/client/{client}: a user withdraws what they granted to a client.
func (w *World) deauthorize(rw http.ResponseWriter, r *http.Request) {
	b, ok := w.authorized(rw, r, "")
	if !ok {
		return
	}
	if w.RevokeGrants(r.PathValue("client"), b.org) == 0 {
		writeErrors(rw, http.StatusNotFound, "Not found")
		return
	}
	rw.WriteHeader(http.StatusNoContent)
}

var _ fosite.Session = (*session)(nil)
