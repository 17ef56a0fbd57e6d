package flow

import (
	"errors"
	"net/http"
	"net/url"

	"go.uber.org/zap"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// start is what the connect page was asked for. It waits here for the button, not in the page.
type start struct {
	invitation string // hash
	origin     site.AppOrigin
	domain     string // site parameter, or empty
}

// connectPage shows who will be connected to whom. It stores nothing durable: links are opened by mail scanners too.
func (f *Flow) connectPage(w http.ResponseWriter, r *http.Request) {
	inv, ok := f.invitation(w, r)
	if !ok {
		return
	}
	st, err := readStart(r.URL.Query())
	if err != nil {
		f.Logger.Warn("A connect link carried a site that is none of Datadog's; nothing was contacted", zap.String("tenant", inv.Tenant), zap.Error(err))
		f.fail(w, r, http.StatusBadRequest, "bad_site", "The link names a Datadog site that does not exist. Open the connect link without what follows the question mark.")
		return
	}
	if err := f.Grants.ClientReady(inv.Client); err != nil {
		f.Logger.Error("A customer could not begin", zap.String("tenant", inv.Tenant), zap.Error(err))
		f.fail(w, r, http.StatusServiceUnavailable, "client_rejected", "Connecting is not possible at the moment. Try again later, or ask whoever sent you the link.")
		return
	}
	// For this page alone: under no-referrer a browser sends its form with "Origin: null" (https://fetch.spec.whatwg.org/,
	// append a request Origin header), and one that knows no Sec-Fetch-Site then cannot show where the form comes from. Other
	// origins learn nothing of the link either way.
	w.Header().Set("Referrer-Policy", "same-origin")
	st.invitation = inv.Hash
	name, ok := f.starts.put(inv.Hash, st)
	if !ok {
		f.fail(w, r, http.StatusServiceUnavailable, "too_many", "Too many people are connecting at the moment. Try again in a few minutes.")
		return
	}
	f.render(w, http.StatusOK, "connect.html", connectData{
		Partner: f.PartnerName, Tenant: inv.Tenant, Origin: st.origin.Origin, Start: name, Test: f.Clients[inv.Client].Stage == "test",
	})
}

// readStart reads the optional site and domain of a link. Without either the consent begins at US1, where Datadog lets the
// customer choose; https://docs.datadoghq.com/developers/authorization/oauth2_in_datadog/
func readStart(q url.Values) (start, error) {
	var st start
	if len(q["site"]) > 1 || len(q["domain"]) > 1 {
		return st, errors.New("site or domain is there twice")
	}
	st.origin = site.AppOrigin{Origin: site.US1().AppOrigin(), Site: site.US1(), Partition: site.US1().Partition()}
	if raw := q.Get("domain"); raw != "" {
		at, err := site.ParseDomain(raw)
		if err != nil {
			return st, err
		}
		st.domain = at.Domain()
		st.origin = site.AppOrigin{Origin: at.AppOrigin(), Site: at, Partition: at.Partition()}
	}
	if raw := q.Get("site"); raw != "" {
		origin, err := site.ParseAppOrigin(raw)
		if err != nil {
			return st, err
		}
		if st.domain != "" && origin.Partition != st.origin.Partition {
			return st, errors.New("site and domain belong to different partitions")
		}
		st.origin = origin
	}
	return st, nil
}

// begin makes state and verifier, and sends the browser to Datadog.
func (f *Flow) begin(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	if err := r.ParseForm(); err != nil {
		f.fail(w, r, http.StatusBadRequest, "bad_form", "The form could not be read. Open the connect link again.")
		return
	}
	inv, ok := f.invitation(w, r)
	if !ok {
		return
	}
	st, ok := f.starts.get(r.PostForm.Get("start"))
	if !ok || st.invitation != inv.Hash {
		f.fail(w, r, http.StatusBadRequest, "page_expired", "This page is too old. Open the connect link again.")
		return
	}
	if err := f.Grants.ClientReady(inv.Client); err != nil {
		f.Logger.Error("A customer could not begin", zap.String("tenant", inv.Tenant), zap.Error(err))
		f.fail(w, r, http.StatusServiceUnavailable, "client_rejected", "Connecting is not possible at the moment. Try again later, or ask whoever sent you the link.")
		return
	}
	c := f.Clients[inv.Client]
	verifier := oauth2.GenerateVerifier() // 32 random bytes, 43 characters: RFC 7636 §4.1
	browser := grant.NewSecret()
	state, err := f.Grants.BeginFlow(r.Context(), grant.Flow{
		Tenant: inv.Tenant, Client: inv.Client, Invitation: inv.Hash, Verifier: verifier, BrowserHash: grant.Hash(browser),
		AppOrigin: st.origin.Origin, StartedDomain: st.domain, Partition: string(st.origin.Partition),
	})
	switch {
	case errors.Is(err, grant.ErrTooManyFlows):
		f.fail(w, r, http.StatusTooManyRequests, "too_many", "Too many attempts are under way. Try again in ten minutes.")
		return
	case err != nil:
		f.Logger.Error("A consent could not be stored", zap.String("tenant", inv.Tenant), zap.Error(err))
		f.fail(w, r, http.StatusServiceUnavailable, "store_failed", "Connecting is not possible at the moment. Try again later.")
		return
	}
	setCookie(w, state, browser)
	f.count(r.Context(), "begun")
	http.Redirect(w, r, authorizeURL(st.origin, c, state, verifier), http.StatusSeeOther)
}

// authorizeURL leaves scope out: Datadog then grants all that the client is configured with.
// https://docs.datadoghq.com/developers/authorization/oauth2_endpoints/
func authorizeURL(at site.AppOrigin, c Client, state, verifier string) string {
	cfg := oauth2.Config{ClientID: c.ClientID, RedirectURL: c.RedirectURL, Endpoint: oauth2.Endpoint{AuthURL: at.Origin + "/oauth2/v1/authorize"}}
	return cfg.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier))
}

// invitation finds the invitation of the request's link, or answers itself.
func (f *Flow) invitation(w http.ResponseWriter, r *http.Request) (grant.Invitation, bool) {
	if !f.ready(w, r) {
		return grant.Invitation{}, false
	}
	inv, err := f.Grants.Invitation(r.Context(), r.PathValue("invitation"))
	switch {
	case errors.Is(err, grant.ErrNoInvitation):
		f.fail(w, r, http.StatusNotFound, "no_invitation", "This connect link is not valid, or no longer. Ask whoever sent it for another one.")
		return inv, false
	case err != nil:
		f.Logger.Error("An invitation could not be read", zap.Error(err))
		f.fail(w, r, http.StatusServiceUnavailable, "store_failed", "Connecting is not possible at the moment. Try again later.")
		return inv, false
	}
	if _, ok := f.Clients[inv.Client]; !ok {
		f.Logger.Error("An invitation names a client that is not in the configuration; make a new invitation", zap.String("client", inv.Client), zap.String("tenant", inv.Tenant))
		f.fail(w, r, http.StatusNotFound, "no_invitation", "This connect link is not valid any more. Ask whoever sent it for another one.")
		return inv, false
	}
	return inv, true
}
