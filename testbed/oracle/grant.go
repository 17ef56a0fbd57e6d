package oracle

import (
	"net/http"

	"go.opentelemetry.io/collector/component"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// tenant is the only one there is.
const tenant = "oracle"

// grant is an extension that holds one grant, whose key is always accepted.
type grant struct {
	component.StartFunc
	component.ShutdownFunc
	credential *credential.Credential
	unchanged  chan struct{} // never closed
}

var (
	_ credential.Source   = (*grant)(nil)
	_ component.Component = (*grant)(nil)
)

func newGrant(org credential.Org, apiKey string) (*grant, error) {
	c, err := credential.New(tenant, org, apiKey, 1, nil)
	return &grant{credential: c, unchanged: make(chan struct{})}, err
}

// Lookup implements credential.Source.
func (g *grant) Lookup(name string) (*credential.Credential, error) {
	if name != tenant {
		return nil, credential.ErrUnknownTenant
	}
	return g.credential, nil
}

// Org implements credential.Source.
func (g *grant) Org(name string) (credential.Org, error) {
	if name != tenant {
		return credential.Org{}, credential.ErrUnknownTenant
	}
	return g.credential.Org(), nil
}

// Refused implements credential.Source. The request history of the stand-in tells the same.
func (g *grant) Refused(string, uint64) {}

// Bearer implements credential.Source. What is compared here needs no token.
func (g *grant) Bearer(string, http.RoundTripper) http.RoundTripper { return nil }

// Changes implements credential.Source.
func (g *grant) Changes() <-chan struct{} { return g.unchanged }

// host is a collector whose only extension is a grant.
type host map[component.ID]component.Component

// GetExtensions implements component.Host.
func (h host) GetExtensions() map[component.ID]component.Component { return h }
