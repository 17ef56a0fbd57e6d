package datadogoauthexporter

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/config/confighttp"
)

// reservedHeaders are set per tenant or per request; a fixed value would go to every customer.
var reservedHeaders = []string{"dd-api-key", "dd-application-key", "authorization", "host", "cookie", "content-type", "content-encoding", "content-length", "transfer-encoding"}

func validateHTTP(f *faults, h *confighttp.ClientConfig) {
	if h.Endpoint != "" {
		f.add("http::endpoint", "must stay empty: the host follows from each customer's site; see endpoints")
	}
	if h.Auth.HasValue() {
		f.add("http::auth", "must stay empty: each customer's own key is used; see credentials")
	}
	if h.Compression != "" && h.Compression != "none" {
		f.add("http::compression", "must stay empty: see metrics::compression, logs::compression and traces::compression")
	}
	if h.Timeout != 0 {
		f.add("http::timeout", "must stay empty: see timeout")
	}
	if h.Cookies.HasValue() {
		f.add("http::cookies", "must stay empty: customers share no state")
	}
	if h.TLS.Insecure {
		f.add("http::tls::insecure", "must stay false: API keys travel over https only")
	}
	if h.TLS.InsecureSkipVerify {
		f.add("http::tls::insecure_skip_verify", "must stay false: API keys go to verified hosts only; use ca_file for a proxy of your own")
	}
	if v := h.TLS.MinVersion; v == "1.0" || v == "1.1" {
		f.add("http::tls::min_version", "must be 1.2 or 1.3")
	}
	for name := range h.Headers.Iter {
		if slices.Contains(reservedHeaders, strings.ToLower(name)) {
			f.add("http::headers", "must not set %s", name)
		}
	}
}
