package flow

import (
	"fmt"
	"net/url"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/peertext"
)

const maxShownBytes = 200

// explain turns the error parameters of a callback (RFC 6749 §4.1.2.1) into what the customer can do. What Datadog wrote
// is quoted to the operator only, bounded, and without what could be a secret.
func explain(q url.Values, c Client) *refusal {
	code := peertext.Quote(q.Get("error"), maxShownBytes)
	err := fmt.Errorf("the callback says %s: %s (client_id …%s, stage %s, redirect_url %s)",
		code, peertext.Quote(q.Get("error_description"), maxShownBytes, q.Get("state"), q.Get("code")), c.ClientID[max(0, len(c.ClientID)-4):], c.Stage, c.RedirectURL)
	switch code {
	case "access_denied":
		return &refusal{"denied", "You did not allow access, so nothing was connected. If that was a mistake, open the connect link again.", err}
	case "invalid_scope":
		return &refusal{"invalid_scope", "Your Datadog site or plan does not know everything that this integration asks for. Ask whoever sent you the link.",
			fmt.Errorf("%w: one scope that the site does not know, or whose product the customer's plan lacks, fails the whole request: trim the scopes of the client in Datadog's developer platform", err)}
	case "unauthorized_client", "invalid_request", "unsupported_response_type":
		return &refusal{"misconfigured", "Datadog does not accept this integration's request. Ask whoever sent you the link.",
			fmt.Errorf("%w: compare client_id, stage and redirect_url with Datadog's developer platform; a test client works only in the organisation that made it", err)}
	case "server_error", "temporarily_unavailable":
		return &refusal{"datadog_unavailable", "Datadog has a fault at the moment. Open the connect link again in a few minutes.", err}
	default:
		return &refusal{"denied_otherwise", "Datadog did not connect your organisation. Open the connect link again, or ask whoever sent it.", err}
	}
}
