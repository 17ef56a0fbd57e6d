package admin

import (
	"context"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// orderByForm serves a button of a tenant's page. It ends on that page, which says once what came of it: done is that in case of success.
func (a *Admin) orderByForm(what, done string, do func(ctx context.Context, tenant string, r *http.Request, by string) error) pageFunc {
	return func(w http.ResponseWriter, r *http.Request, s *session) {
		if !a.loaded(w, r, s) {
			return
		}
		name := r.PathValue("tenant")
		giveTime(w, orderTime)
		_, text := a.outcome(what, s.token.Name, do(byPage(r, s), name, r, s.token.Name), zap.String("tenant", name))
		if text == "" {
			s.notify(done, false)
		} else {
			s.notify("Not done: "+text, true)
		}
		http.Redirect(w, r, tenantPath(name), http.StatusSeeOther)
	}
}

// byPage is the context of what a person orders at a page.
func byPage(r *http.Request, s *session) context.Context {
	return grant.WithActor(r.Context(), grant.Actor{Kind: "operator", Name: s.token.Name, Via: "page"})
}

// tenantForms are the buttons of a tenant's page.
func (a *Admin) tenantForms() []Route {
	form := func(path, what, done string, do func(ctx context.Context, tenant string, r *http.Request, by string) error) Route {
		return a.post("/tenants/{tenant}/"+path, a.orderByForm(what, done, do), RoleOperate)
	}
	return []Route{
		form("pause", "pause", "Paused: nothing is sent, and what arrives waits.", func(ctx context.Context, tenant string, r *http.Request, by string) error {
			return a.grants.Pause(ctx, tenant, field(r, "reason"), by)
		}),
		form("resume", "resume", "Resumed: what waited is being sent.", func(ctx context.Context, tenant string, _ *http.Request, by string) error {
			return a.grants.Resume(ctx, tenant, by)
		}),
		form("refresh", "refresh", "The token was refreshed.", func(ctx context.Context, tenant string, _ *http.Request, by string) error {
			return a.grants.Refresh(ctx, tenant, by)
		}),
		form("mint", "mint", "There is a key: the one that was stored where Datadog takes it, else another.", func(ctx context.Context, tenant string, _ *http.Request, by string) error {
			return a.grants.MintAgain(ctx, tenant, by)
		}),
		form("confirm", "confirm change", "Confirmed: the tenant's data goes to the other organisation from now on.", func(ctx context.Context, tenant string, r *http.Request, by string) error {
			if field(r, "sure") == "" {
				return refusal("tick the box: the customer has to mean this change")
			}
			org := field(r, "org_id")
			if org == "" { // which would stand for whatever waits by now
				return refusal("the form names no organisation; reload the page, look at what waits, and press the button again")
			}
			return a.grants.ConfirmChange(ctx, tenant, org, by)
		}),
		form("reject", "reject change", "Rejected: nothing is sent to the other organisation.", func(ctx context.Context, tenant string, _ *http.Request, by string) error {
			return a.grants.RejectChange(ctx, tenant, by)
		}),
		form("disconnect", "disconnect", "Disconnected.", func(ctx context.Context, tenant string, r *http.Request, by string) error {
			if r.PostForm.Get("name") != tenant && field(r, "name") != tenant { // as it is, or with spaces that came by pasting
				return refusal("what was typed is not the tenant's name")
			}
			return a.grants.Disconnect(ctx, tenant, field(r, "reason"), by)
		}),
		form("check", "check", "The checks run; this page shows what they find.", func(ctx context.Context, tenant string, r *http.Request, by string) error {
			_, err := a.grants.StartCheck(ctx, tenant, CheckOptions{Intrusive: field(r, "intrusive") != "", Consent: field(r, "consent") != ""}, by)
			return err
		}),
		form("check/stop", "stop check", "The check ends; this page shows what it found until then.", func(ctx context.Context, tenant string, _ *http.Request, by string) error {
			return a.grants.StopCheck(ctx, tenant, by)
		}),
	}
}

func field(r *http.Request, name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }

// refusal is an ErrRefused of a page itself.
type refusal string

func (r refusal) Error() string      { return string(r) }
func (refusal) Is(target error) bool { return target == ErrRefused }

// disconnectForm is a page of its own: what it does, nothing brings back.
func (a *Admin) disconnectForm(w http.ResponseWriter, r *http.Request, s *session) {
	if !a.loaded(w, r, s) {
		return
	}
	status, ok := a.grants.Tenant(r.PathValue("tenant"))
	if !ok {
		a.noTenant(w, r, s)
		return
	}
	view := &tenantView{TenantStatus: status, Path: tenantPath(status.Tenant), Known: status.OrgID != ""}
	view.Site, view.Org = view.slots.add("site", "site", status.Site), view.slots.add("org", "org", orgText(status))
	a.show(w, r, s, disconnectTemplate, pageView{Title: "Disconnect " + status.Tenant, Nav: "tenant", Main: view})
}

// endQuarantineByForm ends on the list.
func (a *Admin) endQuarantineByForm(w http.ResponseWriter, r *http.Request, s *session) {
	if !a.loaded(w, r, s) {
		return
	}
	if _, text := a.outcome("end quarantine", s.token.Name, a.grants.EndQuarantine(byPage(r, s), s.token.Name)); text != "" {
		s.notify("Not done: "+text, true)
	} else {
		s.notify("The quarantine is over.", false)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
