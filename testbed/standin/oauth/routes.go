package oauth

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
)

type targetKey struct{}

// WithTarget says which host a request was sent to. ServeHTTP needs it.
func WithTarget(ctx context.Context, t hosts.Target) context.Context {
	return context.WithValue(ctx, targetKey{}, t)
}

func target(r *http.Request) hosts.Target {
	t, _ := r.Context().Value(targetKey{}).(hosts.Target)
	return t
}

// Owns reports whether a request is for this package: every page of an app host, and the paths of an API host that
// deal with grants, keys and users.
func Owns(t hosts.Target, path string) bool {
	switch t.Purpose {
	case hosts.App:
		return true
	case hosts.API:
		for _, prefix := range []string{"/oauth2/", "/api/v2/oauth2/", "/api/v2/api_keys", "/api/v2/user_authorized_clients/"} {
			if strings.HasPrefix(path, prefix) {
				return true
			}
		}
		switch path {
		case "/api/v1/validate", "/api/v2/validate", "/api/v2/validate_keys", "/api/v2/current_user":
			return true
		}
	}
	return false
}

func (w *World) routes() *http.ServeMux {
	mux := http.NewServeMux()
	app := func(pattern string, h http.HandlerFunc) { mux.HandleFunc(pattern, on(hosts.App, h)) }
	api := func(pattern string, h http.HandlerFunc) { mux.HandleFunc(pattern, on(hosts.API, h)) }
	app("GET /oauth2/v1/authorize", w.authorize)
	app("POST /oauth2/v1/authorize", w.decide)
	api("POST /oauth2/v1/token", w.token)
	api("POST /oauth2/v1/revoke", w.revoke)
	api("GET /api/v2/oauth2/.well-known/sites", listSites)
	api("POST /api/v2/api_keys/marketplace", w.mint)
	api("GET /api/v2/api_keys", w.listKeys)
	api("DELETE /api/v2/api_keys/{id}", w.deleteKey)
	api("DELETE /api/v2/user_authorized_clients/client/{client}", w.deauthorize)
	api("GET /api/v1/validate", w.validateV1)
	api("GET /api/v2/validate", w.validateV2)
	api("GET /api/v2/validate_keys", w.validateToken)
	api("GET /api/v2/current_user", w.currentUser)
	return mux
}

// ServeHTTP answers on behalf of the host in the request's target.
func (w *World) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.mux.ServeHTTP(rw, r) }

// on keeps a path on the side it belongs to: the consent page is on no API host, the token endpoint on no app host.
func on(p hosts.Purpose, h http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if target(r).Purpose != p {
			writeErrors(rw, http.StatusNotFound, "Not found")
			return
		}
		h(rw, r)
	}
}

func writeJSON(rw http.ResponseWriter, status int, body any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	json.NewEncoder(rw).Encode(body) // the client may be gone; there is nobody to tell
}

// writeErrors answers in the shape of Datadog's v1 API and key endpoints: {"errors":["text"]}.
func writeErrors(rw http.ResponseWriter, status int, text ...string) {
	writeJSON(rw, status, map[string][]string{"errors": text})
}

// listSites is the discovery document of GET /api/v2/oauth2/.well-known/sites. It lists what Datadog's own example does
// and leaves out UK1 and the government sites.
func listSites(rw http.ResponseWriter, _ *http.Request) {
	var domains []string
	for _, s := range hosts.Sites() {
		if s.Name != "UK1" && !s.Government {
			domains = append(domains, s.Domain)
		}
	}
	writeJSON(rw, http.StatusOK, map[string]any{"data": map[string]any{
		"type": "sites", "attributes": map[string]any{"sites": domains}}})
}
