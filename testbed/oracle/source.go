package oracle

import (
	"net/http"

	"go.opentelemetry.io/collector/component"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// tenant is the only one there is.
const tenant = "oracle"

// source is an extension that holds one grant, whose key is always accepted.
type source struct {
	component.StartFunc
	component.ShutdownFunc
	credential *credential.Credential
	unchanged  chan struct{} // never closed
}

var (
	_ credential.Source   = (*source)(nil)
	_ component.Component = (*source)(nil)
)

func newSource(org credential.Org, apiKey string) (*source, error) {
	c, err := credential.New(tenant, org, apiKey, 1, nil)
	return &source{credential: c, unchanged: make(chan struct{})}, err
}

// Lookup implements credential.Source.
func (s *source) Lookup(name string) (*credential.Credential, error) {
	if name != tenant {
		return nil, credential.ErrUnknownTenant
	}
	return s.credential, nil
}

// Refused implements credential.Source. The request history of the stand-in tells the same.
func (s *source) Refused(string, uint64) {}

// Bearer implements credential.Source. What is compared here needs no token.
func (s *source) Bearer(string, http.RoundTripper) http.RoundTripper { return nil }

// Changes implements credential.Source.
func (s *source) Changes() <-chan struct{} { return s.unchanged }

// host is a collector whose only extension is a source.
type host map[component.ID]component.Component

// GetExtensions implements component.Host.
func (h host) GetExtensions() map[component.ID]component.Component { return h }
