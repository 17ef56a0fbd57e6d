package admin

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// ValidateEndpoint refuses a listener whose tokens would travel in clear over a network: off loopback it needs TLS.
//
// endpoint is host:port as in confighttp.
func ValidateEndpoint(endpoint string, tls bool) error {
	if _, _, err := net.SplitHostPort(endpoint); err != nil {
		return fmt.Errorf("endpoint: %q must be host:port, such as localhost:8445", endpoint)
	}
	if tls || OnLoopback(endpoint) {
		return nil
	}
	return fmt.Errorf("endpoint: %s is reachable from other machines, where admin tokens would travel in clear; set tls with cert_file and key_file, or listen on localhost", endpoint)
}

// OnLoopback reports whether host:port is reached from this machine only. An empty host, 0.0.0.0 and :: mean every interface.
// Names are not resolved, so the only name taken for loopback is localhost (RFC 6761, 6.3).
func OnLoopback(endpoint string) bool {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
