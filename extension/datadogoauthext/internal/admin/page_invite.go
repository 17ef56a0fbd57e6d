package admin

import (
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// inviteView is the page of connect links: one that was just made, the form for another, and those that still work.
type inviteView struct {
	Tenant, Client, Lifetime string // as they were typed
	Fault                    string
	Made                     *Invitation
	Open                     []OpenInvitation
	OpenFault                string
	PublicURL                string
	Lifetimes                []lifetimeChoice
}

type lifetimeChoice struct{ Value, Label string }

var lifetimeChoices = []lifetimeChoice{{"1h", "1 hour"}, {"24h", "1 day"}, {"72h", "3 days"}, {"168h", "7 days"}, {"720h", "30 days"}}

func (a *Admin) invitations(w http.ResponseWriter, r *http.Request, s *session) {
	a.showInvitations(w, r, s, http.StatusOK, inviteView{Tenant: r.URL.Query().Get("tenant")})
}

func (a *Admin) showInvitations(w http.ResponseWriter, r *http.Request, s *session, status int, view inviteView) {
	if !a.loaded(w, r, s) {
		return
	}
	view.PublicURL, view.Lifetimes = a.publicURL, lifetimeChoices
	if view.Lifetime == "" {
		view.Lifetime = "72h"
	}
	if s.token.Role != RoleConnect {
		var err error
		if view.Open, err = a.grants.Invitations(r.Context()); err != nil {
			view.OpenFault = a.faultText(r, err)
		}
	}
	a.showWith(w, r, s, status, inviteTemplate, pageView{Title: "Connect links", Nav: "invitations", Main: view})
}

// inviteByForm makes a link and shows it in the answer itself, which nobody keeps: a redirect would have to keep it for the next page.
func (a *Admin) inviteByForm(w http.ResponseWriter, r *http.Request, s *session) {
	if !a.loaded(w, r, s) {
		return
	}
	view := inviteView{Tenant: field(r, "tenant"), Client: field(r, "client"), Lifetime: field(r, "lifetime")}
	lifetime, err := parseLifetime(view.Lifetime)
	if err == nil {
		err = grant.CheckTenant(view.Tenant)
	}
	if err != nil {
		view.Fault = err.Error()
		a.showInvitations(w, r, s, http.StatusUnprocessableEntity, view)
		return
	}
	invitation, err := a.grants.Invite(byPage(r, s), view.Tenant, view.Client, lifetime, s.token.Name)
	status, text := a.outcome("make a connect link", s.token.Name, err, zap.String("tenant", view.Tenant), zap.Time("expires_at", invitation.ExpiresAt))
	if text != "" {
		view.Fault = text
		a.showInvitations(w, r, s, status, view)
		return
	}
	view.Made = &invitation
	a.showInvitations(w, r, s, http.StatusOK, view)
}

func (a *Admin) revokeInvitationByForm(w http.ResponseWriter, r *http.Request, s *session) {
	if !a.loaded(w, r, s) {
		return
	}
	if _, text := a.outcome("revoke connect link", s.token.Name, a.grants.RevokeInvitation(byPage(r, s), r.PathValue("id"), s.token.Name)); text != "" {
		s.notify("Not done: "+text, true)
	} else {
		s.notify("The link opens nothing any more.", false)
	}
	http.Redirect(w, r, "/invitations", http.StatusSeeOther)
}

// Still says how long a link works.
func (i OpenInvitation) Still(now time.Time) string { return span(max(i.ExpiresAt.Sub(now), 0)) }
