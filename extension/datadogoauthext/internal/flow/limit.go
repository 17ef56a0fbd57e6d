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
func (f *Flow) writes(next http.HandlerFunc) http.HandlerFunc {
	return f.limited(f.writeLimit, next, f.overLimit)
}

func (f *Flow) reads(next http.HandlerFunc) http.HandlerFunc {
	return f.limited(f.readLimit, next, f.overLimit)
}

// limitWait is after how long a page that was over the limit is worth another try.
const limitWait = time.Minute

// limited lets over answer what is over the limit.
func (f *Flow) limited(limit *ratelimit.Limiter, next, over http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !limit.Allow(r.RemoteAddr) {
			over(w, r)
			return
		}
		next(w, r)
	}
}

func (f *Flow) overLimit(w http.ResponseWriter, r *http.Request) {
	f.tooMany(w, r, limitWait, page{})
}

// overLimitAtCallback leaves the page where it is: nothing was consumed, so that reloading it goes on.
func (f *Flow) overLimitAtCallback(w http.ResponseWriter, r *http.Request) {
	f.tooMany(w, r, limitWait, page{Message: "too_many_unread"})
}

// tooMany says after how long another attempt makes sense. p may have a message of its own.
func (f *Flow) tooMany(w http.ResponseWriter, r *http.Request, wait time.Duration, p page) {
	w.Header().Set("Retry-After", seconds(wait))
	p.Minutes = int((wait + time.Minute - 1) / time.Minute)
	if p.Message == "" {
		p.Message = "too_many"
	}
	f.fail(w, r, p.Message, p)
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
