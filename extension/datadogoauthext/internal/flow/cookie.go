package flow

import (
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// Each consent has a cookie of its own, so that two tabs do not disturb each other. __Host- makes the browser refuse it
// without Secure, with a Domain, or from a subdomain. Lax, since the callback is a navigation that begins at Datadog, as the ticket's is
// one that begins at the partner's login.
// https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis (cookie name prefixes)

// The names are derived from what the cookie belongs to, and show a part of its hash: enough to tell the cookies of a browser apart.
func flowCookieName(state string) string { return "__Host-datadogoauth-" + grant.Hash(state)[:12] }
func loginCookieName(requestID string) string {
	return "__Host-datadogoauth-login-" + grant.Hash(requestID)[:12]
}
func resultCookieName(id string) string { return resultCookiePrefix + grant.Hash(id)[:12] }

const resultCookiePrefix = "__Host-datadogoauth-result-"

func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life.Seconds()), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func dropCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// flowCookie is the sealed cookie of a consent under way. The record of the consent stays the truth; the cookie has to agree with it.
type flowCookie struct {
	State  string `json:"s"` // hash
	Tenant string `json:"t"`
	Secret string `json:"b"` // its hash is in the record
}

// sameBrowser reports whether the request comes from the browser that began the consent fl.
func (f *Flow) sameBrowser(r *http.Request, state string, fl grant.Flow) bool {
	cookie, err := r.Cookie(flowCookieName(state))
	if err != nil {
		return false
	}
	c, err := openValue[flowCookie](f, purposeFlow, cookie.Value)
	if err != nil {
		return false
	}
	return c.State == fl.StateHash && c.Tenant == fl.Tenant && subtle.ConstantTimeCompare([]byte(grant.Hash(c.Secret)), []byte(fl.BrowserHash)) == 1
}
