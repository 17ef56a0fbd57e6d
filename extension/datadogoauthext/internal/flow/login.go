package flow

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// noLogin stands at the onboarding address when customers connect by links only.
func (f *Flow) noLogin(w http.ResponseWriter, r *http.Request) {
	f.message(w, r, http.StatusOK, "use_link")
}

// byLogin is a page for a customer who came through the partner's login, byEither one for somebody of whom nobody knows how they came.
var byLogin, byEither = page{Login: true}, page{Either: true}

// way tells by the address of a page how whoever has it came.
func (f *Flow) way(r *http.Request) page {
	switch path := strings.TrimPrefix(r.URL.Path, f.prefix); {
	case strings.HasPrefix(path, "/connect/request/"), f.isTicket(r), f.tickets != nil && path == "/connect":
		return byLogin
	case strings.HasPrefix(path, "/connect/"):
		return page{}
	}
	return byEither
}

// toLogin is the onboarding_url of the Datadog tile, and where the partner's own site sends customers. Nobody knows who the browser
// belongs to yet: it gets a cookie, what it came with is stored, and the partner's login takes over.
func (f *Flow) toLogin(w http.ResponseWriter, r *http.Request) {
	if !f.ready(w, r) {
		return
	}
	st, partition, err := readStart(r.URL.RawQuery)
	if err != nil {
		f.Logger.Warn("A customer arrived with a site that is none of Datadog's; nothing was contacted", zap.Error(err))
		f.badSite(w, r, true)
		return
	}
	if !f.clientReady(w, r, f.tickets.Client, "", true) {
		return
	}
	if !f.loginLimit.AllowN(f.Now(), 1) {
		f.tooMany(w, r, time.Minute, byLogin)
		return
	}
	browser := grant.NewSecret()
	nonce := grant.Hash(browser)
	requestID, err := f.Grants.BeginLogin(grant.WithActor(r.Context(), actor("")), grant.Login{
		BrowserHash: nonce, AppOrigin: st.Origin, StartedDomain: st.Domain, Partition: string(partition),
	})
	if err != nil {
		f.notBegun(w, r, "", byLogin, err, f.fail)
		return
	}
	setCookie(w, loginCookieName(requestID), browser, grant.FlowLife)
	f.count(r.Context(), "login_begun")
	http.Redirect(w, r, f.tickets.loginURL(requestID, nonce), http.StatusSeeOther)
}

// admit takes the ticket with which the partner's login sends the browser back, and the ticket out of the address bar, accepted or not. It stays
// there only where nobody looked at it yet, and reloading the page goes on. It is reached
// by GET only: a form that another site posts comes without the cookie (SameSite=Lax), and the cookie is half of the proof.
func (f *Flow) admit(w http.ResponseWriter, r *http.Request) {
	q, err := readQuery(r.URL.RawQuery, "request_id", "ticket")
	if err != nil || q.Get("ticket") == "" {
		f.toFailure(w, r, "bad_ticket_unreadable", byLogin)
		return
	}
	requestID := q.Get("request_id")
	login, ok := f.login(w, r, requestID, f.toFailure)
	if !ok {
		return
	}
	claims, err := f.tickets.verify(q.Get("ticket"), login.BrowserHash)
	if err != nil {
		f.Logger.Error("A ticket of the partner's login was refused", zap.Error(err))
		f.toFailure(w, r, "bad_ticket", byLogin)
		return
	}
	_, err = f.Grants.Admit(grant.WithActor(r.Context(), actor("ticket "+claims.ID)), requestID, claims.Tenant, f.tickets.Client, claims.ID, claims.AllowChange)
	switch {
	case errors.Is(err, grant.ErrNoLogin):
		f.toFailure(w, r, "no_login", byLogin)
		return
	case err != nil:
		f.notBegun(w, r, claims.Tenant, byLogin, err, f.toFailure)
		return
	}
	f.count(r.Context(), "admitted")
	http.Redirect(w, r, f.prefix+"/connect/request/"+requestID, http.StatusSeeOther)
}

// requestPage is the connect page of a customer whom a ticket admitted.
func (f *Flow) requestPage(w http.ResponseWriter, r *http.Request) {
	login, ok := f.admitted(w, r)
	if ok {
		f.showConsent(w, r, login.Tenant, login.Client, purposeAdmit, start{Request: login.Hash, Origin: login.AppOrigin, Domain: login.StartedDomain})
	}
}

// beginAdmitted is its button. The login lasts until a consent succeeded, so that a second press and a second try work like the first.
func (f *Flow) beginAdmitted(w http.ResponseWriter, r *http.Request) {
	st, ok := f.readForm(w, r, purposeAdmit, r.PathValue("request"))
	if !ok {
		return
	}
	login, ok := f.admitted(w, r)
	if !ok {
		return
	}
	chosen, err := st.chosen(r.PostForm)
	if err != nil {
		f.wrongAddress(w, r, login.Tenant, login.Client, purposeAdmit, st, err)
		return
	}
	fl := grant.Flow{Tenant: login.Tenant, Client: login.Client, AllowChange: login.AllowChange, Login: login.Hash, TicketID: login.TicketID}
	f.beginConsent(w, r, fl, chosen)
}

// admitted finds the login of a page's address once its ticket came, or answers itself.
func (f *Flow) admitted(w http.ResponseWriter, r *http.Request) (grant.Login, bool) {
	login, ok := f.login(w, r, r.PathValue("request"), f.fail)
	if !ok {
		return grant.Login{}, false
	}
	if login.Tenant == "" {
		f.fail(w, r, "no_login_yet", byLogin)
		return grant.Login{}, false
	}
	if _, ok := f.Clients[login.Client]; !ok {
		f.Logger.Error("A login names a client that is not in the configuration", zap.String("client", login.Client), zap.String("tenant", login.Tenant))
		f.fail(w, r, "no_login_setup", byLogin)
		return grant.Login{}, false
	}
	return login, f.clientReady(w, r, login.Client, login.Tenant, true)
}

// failing is fail, or toFailure where something has to leave the address bar.
type failing func(w http.ResponseWriter, r *http.Request, message string, came page)

// login finds the login under way that belongs to this browser, or answers itself. A browser without the cookie learns nothing of it.
func (f *Flow) login(w http.ResponseWriter, r *http.Request, requestID string, fail failing) (grant.Login, bool) {
	if requestID == "" || len(requestID) > maxRequestID {
		fail(w, r, "no_login", byLogin)
		return grant.Login{}, false
	}
	if !f.ready(w, r) {
		return grant.Login{}, false
	}
	cookie, err := r.Cookie(loginCookieName(requestID))
	if err != nil {
		f.wrongBrowser(w, r, fail)
		return grant.Login{}, false
	}
	var login grant.Login
	err = f.lookUp(r.Context(), func(ctx context.Context) (err error) {
		login, err = f.Grants.Login(ctx, requestID)
		return err
	})
	switch {
	case errors.Is(err, grant.ErrNoLogin):
		fail(w, r, "no_login", byLogin)
		return grant.Login{}, false
	case err != nil:
		f.Logger.Error("A login could not be read", zap.Error(err))
		fail(w, r, "store_failed", byLogin)
		return grant.Login{}, false
	case subtle.ConstantTimeCompare([]byte(grant.Hash(cookie.Value)), []byte(login.BrowserHash)) != 1:
		f.wrongBrowser(w, r, fail)
		return grant.Login{}, false
	}
	return login, true
}

func (f *Flow) wrongBrowser(w http.ResponseWriter, r *http.Request, fail failing) {
	f.Logger.Warn("A login came back in another browser than the one that began; nothing was done")
	fail(w, r, "wrong_browser", byLogin)
}
