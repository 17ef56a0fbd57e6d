package flow

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// clientReady answers itself, and returns false, when Datadog rejects the client's credentials: a consent at Datadog would be in vain.
func (f *Flow) clientReady(w http.ResponseWriter, r *http.Request, client, tenant string) bool {
	err := f.Grants.ClientReady(client)
	if err == nil {
		return true
	}
	f.Logger.Error("A customer could not begin", zap.String("tenant", tenant), zap.Error(err))
	f.fail(w, r, http.StatusServiceUnavailable, "client_rejected", "Connecting is not possible at the moment. Try again later, or ask whoever sent you here.")
	return false
}

// showConsent asks whether to go on. It stores nothing: links are opened by mail scanners too.
func (f *Flow) showConsent(w http.ResponseWriter, r *http.Request, tenant, client, purpose string, st start) {
	field, err := sealValue(f, purpose, grant.FlowLife, st)
	if err != nil {
		f.Logger.Error("A connect page could not be sealed", zap.String("tenant", tenant), zap.Error(err))
		f.fail(w, r, http.StatusInternalServerError, "internal", notNow)
		return
	}
	// For this page alone: under no-referrer a browser sends its form with "Origin: null" (https://fetch.spec.whatwg.org/,
	// append a request Origin header), and one that knows no Sec-Fetch-Site then cannot show where the form comes from. Other
	// origins learn nothing of the link either way.
	w.Header().Set("Referrer-Policy", "same-origin")
	f.render(w, http.StatusOK, "connect.html", connectData{
		Partner: f.PartnerName, Tenant: tenant, Origin: st.Origin, Start: field, Test: f.Clients[client].Stage == "test",
	})
}

// readForm returns what showConsent sealed into its page, or answers itself. secret is that of the page's address.
func (f *Flow) readForm(w http.ResponseWriter, r *http.Request, purpose, secret string) (start, bool) {
	fail := f.fail
	if purpose == purposeAdmit {
		fail = f.failAgain
	}
	r.Body = http.MaxBytesReader(w, r.Body, 2*maxSealed)
	if err := r.ParseForm(); err != nil || len(r.PostForm["start"]) != 1 {
		fail(w, r, http.StatusBadRequest, "bad_form", "The form could not be read. "+again)
		return start{}, false
	}
	st, err := openValue[start](f, purpose, r.PostForm.Get("start"))
	if err != nil || cmp.Or(st.Invitation, st.Request) != grant.Hash(secret) {
		fail(w, r, http.StatusBadRequest, "page_expired", "This page is too old. "+again)
		return start{}, false
	}
	return st, true
}

// beginConsent makes state and verifier, and sends the browser to Datadog. fl holds tenant, client and what let the customer in; requestID
// is that of the login that did, or empty.
func (f *Flow) beginConsent(w http.ResponseWriter, r *http.Request, fl grant.Flow, st start, requestID string) {
	origin, err := site.ParseAppOrigin(st.Origin) // once more, although nobody can have changed it: this is where the browser goes
	if err != nil {
		f.Logger.Error("A consent was to begin at a site that is none of Datadog's; nothing was contacted", zap.String("tenant", fl.Tenant), zap.Error(err))
		f.badSite(w, r)
		return
	}
	verifier := oauth2.GenerateVerifier() // 32 random bytes, 43 characters: RFC 7636 §4.1
	browser := grant.NewSecret()
	fl.Verifier, fl.BrowserHash = verifier, grant.Hash(browser)
	fl.AppOrigin, fl.StartedDomain, fl.Partition = origin.Origin, st.Domain, string(origin.Partition)
	state, err := f.Grants.BeginFlow(r.Context(), fl)
	if err != nil {
		f.notBegun(w, r, fl.Tenant, err)
		return
	}
	cookie, err := sealValue(f, purposeFlow, grant.FlowLife, flowCookie{State: grant.Hash(state), Tenant: fl.Tenant, Secret: browser, Request: requestID})
	if err != nil {
		f.notBegun(w, r, fl.Tenant, err)
		return
	}
	setCookie(w, flowCookieName(state), cookie, grant.FlowLife)
	f.count(r.Context(), "begun")
	http.Redirect(w, r, authorizeURL(origin, f.Clients[fl.Client], state, verifier), http.StatusSeeOther)
}

const (
	notNow  = "Connecting is not possible at the moment. Try again later."
	notHere = "This account cannot be connected here. Ask whoever sent you here."
)

// notBegun shows why a consent or a login was not stored.
func (f *Flow) notBegun(w http.ResponseWriter, r *http.Request, tenant string, err error) {
	switch {
	case errors.Is(err, grant.ErrTooManyFlows):
		f.Logger.Warn("A customer could not begin", zap.String("tenant", tenant), zap.Error(err))
		f.tooMany(w, r, grant.FlowLife, "Too many attempts are under way. Try again in ten minutes.")
	case errors.Is(err, grant.ErrRefused):
		f.Logger.Warn("A customer may not begin", zap.String("tenant", tenant), zap.Error(err))
		f.fail(w, r, http.StatusForbidden, "refused", notHere)
	default:
		f.Logger.Error("A consent could not be stored", zap.String("tenant", tenant), zap.Error(err))
		f.fail(w, r, http.StatusServiceUnavailable, "store_failed", notNow)
	}
}

// authorizeURL leaves scope out: Datadog then grants all that the client is configured with.
// https://docs.datadoghq.com/developers/authorization/oauth2_endpoints/
func authorizeURL(at site.AppOrigin, c Client, state, verifier string) string {
	cfg := oauth2.Config{ClientID: c.ClientID, RedirectURL: c.RedirectURL, Endpoint: oauth2.Endpoint{AuthURL: at.Origin + "/oauth2/v1/authorize"}}
	return cfg.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier))
}

// badSite is the answer to a site that is none of Datadog's. Nothing is contacted on its account.
func (f *Flow) badSite(w http.ResponseWriter, r *http.Request) {
	f.fail(w, r, http.StatusBadRequest, "bad_site", "The link names a Datadog site that does not exist. Open the link without what follows the question mark.")
}

// tooMany says after how long another attempt makes sense.
func (f *Flow) tooMany(w http.ResponseWriter, r *http.Request, wait time.Duration, text string) {
	w.Header().Set("Retry-After", seconds(wait))
	f.fail(w, r, http.StatusTooManyRequests, "too_many", text)
}
