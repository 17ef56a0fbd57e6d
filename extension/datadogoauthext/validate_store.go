package datadogoauthext

import (
	"slices"
	"strconv"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

func (s StoreConfig) validate(add adder) {
	if pg := s.Postgres.Get(); pg != nil {
		if s.Path != "" {
			add("store::postgres", "set this or store::path, not both: grants are kept in one place; datadogoauthctl store copy moves them")
		}
		if pg.DSNFile == "" {
			add("store::postgres::dsn_file", "name the file that holds the connection string, such as postgres://user:password@host/database?sslmode=verify-full")
		}
		if pg.MaxConnections < 1 {
			add("store::postgres::max_connections", "must be 1 or more, got %d", pg.MaxConnections)
		}
	}
	if s.Copy != "" && s.Copy == s.Path {
		add("store::copy", "must be another file than store::path")
	}
}

// validateSendOnly is for a collector without flow. It can refresh no token and mint no key, so whatever would be of use for that is
// refused: what is not there cannot leak.
func (c *Config) validateSendOnly(add adder) {
	const only = "without flow this collector only sends"
	if len(c.Clients) > 0 {
		add("clients", only+" and must hold no client secret: remove clients, or set flow to let customers connect here")
	}
	if c.Seal.TokensKeysetFile != "" {
		add("seal::tokens_keyset_file", only+" and must not be able to open tokens: remove it, or set flow to let customers connect here")
	}
	if len(c.Tenants) == 0 {
		add("tenants", only+", for the tenants that you list here: name at least one, or set flow to let customers connect here")
	}
	seen := map[string]bool{}
	for i, tenant := range c.Tenants {
		key := "tenants::" + strconv.Itoa(i)
		if err := grant.CheckTenant(tenant); err != nil {
			add(key, "%s", strings.TrimPrefix(err.Error(), "tenant: "))
		} else if seen[tenant] {
			add(key, "%q is there twice", tenant)
		}
		seen[tenant] = true
	}
	if c.Auth.Tenant != "" && len(c.Tenants) > 0 && !slices.Contains(c.Tenants, c.Auth.Tenant) {
		add("auth::tenant", "%q is not among tenants, so nothing can be sent for it", c.Auth.Tenant)
	}
	if c.Auth.Header == headerBearer {
		add("auth::header", only+" and cannot open tokens: use "+headerAPIKey)
	}
	if c.StopWithoutToken {
		add("stop_without_token", only+" and cannot see how a tenant's token stands: remove it")
	}
	switch {
	case c.Store.Path != "":
		add("store::path", only+" and reads what another collector writes, but a store file belongs to one process: use store::postgres in both")
	case !c.Store.Postgres.HasValue():
		add("store::postgres", only+": name the database that the collector with flow writes, with dsn_file")
	}
}
