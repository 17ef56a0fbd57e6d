package flow

import "github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"

// actor is a customer as the audit names one: by the id of the connect link or of the ticket that let them in; empty before a ticket came.
func actor(name string) grant.Actor { return grant.Actor{Kind: "customer", Name: name, Via: "flow"} }

// customerOf is whoever a consent belongs to.
func customerOf(fl grant.Flow) string {
	if fl.Invitation != "" {
		return grant.Invitation{Hash: fl.Invitation}.ID()
	}
	return fl.TicketID
}
