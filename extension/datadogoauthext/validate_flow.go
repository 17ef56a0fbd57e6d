package datadogoauthext

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
)

// validateFlow is for a collector that holds the grants.
func (c *Config) validateFlow(add adder) {
	if len(c.Clients) == 0 {
		add("clients", "name at least one OAuth client of Datadog's developer platform, with client_id, client_secret_file, stage and redirect_url")
	}
	c.Flow.Get().validate(c.Clients, add)
	if c.Seal.TokensKeysetFile == "" {
		add("seal::tokens_keyset_file", "name the keyset that tokens are sealed with; make one with: datadogoauthctl keyset create --out tokens.json")
	}
	if c.Store.Path == "" && !c.Store.Postgres.HasValue() {
		add("store::path", "name the file that grants are kept in, for instance /var/lib/otelcol-datadogoauth/grants.db; it is made at the first start. "+
			"Where several collectors share the grants set store::postgres instead")
	}
	if len(c.Tenants) > 0 {
		add("tenants", "remove it: a collector with flow serves every tenant that connects; the list is for one without flow, which only sends")
	}
	if c.Store.Copy != "" {
		add("store::copy", "remove it: the copy is for a collector without flow, which only sends; one with flow writes, and writes go to the store alone")
	}
}

func (f *FlowConfig) validate(clients map[string]ClientConfig, add adder) {
	if f.Listener.NetAddr.Endpoint == "" {
		add("flow::listener::endpoint", "write the address to listen on, for instance %s", defaultFlowEndpoint)
	}
	if !f.Listener.TLS.HasValue() && !f.TLSAtProxy && f.Listener.NetAddr.Endpoint != "" && !f.local() {
		add("flow::listener::endpoint", "%s is reachable from other machines, where connect links and authorization codes would travel in clear; "+
			"set flow::listener::tls with cert_file and key_file, or flow::tls_at_proxy: true if TLS ends at a proxy in front", f.Listener.NetAddr.Endpoint)
	}
	validateListener("flow::listener", &f.Listener, add)
	if f.PartnerName == "" {
		add("flow::partner_name", "write your company's name as customers know it; the connect page shows it")
	}
	f.validateSupport(add)
	if f.Client == "" && len(clients) > 1 {
		add("flow::client", "several clients are configured; name the one that connect links are made for")
	}
	if _, ok := clients[f.Client]; f.Client != "" && !ok {
		add("flow::client", "%q is not among the clients", f.Client)
	}
	if n := f.RequestsPerMinute; n != nil && *n < 0 {
		add("flow::requests_per_minute", "must be positive, or 0 for no bound, got %d", *n)
	}
	if tickets := f.Tickets.Get(); tickets != nil {
		if _, ok := clients[tickets.Client]; tickets.Client != "" && !ok {
			add("flow::tickets::client", "%q is not among the clients", tickets.Client)
		}
	}
	if f.PublicURL == "" {
		add("flow::public_url", "write the https URL under which browsers reach this listener, for instance https://connect.example.com")
		return
	}
	public, err := httpsURL(f.PublicURL)
	if err != nil {
		add("flow::public_url", "%w", err)
		return
	}
	prefix := strings.TrimSuffix(public.Path, "/")
	if page := prefix + "/connect"; !urlPath.MatchString(page) || path.Clean(page) != page {
		add("flow::public_url", "must have a plain path or none, got %q", public.Path)
	}
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		u, err := httpsURL(clients[name].RedirectURL)
		if err != nil {
			continue // reported under its own key
		}
		if u.Host != public.Host {
			add("clients::"+name+"::redirect_url", "must be on %s like flow::public_url, since the browser's cookie of the consent belongs to that host; got %s", public.Host, u.Host)
		}
		if flow.OwnPage(prefix, u.Path) {
			add("clients::"+name+"::redirect_url", "the path %s is taken by the connect pages; use %s/callback", u.Path, prefix)
		}
	}
}

// local reports whether no other machine reaches the listener.
func (f *FlowConfig) local() bool {
	addr := f.Listener.NetAddr
	return strings.HasPrefix(string(addr.Transport), "unix") || admin.OnLoopback(addr.Endpoint)
}
