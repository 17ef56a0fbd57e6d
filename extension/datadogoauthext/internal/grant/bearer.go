package grant

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// Bearer implements credential.Source.
func (s *Service) Bearer(tenant string, base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = s.http.Transport
	}
	if base == nil {
		base = http.DefaultTransport
	}
	return &bearer{s: s, tenant: tenant, base: base}
}

// bearer adds a tenant's access token to requests to api.<site> of that tenant, and to nothing else.
type bearer struct {
	s      *Service
	tenant string
	base   http.RoundTripper
}

// RoundTrip implements http.RoundTripper. A redirect is an error, so that no next hop gets anything.
func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	refuse := func(err error) (*http.Response, error) {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	at, err := b.s.siteOf(b.tenant)
	if err != nil {
		return refuse(err)
	}
	if err := onlyAPI(req, at); err != nil {
		return refuse(fmt.Errorf("refused to send the access token of tenant %s: %w", b.tenant, err))
	}
	tok, err := b.s.accessToken(req.Context(), b.tenant)
	if err != nil {
		return refuse(err)
	}
	resp, err := b.send(req, req.Body, tok)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		resp, err = b.again(req, resp, tok)
	}
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%s answered %d to a request of tenant %s: redirects are never followed with credentials", req.URL.Hostname(), resp.StatusCode, b.tenant)
	}
	return resp, nil
}

func (b *bearer) send(req *http.Request, body io.ReadCloser, tok Token) (*http.Response, error) {
	clone := req.Clone(req.Context())
	clone.Body = body
	clone.Header.Set("Authorization", bearerScheme+tok.AccessToken)
	return b.base.RoundTrip(clone)
}

// unauthorizedEvery is how often a 401 leads to a refresh, at most: endpoints that take no OAuth token answer it every time.
const unauthorizedEvery = 5 * time.Minute

// again repeats a request that was answered 401, once, with another token. Where there is no other token, or the body is gone, the
// answer stays.
func (b *bearer) again(req *http.Request, resp *http.Response, used Token) (*http.Response, error) {
	s, replayable := b.s, req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
	if !replayable {
		return resp, nil
	}
	tok, err := s.usableToken(b.tenant)
	if err == nil && tok.AccessToken == used.AccessToken && s.mayRefresh(b.tenant, used) == nil && s.windows.enter("401/"+b.tenant, s.now(), unauthorizedEvery) {
		_ = s.refresh(req.Context(), b.tenant, used) // logged where it happened; the 401 is the caller's answer then
		tok, err = s.usableToken(b.tenant)
	}
	if err != nil || tok.AccessToken == used.AccessToken {
		return resp, nil //nolint:nilerr // the 401 says it
	}
	body := req.Body
	if req.GetBody != nil {
		if body, err = req.GetBody(); err != nil {
			return resp, nil //nolint:nilerr // the 401 says it
		}
	}
	_ = resp.Body.Close()
	return b.send(req, body, tok)
}

// onlyAPI lets a request pass to https://api.<site> on the standard port.
func onlyAPI(req *http.Request, at site.Site) error {
	host := at.Hostname(site.HostAPI)
	port := req.URL.Port()
	if req.URL.Scheme != "https" || req.URL.Hostname() != host || port != "" && port != "443" || req.Host != "" && req.Host != req.URL.Host {
		return fmt.Errorf("%s://%s is not https://%s", req.URL.Scheme, req.URL.Host, host)
	}
	return nil
}

// siteOf is the site of a tenant's organisation.
func (s *Service) siteOf(tenant string) (site.Site, error) {
	if !s.Ready() {
		return site.Site{}, credential.ErrNotReady
	}
	s.view.mu.Lock()
	g, ok := s.view.grants[tenant]
	s.view.mu.Unlock()
	if !ok {
		return site.Site{}, fmt.Errorf("tenant %s: %w", tenant, credential.ErrUnknownTenant)
	}
	at, ok := site.ByDomain(g.rec.Org.Site)
	if !ok {
		return site.Site{}, fmt.Errorf("tenant %s: %w", tenant, site.ErrUnknown)
	}
	return at, nil
}
