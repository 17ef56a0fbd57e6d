package intake

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// refusal tells what came back and what to do about it.
func refusal(cred *credential.Credential, r *Request, resp *http.Response, said answer) error {
	text := strings.Join(said.texts[:min(len(said.texts), 3)], "; ")
	if text == "" {
		text = http.StatusText(resp.StatusCode)
	}
	var hint string
	switch code := resp.StatusCode; {
	case said.notEnabled:
		hint = "; Datadog has not enabled this intake for the organisation, and has to be asked to; the data is kept and tried again"
	case said.page && code != http.StatusProxyAuthRequired:
		hint = "; check http::proxy_url and endpoints"
	case code == http.StatusForbidden && cred.Fresh():
		hint = "; the key is new and may not be known everywhere yet, trying again"
	case code == http.StatusForbidden:
		hint = "; the customer may have revoked the API key, or this intake is not enabled for the organisation"
	case code == http.StatusProxyAuthRequired:
		hint = "; a proxy wants credentials, check http::proxy_url"
	case code == http.StatusNotFound:
		hint = "; check the endpoints in the exporter's configuration"
	case code >= 300 && code < 400:
		hint = "; redirects are not followed, check http::proxy_url and endpoints"
	case r.Family.once() && (code < 300 || code == http.StatusRequestTimeout || code >= 500):
		hint = "; it may have arrived all the same, see events::at_least_once"
	}
	return fmt.Errorf("send %s of tenant %s to %s: %d: %s%s", r.Family, r.Tenant, cred.Site(), resp.StatusCode, text, hint)
}
