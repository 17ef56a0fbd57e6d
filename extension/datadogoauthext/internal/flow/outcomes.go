package flow

import (
	"errors"
	"net/http"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// end is what a message stands for: how a step of a customer's is counted, by a word of a closed set, and the status of its page.
type end struct {
	outcome string
	status  int
}

// ends are the messages that a page can be about, by id. Each has its words in every language: see words.
var ends = map[string]end{
	// good
	"connected":      {"connected", http.StatusOK},
	"change_pending": {"change_pending", http.StatusOK},
	"checked":        {grant.OutcomeChecked, http.StatusOK},

	// before Datadog
	"not_ready":             {"not_ready", http.StatusServiceUnavailable},
	"store_failed":          {grant.OutcomeStoreFailed, http.StatusServiceUnavailable},
	"store_unread":          {grant.OutcomeStoreFailed, http.StatusServiceUnavailable},
	"internal":              {"internal", http.StatusInternalServerError},
	"too_many":              {"too_many", http.StatusTooManyRequests},
	"too_many_unread":       {"too_many", http.StatusTooManyRequests},
	"no_invitation":         {grant.OutcomeInvitationGone, http.StatusNotFound},
	"client_rejected":       {grant.OutcomeClientRejected, http.StatusServiceUnavailable},
	"refused":               {"refused", http.StatusForbidden},
	"bad_site":              {"bad_site", http.StatusBadRequest},
	"bad_form":              {"bad_form", http.StatusBadRequest},
	"page_expired":          {"page_expired", http.StatusBadRequest},
	"foreign_page":          {"foreign_page", http.StatusForbidden},
	"bad_ticket":            {"bad_ticket", http.StatusForbidden},
	"bad_ticket_unreadable": {"bad_ticket", http.StatusBadRequest},
	"no_login":              {"no_login", http.StatusBadRequest},
	"no_login_yet":          {"no_login", http.StatusForbidden},
	"no_login_setup":        {"no_login", http.StatusBadRequest},
	"wrong_browser":         {"wrong_browser", http.StatusBadRequest},

	// what came back from Datadog by way of the browser
	"bad_callback":           {"bad_callback", http.StatusBadRequest},
	"bad_state":              {"bad_state", http.StatusBadRequest},
	"bad_state_missing":      {"bad_state", http.StatusBadRequest},
	"client_mismatch":        {"client_mismatch", http.StatusBadRequest},
	"bad_domain":             {"bad_domain", http.StatusBadRequest},
	"bad_domain_missing":     {"bad_domain", http.StatusBadRequest},
	"bad_domain_partition":   {"bad_domain", http.StatusBadRequest},
	"denied":                 {"denied", http.StatusBadRequest},
	"denied_otherwise":       {"denied_otherwise", http.StatusBadRequest},
	"invalid_scope":          {"invalid_scope", http.StatusBadRequest},
	"misconfigured":          {"misconfigured", http.StatusBadRequest},
	"datadog_fault":          {"datadog_unavailable", http.StatusBadRequest},
	"datadog_unavailable":    {"datadog_unavailable", http.StatusBadRequest},
	"invitation_gone":        {grant.OutcomeInvitationGone, http.StatusNotFound},
	"again_refused":          {"again_refused", http.StatusConflict},
	"exchange_refused":       {grant.OutcomeExchangeRefused, http.StatusBadGateway},
	"exchange_refused_site":  {grant.OutcomeExchangeRefused, http.StatusBadGateway},
	"exchange_refused_setup": {grant.OutcomeExchangeRefused, http.StatusBadGateway},
	"exchange_unanswered":    {grant.OutcomeExchangeUnanswered, http.StatusBadGateway},
	"org_unknown":            {grant.OutcomeOrgUnknown, http.StatusBadGateway},
	"key_exists":             {grant.OutcomeKeyExists, http.StatusConflict},
	"scope_missing":          {grant.OutcomeScopeMissing, http.StatusBadGateway},
	"mint_failed":            {grant.OutcomeMintFailed, http.StatusBadGateway},
}

// messageOf chooses the words for why a consent at a site did not lead to a connection.
func messageOf(err error, fl grant.Flow, at site.Site) string {
	var why *grant.ConnectError
	if !errors.As(err, &why) {
		return "internal"
	}
	switch why.Outcome {
	case grant.OutcomeInvitationGone:
		return "invitation_gone"
	case grant.OutcomeExchangeRefused:
		switch {
		case !why.CodeSpent:
			return "exchange_refused_setup"
		case fl.StartedDomain != "" && fl.StartedDomain != at.Domain():
			return "exchange_refused_site"
		}
	}
	return why.Outcome
}
