package grant

import (
	"fmt"

	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// ConnectError says why a consent did not end in a connection. What the customer is told is up to whoever serves the pages.
type ConnectError struct {
	// Outcome is one of a closed set, for counting.
	Outcome string
	// Stored is the organisation of a consent that is stored all the same: what is missing is its API key. It is zero where nothing is stored.
	Stored credential.Org
	// OrgName is its name, as far as this consent asked for it.
	OrgName string
	// Change is the Pending.Consent of one that is stored as a change that is pending: the tenant's data goes where it went before. It is empty
	// where the consent is the tenant's grant.
	Change string
	// CodeSpent says of OutcomeExchangeRefused that Datadog has nothing against the client: the code was too old, used before, or of another site.
	CodeSpent bool
	// Err is for the operator's log. It holds no secret.
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

// exchangeError adds what the operator can do.
func exchangeError(err error, f Flow, at site.Site) error {
	switch kindOf(err) {
	case callClientRejected:
		return &ConnectError{Outcome: OutcomeClientRejected, Err: err}
	case callInvalidGrant:
		started := f.StartedDomain
		if started == "" {
			started = "unknown"
		}
		err = fmt.Errorf("%w: a code works once, for some minutes, at one site, with the verifier of its own attempt "+
			"(site at the start: %s, domain of the callback: %s, app origin: %s; %s); let the customer open the connect link again",
			err, started, at.Domain(), f.AppOrigin, proofSent(f))
		return &ConnectError{Outcome: OutcomeExchangeRefused, CodeSpent: true, Err: err}
	case callUnanswered, callUnsent, callThrottled:
		return &ConnectError{Outcome: OutcomeExchangeUnanswered, Err: err}
	default:
		return &ConnectError{Outcome: OutcomeExchangeRefused, Err: fmt.Errorf("%w (%s)", err, proofSent(f))}
	}
}

// proofSent rules out, or names, what Datadog's documentation gives as the causes of "Invalid code or code verifier".
// https://docs.datadoghq.com/developers/integrations/api_integration/ (troubleshooting)
func proofSent(f Flow) string {
	fits := "no"
	if f.Challenge == oauth2.S256ChallengeFromVerifier(f.Verifier) {
		fits = "yes"
	}
	return "sent as application/x-www-form-urlencoded, the verifier fits the challenge: " + fits
}

// mintError sorts why there is no API key. name and change are those of ConnectError.
func mintError(err error, org credential.Org, name, change string) error {
	e := &ConnectError{Outcome: OutcomeMintFailed, Stored: org, OrgName: name, Change: change, Err: err}
	switch kindOf(err) {
	case callConflict:
		e.Outcome = OutcomeKeyExists
	case callForbidden:
		e.Outcome = OutcomeScopeMissing
	}
	return e
}

// keyRecovery is Datadog's documented way out when a key exists whose value is lost.
// https://docs.datadoghq.com/developers/integrations/api_integration/ (troubleshooting)
func keyRecovery(at site.Site) string {
	return fmt.Sprintf("Datadog already has an API key of this integration for your organisation, and shows its value only once. "+
		"Open %s/organization-settings/api-keys, find the key whose name contains %q, and revoke it.", at.AppOrigin(), keyNameMark)
}
