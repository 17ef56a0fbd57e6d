package oauth

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/ory/fosite"
)

// oauthError is an error of RFC 6749, for a redirect or for the token endpoint.
type oauthError struct {
	status int // of the token endpoint
	name   string
	text   string
}

// fromFosite keeps the code of an error and the words that are safe to show.
func fromFosite(err error) oauthError {
	var e *fosite.RFC6749Error
	if !errors.As(err, &e) {
		return oauthError{status: http.StatusInternalServerError, name: "server_error", text: "unexpected failure"}
	}
	text := e.HintField
	if text == "" {
		text = e.DescriptionField
	}
	return oauthError{status: e.CodeField, name: e.ErrorField, text: text}
}

// redirect sends the browser back with 302. Parameters that the redirect URI has already are kept.
func redirect(rw http.ResponseWriter, uri string, add url.Values) {
	u, err := url.Parse(uri)
	if err != nil {
		errorPage(rw, http.StatusBadRequest, badRedirectURI)
		return
	}
	q := u.Query()
	for k, v := range add {
		if len(v) > 0 && v[0] != "" {
			q[k] = v
		}
	}
	u.RawQuery = q.Encode()
	rw.Header().Set("Location", u.String())
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("Referrer-Policy", "no-referrer")
	rw.WriteHeader(http.StatusFound)
}

func redirectError(rw http.ResponseWriter, form url.Values, e oauthError) {
	redirect(rw, form.Get("redirect_uri"), url.Values{"error": {e.name}, "error_description": {e.text}, "state": {form.Get("state")}})
}
