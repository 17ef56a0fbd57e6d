package flow

import (
	"fmt"
	"net/url"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/peertext"
)

const maxShownBytes = 200

// explain sorts the error parameters of a callback (RFC 6749 §4.1.2.1). What Datadog wrote is quoted to the operator only, bounded, and
// without what could be a secret.
func explain(q url.Values, c Client) *refusal {
	code := peertext.Quote(q.Get("error"), maxShownBytes)
	err := fmt.Errorf("the callback says %s: %s (client_id …%s, stage %s, redirect_url %s)",
		code, peertext.Quote(q.Get("error_description"), maxShownBytes, q.Get("state"), q.Get("code")), c.ClientID[max(0, len(c.ClientID)-4):], c.Stage, c.RedirectURL)
	switch code {
	case "access_denied":
		return &refusal{message: "denied", err: err}
	case "invalid_scope":
		return &refusal{message: "invalid_scope",
			err: fmt.Errorf("%w: one scope that the site does not know, or whose product the customer's plan lacks, fails the whole request: trim the scopes of the client in Datadog's developer platform", err)}
	case "unauthorized_client", "invalid_request", "unsupported_response_type":
		return &refusal{message: "misconfigured",
			err: fmt.Errorf("%w: compare client_id, stage and redirect_url with Datadog's developer platform; a test client works only in the organisation that made it", err)}
	case "server_error":
		return &refusal{message: "datadog_fault", err: err}
	case "temporarily_unavailable":
		return &refusal{message: "datadog_unavailable", err: err}
	default:
		return &refusal{message: "denied_otherwise", err: err}
	}
}
