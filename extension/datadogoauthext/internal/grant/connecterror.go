package grant

import (
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// ConnectError says why a consent did not end in a connection.
type ConnectError struct {
	// Outcome is one of a closed set, for counting.
	Outcome string
	// Customer is what the person at the browser can do. It holds no secret.
	Customer string
	// Err is for the operator's log. It holds no secret either.
	Err error
}

func (e *ConnectError) Error() string { return e.Err.Error() }
func (e *ConnectError) Unwrap() error { return e.Err }

// Outcomes of ConnectError.
const (
	OutcomeInvitationGone     = "no_invitation"
	OutcomeExchangeRefused    = "exchange_refused"
	OutcomeExchangeUnanswered = "exchange_unanswered"
	OutcomeClientRejected     = "client_rejected"
	OutcomeOrgUnknown         = "org_unknown"
	OutcomeKeyExists          = "key_exists"
	OutcomeScopeMissing       = "scope_missing"
	OutcomeMintFailed         = "mint_failed"
	OutcomeStoreFailed        = "store_failed"
)

const (
	askPartner   = "Ask the support of whoever sent you the link."
	notNow       = "Connecting is not possible at the moment. Open the connect link again in a few minutes."
	notSaved     = "The connection could not be saved. Open the connect link again later."
	linkIsGone   = "This connect link or login was used or withdrawn in the meantime. Ask for another link, or log in again."
	orgIsUnknown = "Datadog did not say which organisation you connected. Open the connect link again in a few minutes."
)

// exchangeError adds what the person at the browser, and the operator, can do.
func exchangeError(err error, f Flow, at site.Site) error {
	switch kindOf(err) {
	case callClientRejected:
		return &ConnectError{OutcomeClientRejected, "Datadog does not accept this service's own credentials at the moment. " + askPartner + " Then open the connect link again.", err}
	case callInvalidGrant:
		started := f.StartedDomain
		if started == "" {
			started = "unknown"
		}
		err = fmt.Errorf("%w: a code works once, for some minutes, at one site, with the verifier of its own attempt "+
			"(site at the start: %s, domain of the callback: %s, app origin: %s); let the customer open the connect link again", err, started, at.Domain(), f.AppOrigin)
		return &ConnectError{OutcomeExchangeRefused, "Datadog did not accept the authorization: it may have taken too long. Open the connect link again.", err}
	case callUnanswered, callUnsent, callThrottled:
		return &ConnectError{OutcomeExchangeUnanswered, "Datadog could not be reached or did not answer. Open the connect link again in a few minutes.", err}
	default:
		return &ConnectError{OutcomeExchangeRefused, "Datadog did not accept the authorization. " + askPartner, err}
	}
}

// mintError does the same for the API key. The grant itself is stored by then.
func mintError(err error, at site.Site) error {
	switch kindOf(err) {
	case callConflict:
		return &ConnectError{OutcomeKeyExists, keyRecovery(at) + " Then open the connect link again.", err}
	case callForbidden:
		return &ConnectError{OutcomeScopeMissing, "Datadog did not allow this service to make an API key. " + askPartner, err}
	default:
		return &ConnectError{OutcomeMintFailed, "The connection is made, but Datadog gave no API key yet. Open the connect link again in a few minutes.", err}
	}
}

// changeError does the same for a change of organisation that was allowed beforehand and is still pending.
func changeError(err error, at site.Site) error {
	const stays = "Your data goes where it went before. "
	switch kindOf(err) {
	case callConflict:
		return &ConnectError{OutcomeKeyExists, stays + keyRecovery(at) + " Then begin again.", err}
	case callForbidden:
		return &ConnectError{OutcomeScopeMissing, stays + "Datadog did not allow this service to make an API key for the other organisation. " + askPartner, err}
	default:
		return &ConnectError{OutcomeMintFailed, stays + "The change to the other organisation could not be completed yet. Begin again in a few minutes.", err}
	}
}

// keyRecovery is Datadog's documented way out when a key exists whose value is lost.
// https://docs.datadoghq.com/developers/integrations/api_integration/ (troubleshooting)
func keyRecovery(at site.Site) string {
	return fmt.Sprintf("Datadog already has an API key of this integration for your organisation, and shows its value only once. "+
		"Open %s/organization-settings/api-keys, find the key whose name contains \"OAuth Client API Key\", and revoke it.", at.AppOrigin())
}
