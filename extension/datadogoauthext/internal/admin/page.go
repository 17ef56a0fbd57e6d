package admin

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"time"

	"go.uber.org/zap"
)

//go:embed pages status.css status.js
var assets embed.FS

// The pages. They escape by context: names of tenants and orgs are whatever the partner and the customer's browser sent. Each is complete
// without script, and asks no other machine for anything.
var (
	listTemplate       = parsePage("list")
	tenantTemplate     = parsePage("tenant")
	disconnectTemplate = parsePage("disconnect")
	inviteTemplate     = parsePage("invite")
	auditTemplate      = parsePage("audit")
	messageTemplate    = parsePage("message")
)

func parsePage(name string) *template.Template {
	functions := template.FuncMap{"moment": moment, "rfc3339": rfc3339, "count": count[int], "resultLevel": resultLevel}
	return template.Must(template.New("frame.html").Funcs(functions).ParseFS(assets, "pages/frame.html", "pages/parts.html", "pages/"+name+".html"))
}

// console are the pages of whoever is logged in, and what their buttons send.
func (a *Admin) console() []Route {
	return append([]Route{
		a.get("/{$}", a.list, RoleRead, RoleOperate, RoleConnect),
		a.get(livePath, a.live, RoleRead, RoleOperate),
		a.get("/tenants/{tenant}", a.tenantPage, RoleRead, RoleOperate),
		a.get("/tenants/{tenant}/disconnect", a.disconnectForm, RoleOperate),
		a.get("/tenants/{tenant}/report.html", a.reportFile(reportHTML), RoleRead, RoleOperate),
		a.get("/tenants/{tenant}/report.json", a.reportFile(reportJSON), RoleRead, RoleOperate),
		a.get("/invitations", a.invitations, RoleRead, RoleOperate, RoleConnect),
		a.post("/invitations", a.inviteByForm, RoleOperate, RoleConnect),
		a.post("/invitations/{id}/revoke", a.revokeInvitationByForm, RoleOperate),
		a.get("/audit", a.audit, RoleRead, RoleOperate),
		a.post("/quarantine/end", a.endQuarantineByForm, RoleOperate),
	}, a.tenantForms()...)
}

// pageView is what the frame of every page shows, around what is in Main.
type pageView struct {
	Title       string
	Nav         string // which of the pages it is: tenants, invitations or audit
	Live        string // where the script asks for what changed; empty for a page that does not change
	Stamp       string // of what a live update cannot show
	Who         Token
	Operate     bool // whether there are buttons
	Connect     bool // whether links can be made
	See         bool // whether tenants are shown
	CSRF, Nonce string
	Notices     []notice
	At          time.Time
	Main        any
}

// show answers with a page.
func (a *Admin) show(w http.ResponseWriter, r *http.Request, s *session, page *template.Template, view pageView) {
	a.showWith(w, r, s, http.StatusOK, page, view)
}

func (a *Admin) showWith(w http.ResponseWriter, r *http.Request, s *session, status int, page *template.Template, view pageView) {
	view.Who, view.CSRF, view.Nonce, view.Notices = s.token, s.csrf(), nonce(r), s.notices()
	view.Operate, view.Connect, view.See = s.token.Role == RoleOperate, s.token.Role != RoleRead, s.token.Role != RoleConnect
	if view.At.IsZero() {
		view.At = time.Now()
	}
	var body bytes.Buffer // so that a fault of the template ends in a 500 and not in half a page
	if err := page.Execute(&body, view); err != nil {
		a.logger.Error("a page could not be written", zap.String("path", r.Pattern), zap.Error(err))
		http.Error(w, "The page could not be written; the collector's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w)
}

// message answers with a page that says one thing.
func (a *Admin) message(w http.ResponseWriter, r *http.Request, s *session, status int, title, text string) {
	a.showWith(w, r, s, status, messageTemplate, pageView{Title: title, Main: text})
}

// loaded answers itself, and returns false, while the grants are not loaded: an empty list would read as "no customer".
func (a *Admin) loaded(w http.ResponseWriter, r *http.Request, s *session) bool {
	ok, why := a.grants.Ready()
	if ok {
		return true
	}
	text, status := "The grants are not loaded yet", http.StatusOK
	if r.Method != http.MethodGet {
		text, status = "Nothing was done: the grants are not loaded yet", http.StatusServiceUnavailable
	}
	if why != "" {
		text += ": " + why
	}
	a.message(w, r, s, status, "Loading", text+". Reload in a moment; if it stays so, see the collector's log.")
	return false
}

// faultText is what a person may read of an error of Grants. What is not for them goes to the log.
func (a *Admin) faultText(r *http.Request, err error) string {
	if errors.Is(err, ErrRefused) || errors.Is(err, ErrUnknown) {
		return err.Error()
	}
	a.logger.Error("something could not be read for a page", zap.String("path", r.Pattern), zap.Error(err))
	return "it could not be read; the collector's log says why"
}

// asset serves a file that goes with the pages. Nothing in it is of a tenant, so anybody may have it.
func asset(name, contentType string) http.HandlerFunc {
	body, err := assets.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	}
}
