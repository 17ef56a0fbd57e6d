package admin

import (
	"net"
	"net/http"
	"net/netip"
)

// apiPolicy lets an answer that is no page do nothing at all, should a browser take it for one. https://www.w3.org/TR/CSP3/
const apiPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// pagePolicy lets a page use this listener's style sheet, run the script element that carries the nonce, ask this listener and send forms to
// it; nothing else, and no script may make markup of a string. Injected markup could do nothing with it.
func pagePolicy(nonce string) string {
	return "default-src 'none'; style-src 'self'; script-src 'nonce-" + nonce + "'; connect-src 'self'; form-action 'self'; base-uri 'none'; " +
		"frame-ancestors 'none'; require-trusted-types-for 'script'"
}

// withHeaders is for every answer, errors included.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", apiPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for what does not know frame-ancestors
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if !loopback(r.Host) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// overTLS reports whether the browser speaks TLS. A listener without it is on loopback, so whoever reaches it under another name does so
// through a proxy on this machine, where TLS ends.
func overTLS(r *http.Request) bool { return r.TLS != nil || !loopback(r.Host) }

// loopback reports whether a Host is localhost, or an address of loopback. A browser would extend what is said of it to every port of every program
// there.
func loopback(hostport string) bool {
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		hostport = name
	}
	hostport = normalHost(hostport)
	ip, err := netip.ParseAddr(hostport)
	return hostport == "localhost" || err == nil && ip.IsLoopback()
}
