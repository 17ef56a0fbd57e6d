package datadogoauthext

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	"go.opentelemetry.io/collector/client"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// RoundTripper implements extensionauth.HTTPClient for stock exporters.
func (e *datadogOAuth) RoundTripper(base http.RoundTripper) (http.RoundTripper, error) {
	if e.cfg.Auth.Tenant == "" && e.cfg.Auth.MetadataKey == "" {
		return nil, fmt.Errorf("extension %s is used as an authenticator, but does not know for whom: set its auth::tenant or auth::metadata_key", e.set.ID)
	}
	if base == nil {
		base = http.DefaultTransport
	}
	transport, ok := base.(*http.Transport)
	if !ok { // middlewares come between the credential and the network; all else that confighttp adds comes before it
		return nil, fmt.Errorf("extension %s adds credentials only where nothing else reads or changes the request: remove middlewares from the exporter that names it as its authenticator", e.set.ID)
	}
	if c := transport.TLSClientConfig; c != nil && (c.InsecureSkipVerify || c.MinVersion != 0 && c.MinVersion < tls.VersionTLS12) {
		return nil, fmt.Errorf("extension %s adds credentials only where the server is verified over TLS 1.2 or newer: remove tls::insecure_skip_verify and tls::min_version "+
			"from the exporter that names it as its authenticator; a private CA is trusted with tls::ca_file", e.set.ID)
	}
	return &authenticator{source: e, auth: e.cfg.Auth, base: base}, nil
}

// authenticator adds a tenant's credential to requests to hosts of that tenant's site, and to nothing else.
type authenticator struct {
	source credential.Source
	auth   AuthConfig
	base   http.RoundTripper
}

// RoundTrip implements http.RoundTripper. A redirect is an error, so that no next hop gets anything.
func (a *authenticator) RoundTrip(req *http.Request) (*http.Response, error) {
	tenant, err := a.tenant(req)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	if a.auth.Header == headerBearer {
		resp, err := a.source.Bearer(tenant, a.base).RoundTrip(req)
		return resp, sendError(tenant, err)
	}
	cred, err := a.source.Lookup(tenant)
	if err != nil {
		closeBody(req)
		return nil, sendError(tenant, err)
	}
	clone := req.Clone(req.Context())
	if err := cred.Authorize(clone); err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err := a.base.RoundTrip(clone)
	if err != nil {
		return nil, sendError(tenant, err)
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%s answered %d to data of tenant %s: redirects are never followed with an API key; check the exporter's endpoint and proxy",
			req.URL.Hostname(), resp.StatusCode, tenant)
	}
	if resp.StatusCode == http.StatusForbidden {
		a.source.Refused(tenant, cred.Generation())
	}
	return resp, nil
}

// sendError names the tenant. Nil stays nil.
func sendError(tenant string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("send for tenant %s: %w", tenant, err)
}

// tenant is the fixed one, or the one of the client metadata. Two values there could be two tenants, so that is refused.
func (a *authenticator) tenant(req *http.Request) (string, error) {
	if a.auth.Tenant != "" {
		return a.auth.Tenant, nil
	}
	switch values := client.FromContext(req.Context()).Metadata.Get(a.auth.MetadataKey); len(values) {
	case 1:
		if err := grant.CheckTenant(values[0]); err != nil { // it came with a request and may be anything
			return "", fmt.Errorf("whose data this is cannot be told: the client metadata %s: %w", a.auth.MetadataKey, err)
		}
		return values[0], nil
	case 0:
		return "", fmt.Errorf("whose data this is cannot be told: the request has no client metadata %q; set include_metadata on the receiver, and metadata_keys on a batcher in between", a.auth.MetadataKey)
	default:
		return "", errors.New("whose data this is cannot be told: the client metadata " + a.auth.MetadataKey + " has several values")
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
