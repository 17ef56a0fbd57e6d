package datadogoauthext

import "github.com/datadogoauth/otelcol-datadogoauth/credential"

// AddProber implements credential.Probes.
func (e *datadogOAuth) AddProber(p credential.Prober) (remove func()) { return e.probers.add(p) }

// probers are the exporters in this collector that send marked data. The zero probers is ready.
type probers struct{ offered[credential.Prober] }
