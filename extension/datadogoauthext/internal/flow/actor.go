package flow

import (
	"net/http"
	"net/url"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// actor is a customer as the audit names one: by the connect link or the ticket that let them in; empty before a ticket came.
func actor(name string) grant.Actor { return grant.Actor{Kind: "customer", Name: name, Via: "flow"} }

// customerOf is whoever a consent belongs to.
func customerOf(fl grant.Flow) string {
	if fl.Invitation != "" {
		return "invitation " + grant.Invitation{Hash: fl.Invitation}.ID()
	}
	return "ticket " + fl.TicketID
}

// noteFailed records a consent that led to nothing. The callback's domain is recorded only if it is a site of Datadog's: it is the browser's
// word. Whoever has a link can cause as many as they like, so none of them is kept for long.
func (f *Flow) noteFailed(r *http.Request, fl grant.Flow, q url.Values, message string, err error) {
	at, _ := site.ParseDomain(q.Get("domain"))
	rec := audit.Record{What: "consent failed", Tenant: fl.Tenant, Client: fl.Client, Reason: err.Error(), Routine: true}
	for _, c := range []audit.Change{{Field: "outcome", After: ends[message].outcome}, {Field: "started_domain", After: fl.StartedDomain}, {Field: "callback_domain", After: domainOf(at)}} {
		if c.After != "" {
			rec.Changes = append(rec.Changes, c)
		}
	}
	f.Grants.NoteAnyway(grant.WithActor(r.Context(), actor(customerOf(fl))), rec)
}
