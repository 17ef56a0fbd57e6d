package admin

import (
	"net/http"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/ratelimit"
)

const (
	// DefaultRequestsPerMinute bounds the requests of one network: a page that asks every five seconds needs twelve.
	DefaultRequestsPerMinute = 600
	// loginsPerMinute bounds the tries of one network to log in.
	loginsPerMinute = 10
)

// newLimiter returns nil, which allows everything, for no bound.
func newLimiter(perMinute int) *ratelimit.Limiter {
	if perMinute <= 0 {
		return nil
	}
	return ratelimit.New(perMinute, time.Now)
}

// limited lets next see what the bound on the network of the connection's other end allows. It comes before whatever reads a token's file.
// A forwarded header is not read: whoever sends the request writes it.
func limited(limit *ratelimit.Limiter, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if limit.Allow(r.RemoteAddr) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", "60")
		const detail = "too many requests came from your network; try again in a minute"
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			problem(w, http.StatusTooManyRequests, detail)
			return
		}
		http.Error(w, detail, http.StatusTooManyRequests)
	})
}
