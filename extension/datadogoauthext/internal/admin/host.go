package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// hosts are the names, in lower case and without a port, under which the listener may be addressed.
//
// A web page anywhere can point a name of its own at 127.0.0.1 or at an address of the partner's network and then read
// what answers there, since to the browser it is the page's own origin (DNS rebinding). Such a request carries the page's
// name as Host, which is not in the list.
type hosts map[string]bool

func newHosts(endpoint string, names []string) hosts {
	h := hosts{"localhost": true}
	if host, _, err := net.SplitHostPort(endpoint); err == nil {
		names = append([]string{host}, names...)
	}
	for _, name := range names {
		name = normalHost(name)
		if ip, err := netip.ParseAddr(name); err == nil && ip.IsUnspecified() {
			continue // 0.0.0.0 is where to listen, not a name
		}
		if name != "" {
			h[name] = true
		}
	}
	return h
}

func (h hosts) allow(hostport string) bool {
	host := hostport
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		host = name
	}
	host = normalHost(host)
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		return true
	}
	return h[host]
}

func normalHost(host string) string {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// only answers 421 (RFC 9110, 15.5.20) to a request for any other host.
func (h hosts) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.allow(r.Host) {
			problem(w, http.StatusMisdirectedRequest, fmt.Sprintf("the admin listener is not reached as %.100q; use one of its own names, or add this one to its hosts in the collector's configuration", r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}
