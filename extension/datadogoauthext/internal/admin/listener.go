package admin

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// ValidateEndpoint refuses a listener whose tokens would travel in clear over a network: off loopback it needs TLS.
//
// endpoint is host:port as in confighttp. An empty host, 0.0.0.0 and :: mean every interface. Names are not resolved, so
// the only name taken for loopback is localhost (RFC 6761, 6.3).
func ValidateEndpoint(endpoint string, tls bool) error {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return fmt.Errorf("endpoint: %q must be host:port, such as localhost:8445", endpoint)
	}
	if tls || strings.EqualFold(host, "localhost") {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("endpoint: %s is reachable from other machines, where admin tokens would travel in clear; set tls with cert_file and key_file, or listen on localhost", endpoint)
}
