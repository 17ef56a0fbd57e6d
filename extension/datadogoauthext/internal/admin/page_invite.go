package admin

import (
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// inviteView is the page of connect links: one that was just made, the form for another, and those that still work.
type inviteView struct {
	Tenant, Client, Lifetime string // as they were typed
	Fault                    string
	Made                     *Invitation
	Query                    string // what is searched for among those that still work
	Shown                    string // how many of them there are
	Open                     []OpenInvitation
	First, Next              string // paths; empty for none
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
		all, err := a.grants.Invitations(r.Context())
		if err != nil {
			view.OpenFault = a.faultText(r, err)
		}
		view.open(all, sectionOfPage(r.URL.Query()))
	}
	a.showWith(w, r, s, status, inviteTemplate, pageView{Title: "Connect links", Nav: "invitations", Main: view})
}

// open shows a section of the links that still work.
func (v *inviteView) open(all []OpenInvitation, s section) {
	part, total, next := s.invitations(all)
	v.Query, v.Open, v.Shown = s.text, part, plural(total, "link")
	if s.after != nil {
		v.First = linksPath(s.text, "")
	}
	if next != "" {
		v.Next = linksPath(s.text, next)
	}
}

// linksPath is the path of the links behind one.
func linksPath(text, after string) string {
	values := url.Values{}
	for name, value := range map[string]string{"q": text, "after": after} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return "/invitations"
	}
	return "/invitations?" + values.Encode()
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
