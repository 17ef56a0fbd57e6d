package intake

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// read opens a read endpoint to a bearer token with the scope. The API key, with or without an application key, reads nothing
// here. A token that the site does not know, expired ones among them, is 401; one without the scope is 403.
func (in *Intake) read(scope string, f func(http.ResponseWriter, *http.Request, *org) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t, _ := targetOf(r.Context())
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			answerErrors(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		orgID, scopes, ok := in.auth.Bearer(t.Site, token)
		switch {
		case !ok:
			answerErrors(w, http.StatusUnauthorized, "Unauthorized")
		case !slices.Contains(scopes, scope), in.org(orgID).isBroken(scope):
			answerErrors(w, http.StatusForbidden, "Forbidden", "Failed permission authorization checks")
		default:
			if err := f(w, r, in.org(orgID)); err != nil {
				answerRefusal(w, answerErrors, err)
			}
		}
	}
}

// maxQueryBody bounds the body of a read request, in bytes.
const maxQueryBody = 1 << 20

// decodeQuery reads the JSON body of a read request. Keys that the stand-in does not know are allowed.
func decodeQuery(w http.ResponseWriter, r *http.Request, v any) error {
	if _, err := mediaType(r.Header, []string{"application/json"}); err != nil {
		return err
	}
	body := http.MaxBytesReader(w, r.Body, maxQueryBody)
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return badRequest("the body is not the expected JSON: %.300v", err)
	}
	return nil
}
