package flow

import (
	"crypto/subtle"
	"net/http"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// Each consent has a cookie of its own, so that two tabs do not disturb each other. __Host- makes the browser refuse it
// without Secure, with a Domain, or from a subdomain. Lax, since the callback is a navigation that begins at Datadog.
// https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis (cookie name prefixes)

// cookieName is derived from the state, whose hash it shows a part of: enough to tell the consents of a browser apart.
func cookieName(state string) string { return "__Host-datadogoauth-" + grant.Hash(state)[:12] }

func setCookie(w http.ResponseWriter, state, browser string) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(state), Value: browser, Path: "/", MaxAge: int(grant.FlowLife.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func dropCookie(w http.ResponseWriter, state string) {
	http.SetCookie(w, &http.Cookie{Name: cookieName(state), Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// sameBrowser reports whether the request comes from the browser that began the consent.
func sameBrowser(r *http.Request, state, wantHash string) bool {
	c, err := r.Cookie(cookieName(state))
	return err == nil && subtle.ConstantTimeCompare([]byte(grant.Hash(c.Value)), []byte(wantHash)) == 1
}
