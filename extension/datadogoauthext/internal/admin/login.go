package admin

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
)

//go:embed login.html
var loginHTML string

var loginTemplate = template.Must(template.New("login").Parse(loginHTML))

// gateView is a page of the gate: the form to log in or, for whoever is logged in, the button to log out.
type gateView struct {
	Text string // what went wrong, or empty
	Name string // of the token, as it was typed
	Next string // where to go then
	CSRF string // of the session; empty without one
}

// gate answers with such a page.
func (a *Admin) gate(w http.ResponseWriter, status int, view gateView) {
	var body bytes.Buffer
	if err := loginTemplate.Execute(&body, view); err != nil {
		a.logger.Error("the login page could not be written", zap.Error(err))
		http.Error(w, "The page could not be written; the collector's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w)
}

func (a *Admin) loginPage(w http.ResponseWriter, r *http.Request) {
	r = asPage(w, r)
	next := localPath(r.URL.Query().Get("next"))
	if a.sessionOf(r) != nil {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	a.gate(w, http.StatusOK, gateView{Next: next})
}

// login exchanges the name of a token and the token itself for a session. An unknown name takes the same time as a wrong token, and is
// answered alike: every file is read and compared before the name counts.
func (a *Admin) login(w http.ResponseWriter, r *http.Request) {
	r = asPage(w, r)
	if !a.readForm(w, r) {
		return
	}
	name, presented, next := r.PostForm.Get("name"), strings.TrimSpace(r.PostForm.Get("token")), localPath(r.PostForm.Get("next"))
	token, secret, ok := a.match(presented)
	if !ok || token.Name != name {
		a.logger.Warn("a login at the admin listener failed", zap.String("from", r.RemoteAddr)) // the name may be a token in the wrong field
		a.noteLoginFailed(r, "page")
		a.gate(w, http.StatusForbidden, gateView{Text: "No token of this name holds this secret. Both are in the collector's configuration: admin::tokens.", Name: name, Next: next})
		return
	}
	if old := a.sessionOf(r); old != nil {
		a.sessions.end(old)
	}
	now := time.Now()
	s, value := newSession(token, secret, now)
	a.sessions.add(s, now)
	a.logger.Info("somebody logged in at the admin listener", zap.String("token", token.Name), zap.String("from", r.RemoteAddr))
	a.note(r.Context(), token.Name, "page", audit.Record{What: "operator logged in", Reason: "from " + r.RemoteAddr, Minor: true})
	setCookie(w, r, value)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (a *Admin) logout(w http.ResponseWriter, r *http.Request, s *session) {
	a.sessions.end(s)
	a.note(r.Context(), s.token.Name, "page", audit.Record{What: "operator logged out", Minor: true})
	setCookie(w, r, "")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// localPath returns next where it is a path of this listener, and "/" for anything that a browser might read as another place: "//host",
// "/\host" and "/<tab>/host" are.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.ContainsFunc(next, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return "/"
	}
	u, err := url.Parse(next)
	if err != nil || u.Host != "" || u.Scheme != "" || strings.HasPrefix(u.EscapedPath(), "//") || u.Path == "/login" {
		return "/"
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}
