package flow

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/ratelimit"
)

const (
	// readsPerWrite is how many pages that only read the store an address may open for each request that writes.
	readsPerWrite = 10
	// maxLookUps is how many secrets are looked up in the store at once. Anybody may make up as many as they like, and the refreshes of
	// all tenants share the store's connections with them.
	maxLookUps = 2
	// Anybody may begin a login, each is a write to the store, and behind a proxy no address bounds them: so many begin a second, and so many
	// at once, in one collector.
	loginsPerSecond = 10
	loginsAtOnce    = 100
)

// writes and reads let next see what the limit of the remote address allows. The address is the connection's: a forwarded header is
// written by whoever sends the request.
func (f *Flow) writes(next http.HandlerFunc) http.HandlerFunc { return f.limited(f.writeLimit, next) }
func (f *Flow) reads(next http.HandlerFunc) http.HandlerFunc  { return f.limited(f.readLimit, next) }

func (f *Flow) limited(limit *ratelimit.Limiter, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !limit.Allow(r.RemoteAddr) {
			f.tooMany(w, r, time.Minute, page{})
			return
		}
		next(w, r)
	}
}

// lookUp runs read, which looks a secret of the request up in the store, once its turn has come.
func (f *Flow) lookUp(ctx context.Context, read func(context.Context) error) error {
	select {
	case f.lookUps <- struct{}{}:
		defer func() { <-f.lookUps }()
		return read(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// seconds is a Retry-After.
func seconds(wait time.Duration) string { return strconv.Itoa(int(wait.Seconds())) }
