package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// bearer lets a request of the API pass that carries a token of one of the roles (RFC 6750).
//
// A browser never adds such a header by itself, so a foreign page cannot make one act here and no CSRF token is needed.
func (a *Admin) bearer(next http.HandlerFunc, roles ...Role) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		secret, ok := presented(r)
		token := Token{}
		if ok {
			token, _, ok = a.match(secret)
		}
		if !ok {
			if r.Header.Get("Authorization") != "" {
				a.noteLoginFailed(r, "api")
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="datadogoauth admin"`)
			problem(w, http.StatusUnauthorized, "send the header Authorization: Bearer with one of the admin tokens of the collector's configuration")
			return
		}
		if !slices.Contains(roles, token.Role) {
			a.noteRefusedRole(r, token, roles, "api")
			problem(w, http.StatusForbidden, refusedRole(token, roles))
			return
		}
		ctx := grant.WithActor(r.Context(), grant.Actor{Kind: "operator", Name: token.Name, Via: "api"})
		next(w, r.WithContext(context.WithValue(ctx, bearerToken{}, token)))
	}
}

// presented is the bearer token that a request carries, good or bad.
func presented(r *http.Request) (secret string, ok bool) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(secret), strings.EqualFold(scheme, "Bearer")
}

func refusedRole(token Token, roles []Role) string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = string(role)
	}
	return "the token " + token.Name + " has the role " + string(token.Role) + "; this needs " + strings.Join(names, " or ")
}

type bearerToken struct{}

// tokenOf is the token that let the request in.
func tokenOf(r *http.Request) Token {
	token, _ := r.Context().Value(bearerToken{}).(Token)
	return token
}

func nameOf(r *http.Request) string { return tokenOf(r).Name }
