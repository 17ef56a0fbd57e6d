package standin

import (
	"net/http"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// controlKeys: API keys, reader tokens, grants.
func (s *Server) controlKeys(mux *http.ServeMux) {
	mux.HandleFunc("POST /control/tokens", take(func(in struct {
		orgIn
		Scopes []string `json:"scopes"`
	}) (any, error) {
		token, err := s.world.IssueReader(in.ref(), in.Scopes...)
		return map[string]string{"token": token}, err
	}))
	mux.HandleFunc("GET /control/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, list(s.world.Keys()))
	})
	mux.HandleFunc("POST /control/keys", take(func(in orgIn) (any, error) {
		info, key, err := s.world.AddKey(in.ref())
		return struct {
			oauth.KeyInfo
			Key string `json:"key"`
		}{info, key}, err
	}))
	mux.HandleFunc("POST /control/keys/revoke", take(func(in struct {
		orgIn
		Key string `json:"key_id"` // empty: every key of the organisation
	}) (any, error) {
		return map[string]int{"ended": s.world.RevokeKeys(in.ref(), in.Key)}, nil
	}))
	mux.HandleFunc("POST /control/grants/revoke", take(func(in clientInOrg) (any, error) {
		return map[string]int{"ended": s.world.RevokeGrants(in.Client, in.ref())}, nil
	}))
	mux.HandleFunc("POST /control/grants/expire", take(func(in orgIn) (any, error) {
		return map[string]int{"expired": s.world.ExpireAccessTokens(in.ref())}, nil
	}))
}
