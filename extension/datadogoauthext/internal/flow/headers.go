package flow

import "net/http"

// withHeaders is for every answer of the public listener.
//
// Nothing is loaded but the style inside the page, which is allowed by its hash. form-action lists https: and not only this
// origin, since browsers also apply it to where the answer of a form redirects: to Datadog, and from there to whatever
// login the customer's organisation uses. https://www.w3.org/TR/CSP3/#directive-form-action
func withHeaders(next http.Handler) http.Handler {
	policy := "default-src 'none'; style-src '" + styleHash + "'; form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer") // codes, states and links stand in URLs here; the connect page sets its own
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Strict-Transport-Security", "max-age=31536000")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("X-Robots-Tag", "noindex")
		next.ServeHTTP(w, r)
	})
}
