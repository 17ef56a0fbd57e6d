package flow

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxAddresses bounds one generation of remembered addresses; there are two.
const maxAddresses = 10_000

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

// limiter bounds how often one remote address may ask for something: so many requests at once, and so many a minute after that.
//
// The addresses are kept in two generations. When the young one is full it becomes the old one, which is forgotten: whoever has that many
// addresses gains nothing by it, and memory stays bounded.
type limiter struct {
	perMinute int
	now       func() time.Time

	mu         sync.Mutex // guards the rest
	young, old map[netip.Prefix]*rate.Limiter
}

func newLimiter(perMinute int, now func() time.Time) *limiter {
	return &limiter{perMinute: perMinute, now: now, young: map[netip.Prefix]*rate.Limiter{}}
}

// allow reports whether the address may go on. A nil limiter allows everything.
func (l *limiter) allow(remoteAddr string) bool {
	if l == nil {
		return true
	}
	network := networkOf(remoteAddr)
	l.mu.Lock()
	bucket, ok := l.young[network]
	if !ok {
		if bucket, ok = l.old[network]; !ok {
			bucket = rate.NewLimiter(rate.Limit(l.perMinute)/60, l.perMinute)
		}
		if len(l.young) >= maxAddresses {
			l.old, l.young = l.young, make(map[netip.Prefix]*rate.Limiter)
		}
		l.young[network] = bucket
	}
	l.mu.Unlock()
	return bucket.AllowN(l.now(), 1)
}

// networkOf is the address of a connection's other end, or the /64 that one customer gets whole with IPv6. What cannot be read is one
// network of its own.
func networkOf(remoteAddr string) netip.Prefix {
	at, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	addr, bits := at.Addr().Unmap().WithZone(""), 32
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits) // bits fit
	return network
}

// writes and reads let next see what the limit of the remote address allows. The address is the connection's: a forwarded header is
// written by whoever sends the request.
func (f *Flow) writes(next http.HandlerFunc) http.HandlerFunc { return f.limited(f.writeLimit, next) }
func (f *Flow) reads(next http.HandlerFunc) http.HandlerFunc  { return f.limited(f.readLimit, next) }

func (f *Flow) limited(limit *limiter, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !limit.allow(r.RemoteAddr) {
			f.tooMany(w, r, time.Minute, "Too many attempts came from your network. Try again in a minute.")
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
