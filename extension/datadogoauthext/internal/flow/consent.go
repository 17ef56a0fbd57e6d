package flow

import (
	"cmp"
	"errors"
	"net/http"

	"go.uber.org/zap"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// clientReady answers itself, and returns false, when Datadog rejects the client's credentials: a consent at Datadog would be in vain.
func (f *Flow) clientReady(w http.ResponseWriter, r *http.Request, client, tenant string, login bool) bool {
	err := f.Grants.ClientReady(client)
	if err == nil {
		return true
	}
	f.Logger.Error("A customer could not begin", zap.String("tenant", tenant), zap.Error(err))
	f.fail(w, r, "client_rejected", page{Login: login})
	return false
}

// showConsent asks whether to go on, and where, if the link did not say. It stores nothing: links are opened by mail scanners too.
func (f *Flow) showConsent(w http.ResponseWriter, r *http.Request, tenant, client, purpose string, st start) {
	f.showForm(w, r, http.StatusOK, tenant, client, purpose, st, form{})
}

// wrongAddress shows it once more to a customer whose choice of an address is none of Datadog's. Nothing is contacted on its account.
func (f *Flow) wrongAddress(w http.ResponseWriter, r *http.Request, tenant, client, purpose string, st start, err error) {
	f.Logger.Warn("A customer wrote an address that is none of Datadog's; nothing was contacted", zap.String("tenant", tenant), zap.Error(err))
	f.count(r.Context(), ends["bad_site"].outcome)
	address := r.PostForm.Get("address")
	f.showForm(w, r, http.StatusBadRequest, tenant, client, purpose, st, form{Wrong: true, Address: cutName(address)})
}

func (f *Flow) showForm(w http.ResponseWriter, r *http.Request, status int, tenant, client, purpose string, st start, fields form) {
	field, err := sealValue(f, purpose, grant.FlowLife, st)
	if err != nil {
		f.Logger.Error("A connect page could not be sealed", zap.String("tenant", tenant), zap.Error(err))
		f.fail(w, r, "internal", page{Login: purpose == purposeAdmit})
		return
	}
	fields.Start, fields.Origin, fields.Check, fields.Test = field, st.Origin, st.Check, f.Clients[client].Stage == "test"
	p := page{Tenant: isolate(tenant), form: fields}
	if fields.Wrong {
		p.Meant, _ = site.Meant(fields.Address)
	}
	f.render(w, r, status, "connect.html", p)
}

// readForm returns what showForm sealed into its page, or answers itself. secret is that of the page's address.
func (f *Flow) readForm(w http.ResponseWriter, r *http.Request, purpose, secret string) (start, bool) {
	p := page{Login: purpose == purposeAdmit}
	r.Body = http.MaxBytesReader(w, r.Body, 2*maxSealed)
	if err := r.ParseForm(); err != nil || len(r.PostForm["start"]) != 1 {
		f.fail(w, r, "bad_form", p)
		return start{}, false
	}
	st, err := openValue[start](f, purpose, r.PostForm.Get("start"))
	if err != nil || cmp.Or(st.Invitation, st.Request) != grant.Hash(secret) {
		f.fail(w, r, "page_expired", p)
		return start{}, false
	}
	return st, true
}

// beginConsent makes state and verifier, and sends the browser to Datadog. fl holds tenant, client and what let the customer in. st has an origin.
func (f *Flow) beginConsent(w http.ResponseWriter, r *http.Request, fl grant.Flow, st start) {
	login := fl.Invitation == ""
	origin, err := site.ParseAppOrigin(st.Origin) // once more, although nobody can have changed it: this is where the browser goes
	if err != nil {
		f.Logger.Error("A consent was to begin at a site that is none of Datadog's; nothing was contacted", zap.String("tenant", fl.Tenant), zap.Error(err))
		f.fail(w, r, "bad_site", page{Login: login})
		return
	}
	verifier := oauth2.GenerateVerifier() // 32 random bytes, 43 characters: RFC 7636 §4.1
	browser := grant.NewSecret()
	fl.Verifier, fl.Challenge, fl.BrowserHash = verifier, oauth2.S256ChallengeFromVerifier(verifier), grant.Hash(browser)
	fl.AppOrigin, fl.StartedDomain, fl.Partition = origin.Origin, st.Domain, string(origin.Partition)
	state, err := f.Grants.BeginFlow(grant.WithActor(r.Context(), actor(customerOf(fl))), fl)
	if err != nil {
		f.notBegun(w, r, fl.Tenant, page{Login: login}, err, f.fail)
		return
	}
	cookie, err := sealValue(f, purposeFlow, grant.FlowLife, flowCookie{State: grant.Hash(state), Tenant: fl.Tenant, Secret: browser})
	if err != nil {
		f.notBegun(w, r, fl.Tenant, page{Login: login}, err, f.fail)
		return
	}
	setCookie(w, flowCookieName(state), cookie, grant.FlowLife)
	f.count(r.Context(), "begun")
	http.Redirect(w, r, authorizeURL(origin, f.Clients[fl.Client], state, verifier), http.StatusSeeOther)
}

// notBegun shows why a consent or a login was not stored. What may go well in some minutes stays where it is.
func (f *Flow) notBegun(w http.ResponseWriter, r *http.Request, tenant string, p page, err error, fail failing) {
	switch {
	case errors.Is(err, grant.ErrTooManyFlows):
		f.Logger.Warn("A customer could not begin", zap.String("tenant", tenant), zap.Error(err))
		f.tooMany(w, r, grant.FlowLife, p)
	case errors.Is(err, grant.ErrRefused):
		f.Logger.Warn("A customer may not begin", zap.String("tenant", tenant), zap.Error(err))
		fail(w, r, "refused", p)
	default:
		f.Logger.Error("A consent could not be stored", zap.String("tenant", tenant), zap.Error(err))
		fail(w, r, "store_failed", p)
	}
}

// authorizeURL leaves scope out: Datadog then grants all that the client is configured with.
// https://docs.datadoghq.com/developers/authorization/oauth2_endpoints/
func authorizeURL(at site.AppOrigin, c Client, state, verifier string) string {
	cfg := oauth2.Config{ClientID: c.ClientID, RedirectURL: c.RedirectURL, Endpoint: oauth2.Endpoint{AuthURL: at.Origin + "/oauth2/v1/authorize"}}
	return cfg.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier))
}

// badSite is the answer to a link whose site is none of Datadog's. Nothing is contacted on its account.
func (f *Flow) badSite(w http.ResponseWriter, r *http.Request, login bool) {
	f.fail(w, r, "bad_site", page{Login: login, Meant: meant(r.URL.RawQuery)})
}
