// Package credential is the whole interface between whoever holds customers' grants (the datadogoauth extension) and
// whoever sends their data (the datadogoauth exporter, or anyone else's).
//
// A tenant is a customer as the partner names it. A Credential is what is needed to send for one tenant. It builds
// requests itself and never shows the API key, so a key cannot be put on a request to another site's host.
package credential

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// Errors of Lookup. Compare with errors.Is.
var (
	// ErrNotReady: the grants are not loaded yet. Always worth a retry, and never a judgement on the tenant.
	ErrNotReady = errors.New("grants are not loaded yet")
	// ErrUnknownTenant: no grant was ever made for the tenant. Send the customer a connect link.
	ErrUnknownTenant = errors.New("unknown tenant: no customer connected under this name")
	// ErrNotConnected: the tenant is known but holds no organisation, for instance after a failed consent.
	ErrNotConnected = errors.New("tenant is not connected to a Datadog organisation")
	// ErrKeyMissing: the grant stands but no API key is there to send with (minting, or an older key whose value is lost).
	ErrKeyMissing = errors.New("no API key for this tenant's organisation yet")
	// ErrKeyRefused: Datadog refused the API key; it is not minted again by itself, since the customer may have revoked it.
	ErrKeyRefused = errors.New("this tenant's API key is refused by Datadog")
	// ErrPaused: an operator paused the tenant.
	ErrPaused = errors.New("tenant is paused")
	// ErrDisconnected: the customer or an operator ended the connection.
	ErrDisconnected = errors.New("tenant is disconnected")
)

// MaxTenantBytes bounds the name of a tenant, for those who connect tenants and those who send for them alike.
const MaxTenantBytes = 256

// Source is what the extension offers. It is found among the host's extensions.
type Source interface {
	// Lookup returns the credential of a tenant, or one of the errors above.
	//
	// It takes no lock that a refresh can hold, does no I/O and does not allocate. The result is immutable and may be
	// kept for the length of one request.
	Lookup(tenant string) (*Credential, error)

	// Org returns the organisation that the tenant is connected to, whatever state its key and hold are in, so that what cannot be sent at
	// the moment can be kept for that organisation and no other. Its errors are ErrNotReady, ErrUnknownTenant, ErrNotConnected and
	// ErrDisconnected. It costs what Lookup does.
	Org(tenant string) (Org, error)

	// Refused reports that Datadog answered 403 to a request of this generation of the tenant's key. A generation that
	// is no longer the current one is ignored.
	Refused(tenant string, generation uint64)

	// Bearer returns a round tripper that adds the tenant's access token, for the few calls that take no API key
	// (incidents, reading back). It refuses every host but api.<site> of the tenant, any scheme but https, and redirects.
	Bearer(tenant string, base http.RoundTripper) http.RoundTripper

	// Changes returns a channel that is closed at the next change of any credential, so that waiting data can be tried
	// again. Call it, look up, then wait.
	Changes() <-chan struct{}
}

// Org names a Datadog organisation as one OAuth client sees it. Two tenants may share an org and thereby its API key.
type Org struct {
	// Client is the name of the OAuth client in the configuration.
	Client string
	// Site is the site parameter, such as "us3.datadoghq.com".
	Site string
	// ID is the organisation's UUID.
	ID string
}

func (o Org) String() string { return o.Client + "/" + o.Site + "/" + o.ID }

// Credential sends for one tenant. Build one with New; there is no way to read the key back out.
type Credential struct {
	tenant     string
	org        Org
	orgText    string
	site       site.Site
	key        *string // a pointer, since package fmt shows an address where it walks into a copied struct
	generation uint64
	fresh      func() bool
}

// New is for holders of grants. fresh says whether the key is so young that Datadog may not accept it yet.
func New(tenant string, org Org, apiKey string, generation uint64, fresh func() bool) (*Credential, error) {
	s, ok := site.ByDomain(org.Site)
	if !ok {
		return nil, fmt.Errorf("org %s: %w", org.ID, site.ErrUnknown)
	}
	if apiKey == "" {
		return nil, ErrKeyMissing
	}
	return &Credential{tenant: tenant, org: org, orgText: org.String(), site: s, key: &apiKey, generation: generation, fresh: fresh}, nil
}

// Tenant is the tenant this credential sends for.
func (c *Credential) Tenant() string { return c.tenant }

// Org is the organisation that the data goes to.
func (c *Credential) Org() Org { return c.org }

// OrgText is Org().String(), without an allocation.
func (c *Credential) OrgText() string { return c.orgText }

// Site is the site where the organisation lives.
func (c *Credential) Site() site.Site { return c.site }

// Generation grows by one with every key of the organisation.
func (c *Credential) Generation() uint64 { return c.generation }

// Fresh reports whether the key is so young that a 403 may mean "not known everywhere yet".
func (c *Credential) Fresh() bool { return c.fresh != nil && c.fresh() }

// String shows no secret.
func (c *Credential) String() string {
	return fmt.Sprintf("credential of %s for %s, generation %d", c.tenant, c.orgText, c.generation)
}

// GoString keeps %#v from showing the key.
func (c *Credential) GoString() string { return c.String() }

// Format keeps every other verb from showing the key.
func (c *Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// NewRequest builds a request with this tenant's API key to a host of this tenant's site; path begins with a slash.
//
// The key travels in the header DD-API-KEY (https://docs.datadoghq.com/api/latest/authentication/). Send the request
// with a client that follows no redirect.
func (c *Credential) NewRequest(ctx context.Context, endpoints site.Endpoints, method string, host site.Host, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, endpoints.URL(c.site, host)+path, body)
	if err != nil {
		return nil, err
	}
	req.Header["Dd-Api-Key"] = []string{*c.key}
	return req, nil
}

// Authorize sets the tenant's API key on a request that somebody else built, which is how stock exporters send.
//
// It returns an error, and leaves the request as it is, unless the request is https and goes to one of Datadog's own hosts of
// the tenant's site. The caller owns req and must make sure that no redirect is followed.
func (c *Credential) Authorize(req *http.Request) error {
	if req.URL.Scheme != "https" {
		return fmt.Errorf("refused to send the API key of tenant %s over %s: only https", c.tenant, req.URL.Scheme)
	}
	if port := req.URL.Port(); port != "" && port != "443" {
		return fmt.Errorf("refused to send the API key of tenant %s to port %s: only 443", c.tenant, port)
	}
	if !c.site.Owns(req.URL.Hostname()) || req.Host != "" && req.Host != req.URL.Host {
		return fmt.Errorf("refused to send the API key of tenant %s to %s: it is no host of %s, where this customer lives", c.tenant, req.URL.Hostname(), c.site)
	}
	req.Header.Set("DD-API-KEY", *c.key)
	return nil
}
