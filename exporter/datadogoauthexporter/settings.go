package datadogoauthexporter

import (
	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/internal/flatconfig"
)

// settings are what the holder of grants records of this exporter: where data goes, whose it is, what becomes of what is nobody's.
func (c *Config) settings() map[string]credential.Setting {
	all := flatconfig.Of(c)
	flatconfig.AddPEM(all, "http::tls", c.HTTP.TLS.Config)
	return all
}
