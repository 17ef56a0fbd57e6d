// Package ratelimit bounds what one remote address may ask of a listener.
package ratelimit

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxAddresses bounds one generation of remembered addresses; there are two.
const maxAddresses = 10_000

// Limiter bounds how often one remote address may ask for something: so many requests at once, and so many a minute after that.
//
// The addresses are kept in two generations. When the young one is full it becomes the old one, which is forgotten: whoever has that many
// addresses gains nothing by it, and memory stays bounded.
type Limiter struct {
	perMinute int
	now       func() time.Time

	mu         sync.Mutex // guards the rest
	young, old map[netip.Prefix]*rate.Limiter
}

// New returns one that is safe for concurrent use. It holds no goroutine and needs no end.
func New(perMinute int, now func() time.Time) *Limiter {
	return &Limiter{perMinute: perMinute, now: now, young: map[netip.Prefix]*rate.Limiter{}}
}

// Allow reports whether the address may go on. A nil limiter allows everything.
func (l *Limiter) Allow(remoteAddr string) bool {
	if l == nil {
		return true
	}
	network := NetworkOf(remoteAddr)
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

// NetworkOf is the address of a connection's other end, or the /64 that one customer gets whole with IPv6. What cannot be read is one
// network of its own.
func NetworkOf(remoteAddr string) netip.Prefix {
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
