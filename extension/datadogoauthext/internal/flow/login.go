package flow

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// noLogin stands at the onboarding address when customers connect by links only.
func (f *Flow) noLogin(w http.ResponseWriter, _ *http.Request) {
	f.message(w, http.StatusOK, "Connect to Datadog", "To connect your account, open the connect link that you were sent. If you have none, ask for one.")
}

// toLogin is the onboarding_url of the Datadog tile, and where the partner's own site sends customers. Nobody knows who the browser
// belongs to yet: it gets a cookie, what it came with is stored, and the partner's login takes over.
func (f *Flow) toLogin(w http.ResponseWriter, r *http.Request) {
	if !f.ready(w, r) {
		return
	}
	st, origin, err := readStart(r.URL.RawQuery)
	if err != nil {
		f.Logger.Warn("A customer arrived with a site that is none of Datadog's; nothing was contacted", zap.Error(err))
		f.badSite(w, r)
		return
	}
	if !f.clientReady(w, r, f.tickets.Client, "") {
		return
	}
	if !f.loginLimit.AllowN(f.Now(), 1) {
		f.tooMany(w, r, time.Minute, "Too many customers are connecting at the moment. Try again in a minute.")
		return
	}
	browser := grant.NewSecret()
	nonce := grant.Hash(browser)
	requestID, err := f.Grants.BeginLogin(r.Context(), grant.Login{
		BrowserHash: nonce, AppOrigin: st.Origin, StartedDomain: st.Domain, Partition: string(origin.Partition),
	})
	if err != nil {
		f.notBegun(w, r, "", err)
		return
	}
	setCookie(w, loginCookieName(requestID), browser, grant.FlowLife)
	f.count(r.Context(), "login_begun")
	http.Redirect(w, r, f.tickets.loginURL(requestID, nonce), http.StatusSeeOther)
}

// admit takes the ticket with which the partner's login sends the browser back, and the ticket out of the address bar. It is reached
// by GET only: a form that another site posts comes without the cookie (SameSite=Lax), and the cookie is half of the proof.
func (f *Flow) admit(w http.ResponseWriter, r *http.Request) {
	q, err := readQuery(r.URL.RawQuery, "request_id", "ticket")
	if err != nil || q.Get("ticket") == "" {
		f.failAgain(w, r, http.StatusBadRequest, "bad_ticket", "The answer of the login could not be read.")
		return
	}
	requestID := q.Get("request_id")
	login, ok := f.login(w, r, requestID)
	if !ok {
		return
	}
	claims, err := f.tickets.verify(q.Get("ticket"), login.BrowserHash)
	if err != nil {
		f.Logger.Error("A ticket of the partner's login was refused", zap.Error(err))
		f.failAgain(w, r, http.StatusForbidden, "bad_ticket", "Your login was not accepted here.")
		return
	}
	_, err = f.Grants.Admit(r.Context(), requestID, claims.Tenant, f.tickets.Client, claims.ID, claims.AllowChange)
	switch {
	case errors.Is(err, grant.ErrNoLogin):
		f.failAgain(w, r, http.StatusBadRequest, "no_login", "This login was used already, or took too long.")
		return
	case err != nil:
		f.notBegun(w, r, claims.Tenant, err)
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
	f.beginConsent(w, r, grant.Flow{Tenant: login.Tenant, Client: login.Client, AllowChange: login.AllowChange, Login: login.Hash}, st, r.PathValue("request"))
}

// admitted finds the login of a page's address once its ticket came, or answers itself.
func (f *Flow) admitted(w http.ResponseWriter, r *http.Request) (grant.Login, bool) {
	login, ok := f.login(w, r, r.PathValue("request"))
	if !ok {
		return grant.Login{}, false
	}
	if login.Tenant == "" {
		f.failAgain(w, r, http.StatusForbidden, "no_login", "You are not logged in yet.")
		return grant.Login{}, false
	}
	if _, ok := f.Clients[login.Client]; !ok {
		f.Logger.Error("A login names a client that is not in the configuration", zap.String("client", login.Client), zap.String("tenant", login.Tenant))
		f.failAgain(w, r, http.StatusBadRequest, "no_login", "This login belongs to an older configuration.")
		return grant.Login{}, false
	}
	return login, f.clientReady(w, r, login.Client, login.Tenant)
}

// login finds the login under way that belongs to this browser, or answers itself. A browser without the cookie learns nothing of it.
func (f *Flow) login(w http.ResponseWriter, r *http.Request, requestID string) (grant.Login, bool) {
	if requestID == "" || len(requestID) > maxRequestID {
		f.failAgain(w, r, http.StatusBadRequest, "no_login", "The answer of the login could not be read.")
		return grant.Login{}, false
	}
	if !f.ready(w, r) {
		return grant.Login{}, false
	}
	cookie, err := r.Cookie(loginCookieName(requestID))
	if err != nil {
		f.wrongBrowser(w, r)
		return grant.Login{}, false
	}
	var login grant.Login
	err = f.lookUp(r.Context(), func(ctx context.Context) (err error) {
		login, err = f.Grants.Login(ctx, requestID)
		return err
	})
	switch {
	case errors.Is(err, grant.ErrNoLogin):
		f.failAgain(w, r, http.StatusBadRequest, "no_login", "This login was used already, or took too long.")
		return grant.Login{}, false
	case err != nil:
		f.Logger.Error("A login could not be read", zap.Error(err))
		f.fail(w, r, http.StatusServiceUnavailable, "store_failed", notNow)
		return grant.Login{}, false
	case subtle.ConstantTimeCompare([]byte(grant.Hash(cookie.Value)), []byte(login.BrowserHash)) != 1:
		f.wrongBrowser(w, r)
		return grant.Login{}, false
	}
	return login, true
}

func (f *Flow) wrongBrowser(w http.ResponseWriter, r *http.Request) {
	f.Logger.Warn("A login came back in another browser than the one that began; nothing was done")
	f.failAgain(w, r, http.StatusBadRequest, "wrong_browser", "This login began in another browser, or cookies are switched off.")
}
