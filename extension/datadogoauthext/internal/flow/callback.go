package flow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const (
	maxStateBytes = 256
	maxCodeBytes  = 4096
)

// callback ends a consent, well or not. The state is consumed first: whatever follows, it works no second time. While the
// grants are not loaded nothing is consumed, so that the customer can reload the page.
//
// The limit by address is that of reading: only a state that exists makes this write, and that was made under the limits.
func (f *Flow) callback(w http.ResponseWriter, r *http.Request) {
	q, unread := readQuery(r.URL.RawQuery, "state", "code", "domain", "site", "client_id", "iss", "error", "error_description")
	if unread != nil && len(q["state"]) != 1 {
		f.fail(w, r, http.StatusBadRequest, "bad_callback", unreadable)
		return
	}
	state := q.Get("state")
	if state == "" || len(state) > maxStateBytes {
		f.fail(w, r, http.StatusBadRequest, "bad_state", "This page was not opened from a connect link, or the answer lost its way. "+again)
		return
	}
	if !f.ready(w, r) {
		return
	}
	var fl grant.Flow
	err := f.lookUp(r.Context(), func(ctx context.Context) (err error) {
		fl, err = f.Grants.ConsumeFlow(ctx, state)
		return err
	})
	switch {
	case errors.Is(err, grant.ErrNoFlow):
		f.fail(w, r, http.StatusBadRequest, "bad_state", "This attempt was finished already, or took longer than ten minutes. "+again)
		return
	case err != nil:
		f.Logger.Error("A consent could not be read from the store", zap.Error(err))
		f.fail(w, r, http.StatusServiceUnavailable, "store_failed", "Connecting is not possible at the moment. "+again)
		return
	}
	dropCookie(w, flowCookieName(state))
	fail := f.fail
	if fl.Invitation == "" { // admitted by a ticket: there is no link to open again
		fail = f.failAgain
	}
	cookie, ok := f.sameBrowser(r, state, fl)
	if !ok {
		f.Logger.Warn("A callback came from another browser than the one that began; nothing was exchanged", zap.String("tenant", fl.Tenant))
		fail(w, r, http.StatusBadRequest, "wrong_browser", "This attempt began in another browser, or cookies are switched off. "+again)
		return
	}
	at, code, refusal := f.readCallback(r, q, unread, fl)
	if refusal != nil {
		f.Logger.Warn("A consent did not succeed; nothing was exchanged", zap.String("tenant", fl.Tenant), zap.String("outcome", refusal.outcome), zap.Error(refusal.err))
		fail(w, r, http.StatusBadRequest, refusal.outcome, refusal.customer)
		return
	}
	if err := f.Grants.MayConnect(r.Context(), fl.Tenant, fl.Client); errors.Is(err, grant.ErrRefused) { // connected otherwise since this one began
		f.Logger.Warn("A consent came too late; nothing was exchanged", zap.String("tenant", fl.Tenant), zap.Error(err))
		fail(w, r, http.StatusForbidden, "refused", notHere)
		return
	}
	done, err := f.Grants.Connect(r.Context(), fl, at, code)
	if err != nil {
		status, outcome, text := f.connectFailed(fl, err)
		fail(w, r, status, outcome, text)
		return
	}
	outcome := "connected"
	if done.ChangePending {
		outcome = "change_pending"
	}
	f.count(r.Context(), outcome)
	if cookie.Request != "" { // the connection ended the login
		dropCookie(w, loginCookieName(cookie.Request))
	}
	f.toResult(w, r, done)
}

const (
	again      = "Open the connect link again."
	unreadable = "Datadog's answer could not be read. " + again
)

// refusal is a callback that leads to no call.
type refusal struct {
	outcome  string
	customer string
	err      error
}

// readCallback checks all that Datadog sent by way of the browser, before anything is contacted: the token request that
// would follow carries the client secret. unread is what was wrong with the query, or nil.
func (f *Flow) readCallback(r *http.Request, q url.Values, unread error, fl grant.Flow) (site.Site, string, *refusal) {
	if unread != nil {
		return site.Site{}, "", &refusal{"bad_callback", unreadable, unread}
	}
	c, ok := f.Clients[fl.Client]
	if !ok {
		return site.Site{}, "", &refusal{"client_mismatch", "This attempt belongs to an older configuration. " + again, fmt.Errorf("client %s is not in the configuration", fl.Client)}
	}
	if u, err := url.Parse(c.RedirectURL); err != nil || u.Path != r.URL.Path {
		return site.Site{}, "", &refusal{"client_mismatch", "Datadog answered at another address than asked for. " + again, errors.New("the callback came in at another client's redirect_url")}
	}
	if id := q.Get("client_id"); id != "" && id != c.ClientID {
		return site.Site{}, "", &refusal{"client_mismatch", "Datadog answered for another application. " + again, errors.New("the callback names another client_id")}
	}
	if q.Get("error") != "" {
		return site.Site{}, "", explain(q, c)
	}
	if q.Get("domain") == "" {
		return site.Site{}, "", &refusal{"bad_domain", "Datadog did not say at which of its sites your organisation is. " + again, errors.New("the callback has no domain; it is never guessed")}
	}
	at, err := site.ParseDomain(q.Get("domain"))
	if err != nil {
		return site.Site{}, "", &refusal{"bad_domain", "The answer names a Datadog site that does not exist. " + again, err}
	}
	if raw := q.Get("site"); raw != "" { // no call goes there; yet an answer that names a stranger is none of Datadog's
		origin, err := site.ParseAppOrigin(raw)
		if err == nil && origin.Partition != at.Partition() {
			err = errors.New("the callback's site and domain belong to different partitions")
		}
		if err != nil {
			return site.Site{}, "", &refusal{"bad_domain", "The answer names a Datadog site that does not exist. " + again, err}
		}
	}
	if string(at.Partition()) != fl.Partition {
		return site.Site{}, "", &refusal{"bad_domain", "You began at a commercial Datadog site and ended at a government one, or the reverse. Begin at the site of your organisation. " + again,
			fmt.Errorf("the consent began in partition %s and ended at %s", fl.Partition, at.Domain())}
	}
	if iss := q.Get("iss"); iss != "" && !issuedBy(iss, at) {
		return site.Site{}, "", &refusal{"bad_domain", "The answer does not come from the Datadog site that it names. " + again, errors.New("iss does not belong to the callback's domain (RFC 9207)")}
	}
	code := q.Get("code")
	if code == "" || len(code) > maxCodeBytes {
		return site.Site{}, "", &refusal{"bad_callback", "Datadog's answer holds no authorization code. " + again, errors.New("the callback has no code")}
	}
	return at, code, nil
}

// issuedBy reports whether an issuer is one of the origins of a site, byte for byte (RFC 9207 §2.4): that of its web application, of its
// API, or of its bare name. Datadog does not say which one it would send.
func issuedBy(iss string, at site.Site) bool {
	return slices.Contains([]string{at.AppOrigin(), "https://" + at.Hostname(site.HostAPI), "https://" + at.Domain(), "https://app." + at.Domain()}, iss)
}

// connectFailed says why Connect failed. Its error holds what the customer can do, and what goes into the log.
func (f *Flow) connectFailed(fl grant.Flow, err error) (status int, outcome, customer string) {
	outcome, customer = "internal", "Connecting did not work. "+again
	var why *grant.ConnectError
	if errors.As(err, &why) {
		outcome, customer = why.Outcome, why.Customer
	}
	f.Logger.Error("A consent did not lead to a connection", zap.String("tenant", fl.Tenant), zap.String("outcome", outcome), zap.Error(err))
	switch outcome {
	case grant.OutcomeInvitationGone:
		return http.StatusNotFound, outcome, customer
	case grant.OutcomeKeyExists:
		return http.StatusConflict, outcome, customer
	case grant.OutcomeStoreFailed:
		return http.StatusServiceUnavailable, outcome, customer
	default:
		return http.StatusBadGateway, outcome, customer
	}
}
