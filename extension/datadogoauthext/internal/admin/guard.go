package admin

import (
	"context"
	"net/http"
	"net/url"
	"slices"
)

// maxFormBytes bounds what a form sends.
const maxFormBytes = 16 << 10

// pageFunc answers a person who is logged in.
type pageFunc = func(w http.ResponseWriter, r *http.Request, s *session)

// view lets a person see a page who is logged in with one of the roles. Whoever is not is sent to log in, and from there back here.
func (a *Admin) view(next func(w http.ResponseWriter, r *http.Request, s *session), roles ...Role) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r = asPage(w, r)
		if s := a.enter(w, r, r.URL.RequestURI(), roles); s != nil {
			next(w, r, s)
		}
	}
}

// form lets a form act that a page of the session sent. Three things have to agree, each of which alone keeps a foreign page out: the
// cookie, which the browser takes along from pages of this origin only; what the browser says of where the request began, which
// unlessForeign looks at; and the hidden field csrf. next finds the fields parsed.
func (a *Admin) form(next func(w http.ResponseWriter, r *http.Request, s *session), roles ...Role) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r = asPage(w, r)
		if !a.readForm(w, r) {
			return
		}
		s := a.enter(w, r, cameFrom(r), roles)
		if s == nil {
			return
		}
		if !s.sent(r.PostForm.Get("csrf")) {
			a.gate(w, http.StatusForbidden, gateView{Text: "Nothing was done: this form belongs to an earlier login. Go back, reload the page and press the button again.", CSRF: s.csrf()})
			return
		}
		next(w, r, s)
	}
}

// readForm reads the fields of a form, or answers itself and returns false.
func (a *Admin) readForm(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		a.gate(w, http.StatusBadRequest, gateView{Text: "Nothing was done: the form could not be read, or holds too much."})
		return false
	}
	return true
}

// enter returns the session of a request, or answers itself and returns nil.
func (a *Admin) enter(w http.ResponseWriter, r *http.Request, back string, roles []Role) *session {
	s := a.sessionOf(r)
	switch {
	case s == nil && r.URL.Path == livePath:
		http.Error(w, "log in again", http.StatusUnauthorized) // to a script, which a redirect would hand the login page
	case s == nil:
		to := "/login"
		if back = localPath(back); back != "/" {
			to += "?next=" + url.QueryEscape(back)
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	case !slices.Contains(roles, s.token.Role):
		a.noteRefusedRole(r, s.token, roles, "page")
		a.gate(w, http.StatusForbidden, gateView{Text: "This page is not for you: " + refusedRole(s.token, roles) + ".", CSRF: s.csrf()})
		return nil
	}
	return s
}

// cameFrom is the path of the page that sent a form; with the pages' Referrer-Policy only this origin is told.
func cameFrom(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host {
		return "/"
	}
	return u.RequestURI()
}

type nonceOf struct{}

// asPage sets the headers of a page and gives the request a nonce for it.
func asPage(w http.ResponseWriter, r *http.Request) *http.Request {
	once := newSecret()
	w.Header().Set("Content-Security-Policy", pagePolicy(once))
	w.Header().Set("Referrer-Policy", "same-origin") // with no-referrer the Origin of a form would be null
	return r.WithContext(context.WithValue(r.Context(), nonceOf{}, once))
}

// nonce is what a script element of the page that answers r has to carry.
func nonce(r *http.Request) string {
	once, _ := r.Context().Value(nonceOf{}).(string)
	return once
}
