package datadogoauthext

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/config/confighttp"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// Validate reports every fault at once, each under the key that the operator must edit. It does no I/O.
func (c *Config) Validate() error {
	var errs []error
	add := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %w", key, fmt.Errorf(format, args...)))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Clients)) {
		c.Clients[name].validate("clients::"+name, name, add)
	}
	if c.sendOnly() {
		c.validateSendOnly(add)
	} else {
		c.validateFlow(add)
		if tickets := c.Flow.Get().tickets(""); tickets != nil {
			errs = append(errs, prefixed("flow::tickets::", tickets.Validate())...)
		}
	}
	if adm := c.Admin.Get(); adm != nil {
		adm.validate(&errs)
		validateListener("admin::listener", &adm.Listener, add)
	}
	c.Checks.validate(c.sendOnly(), add)
	c.Store.validate(add)
	c.Seal.validate(add)
	c.Audit.validate(c.sendOnly(), add)
	validateCalls(&c.HTTP, add)
	c.Auth.validate(add)
	return errors.Join(errs...)
}

type adder func(key, format string, args ...any)

var (
	clientName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	urlPath    = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`)
)

func (c ClientConfig) validate(key, name string, add adder) {
	if !clientName.MatchString(name) {
		add(key, "a client's name is 1 to 63 of a-z, 0-9, _ and -, and begins with a letter or digit")
	}
	if c.ClientID == "" || strings.ContainsFunc(c.ClientID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		add(key+"::client_id", "copy the client ID from the OAuth client in Datadog's developer platform")
	}
	if c.ClientSecretFile == "" {
		add(key+"::client_secret_file", "name the file that holds the OAuth client secret; a secret in this file itself is not possible")
	}
	if c.Stage != "test" && c.Stage != "published" {
		add(key+"::stage", "must be test (the client works only in your own Datadog organisation) or published, got %q", c.Stage)
	}
	if c.RedirectURL == "" {
		add(key+"::redirect_url", "write the redirect URL that is registered with the client, for instance https://connect.example.com/callback")
		return
	}
	if strings.ContainsAny(c.RedirectURL, "*{}$<>") {
		add(key+"::redirect_url", "must be one fixed URL; Datadog supports no wildcard and no subdomain for each customer, got %q", c.RedirectURL)
		return
	}
	u, err := httpsURL(c.RedirectURL)
	if err != nil {
		add(key+"::redirect_url", "%w", err)
		return
	}
	if !urlPath.MatchString(u.Path) || u.Path == "/" || path.Clean(u.Path) != u.Path {
		add(key+"::redirect_url", "must have a plain path such as /callback, got %q", u.Path)
	}
}

// httpsURL accepts https://host[:port][/path] and nothing more.
func httpsURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#") {
		return nil, fmt.Errorf("must be https://host/path without user, query and fragment, got %q", redactUser(raw))
	}
	return u, nil
}

// redactUser keeps a password out of an error.
func redactUser(raw string) string {
	if i := strings.LastIndex(raw, "@"); i >= 0 {
		return "…" + raw[i:]
	}
	return raw
}

// validateListener keeps a listener from speaking what RFC 8996 forbids (the default is TLS 1.2), and refuses whatever else would read
// the codes, links and tokens that are sent to it, or would add to the headers with which it answers.
func validateListener(key string, l *confighttp.ServerConfig, add adder) {
	if len(l.Middlewares) > 0 {
		add(key+"::middlewares", "remove it: nothing may read or change requests that carry authorization codes, connect links or admin tokens")
	}
	if l.Auth.HasValue() {
		add(key+"::auth", "remove it: the listener itself tells who may do what")
	}
	if l.CORS.HasValue() {
		add(key+"::cors", "remove it: no page of another origin may read what is answered here")
	}
	if len(l.ResponseHeaders) > 0 {
		add(key+"::response_headers", "remove it: each answer carries the headers that it needs")
	}
	if slices.ContainsFunc(l.CompressionAlgorithms, func(name string) bool { return name != "" }) {
		add(key+"::compression_algorithms", "remove it: forms and orders are short, and nobody who is not known yet may have a compressed body opened")
	}
	if t := l.TLS.Get(); t != nil && (t.MinVersion == "1.0" || t.MinVersion == "1.1") {
		add(key+"::tls::min_version", "must be 1.2 or 1.3")
	}
}

// prefixed puts a key in front of each of joined errors. err may be nil.
func prefixed(key string, err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, prefixed(key, e)...)
		}
		return all
	}
	return []error{fmt.Errorf("%s%w", key, err)}
}

func (s SealConfig) validate(add adder) {
	if s.KeysKeysetFile == "" {
		add("seal::keys_keyset_file", "name the keyset that API keys are sealed with; make one with: datadogoauthctl keyset create --out keys.json")
	}
	if s.KeysKeysetFile != "" && s.KeysKeysetFile == s.TokensKeysetFile {
		add("seal::keys_keyset_file", "must be another file than tokens_keyset_file, so that a collector that only sends can be given this one alone")
	}
}

// validateCalls refuses whatever would send a token elsewhere, add to it, or hide who answers.
func validateCalls(h *confighttp.ClientConfig, add adder) {
	if h.Endpoint != "" {
		add("http::endpoint", "remove it: the host follows from the customer's Datadog site and cannot be set")
	}
	if len(h.Headers) > 0 {
		add("http::headers", "remove it: calls for tokens and keys carry fixed headers")
	}
	if h.Auth.HasValue() {
		add("http::auth", "remove it: the credentials are those of clients")
	}
	if h.Cookies.HasValue() {
		add("http::cookies", "remove it: Datadog's endpoints for tokens and keys use none")
	}
	if len(h.Middlewares) > 0 {
		add("http::middlewares", "remove it: nothing may read or change calls that carry client secrets")
	}
	if h.Compression.IsCompressed() {
		add("http::compression", "remove it: Datadog's token endpoint takes plain forms")
	}
	if h.TLS.InsecureSkipVerify {
		add("http::tls::insecure_skip_verify", "remove it: the client secret would go to whoever answers; trust a private CA with tls::ca_file instead")
	}
	if h.TLS.Insecure {
		add("http::tls::insecure", "remove it: Datadog is called over https only")
	}
	if h.TLS.ServerName != "" {
		add("http::tls::server_name_override", "remove it: the certificate has to name the Datadog host that is called")
	}
	if v := h.TLS.MinVersion; v == "1.0" || v == "1.1" {
		add("http::tls::min_version", "must be 1.2 or 1.3")
	}
	if h.Timeout < 0 {
		add("http::timeout", "must not be negative, got %s", h.Timeout)
	}
}

func (a AuthConfig) validate(add adder) {
	if a.Tenant != "" && a.MetadataKey != "" {
		add("auth::metadata_key", "set this or auth::tenant, not both: a fixed tenant would win over what the request says")
	}
	if a.Tenant != "" {
		if err := grant.CheckTenant(a.Tenant); err != nil {
			add("auth::tenant", "%s", strings.TrimPrefix(err.Error(), "tenant: "))
		}
	}
	if a.Header != headerAPIKey && a.Header != headerBearer {
		add("auth::header", "must be %s or %s, got %q", headerAPIKey, headerBearer, a.Header)
	}
}
