package flow

import (
	"cmp"
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

// callback ends a consent, well or not. The state is consumed first: whatever follows, it works no second time, and the browser is sent to an
// address without it and without the code. Only where nothing could be consumed, since the grants are not loaded, the store does not answer or
// the address is over its limit, does the page stay where it is, so that the customer can reload it and go on.
//
// The limit by address is that of reading: only a state that exists makes this write, and that was made under the limits.
func (f *Flow) callback(w http.ResponseWriter, r *http.Request) {
	q, unread := readQuery(r.URL.RawQuery, "state", "code", "domain", "site", "client_id", "iss", "error", "error_description")
	if unread != nil && len(q["state"]) != 1 {
		f.toFailure(w, r, "bad_callback", byEither)
		return
	}
	state := q.Get("state")
	if state == "" || len(state) > maxStateBytes {
		f.toFailure(w, r, "bad_state_missing", byEither)
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
		f.toFailure(w, r, "bad_state", byEither)
		return
	case err != nil:
		f.Logger.Error("A consent could not be read from the store", zap.Error(err))
		f.fail(w, r, "store_unread", byEither)
		return
	}
	dropCookie(w, flowCookieName(state))
	login := fl.Invitation == "" // admitted by a ticket: there is no link to open again
	if !f.sameBrowser(r, state, fl) {
		f.noteFailed(r, fl, q, "wrong_browser", errors.New("the callback came from another browser than the one that began"))
		f.Logger.Warn("A callback came from another browser than the one that began; nothing was exchanged", zap.String("tenant", fl.Tenant))
		f.toFailure(w, r, "wrong_browser", page{Login: login})
		return
	}
	res := result{Tenant: fl.Tenant, Login: login, By: customerOf(fl), Started: fl.StartedDomain, Vanity: vanity(fl.AppOrigin)}
	at, code, refusal := f.readCallback(r, q, unread, fl)
	if refusal != nil {
		if refusal.message != "denied" { // who says no has not found a fault
			f.Grants.ConsentFailed(r.Context(), fl, ends[refusal.message].outcome, "", refusal.err)
		}
		f.noteFailed(r, fl, q, refusal.message, refusal.err)
		f.Logger.Warn("A consent did not succeed; nothing was exchanged", zap.String("tenant", fl.Tenant), zap.String("outcome", ends[refusal.message].outcome), zap.Error(refusal.err))
		res.Message, res.Meant = refusal.message, refusal.meant
		f.toResult(w, r, res)
		return
	}
	ctx := grant.WithActor(r.Context(), actor(res.By))
	if err := f.Grants.MayConnect(ctx, fl.Tenant, fl.Client); errors.Is(err, grant.ErrRefused) { // connected otherwise since this one began
		f.Logger.Warn("A consent came too late; nothing was exchanged", zap.String("tenant", fl.Tenant), zap.Error(err))
		res.Message = "refused"
		f.noteFailed(r, fl, q, res.Message, err)
		f.toResult(w, r, res)
		return
	}
	done, err := f.Grants.Connect(ctx, fl, at, code)
	if err != nil {
		res = f.notConnected(res, fl, at, err)
		if res.Message != grant.OutcomeChecked {
			f.noteFailed(r, fl, q, res.Message, err)
		}
		if res.OrgID == "" && res.Message != grant.OutcomeChecked && res.Message != "invitation_gone" { // else it is stored, or was not to be
			f.Grants.ConsentFailed(ctx, fl, ends[res.Message].outcome, at.Domain(), err)
		}
		f.toResult(w, r, res)
		return
	}
	f.toResult(w, r, connectedResult(res, done))
}

// refusal is a callback that leads to no call.
type refusal struct {
	message string
	meant   string // the site that a wrong one was probably meant to be; may be empty
	err     error
}

// readCallback checks all that Datadog sent by way of the browser, before anything is contacted: the token request that
// would follow carries the client secret. unread is what was wrong with the query, or nil.
func (f *Flow) readCallback(r *http.Request, q url.Values, unread error, fl grant.Flow) (site.Site, string, *refusal) {
	refuse := func(message string, err error) (site.Site, string, *refusal) {
		return site.Site{}, "", &refusal{message: message, err: err}
	}
	if unread != nil {
		return refuse("bad_callback", unread)
	}
	c, ok := f.Clients[fl.Client]
	if !ok {
		return refuse("client_mismatch", fmt.Errorf("client %s is not in the configuration", fl.Client))
	}
	if u, err := url.Parse(c.RedirectURL); err != nil || u.Path != r.URL.Path {
		return refuse("client_mismatch", errors.New("the callback came in at another client's redirect_url"))
	}
	if id := q.Get("client_id"); id != "" && id != c.ClientID {
		return refuse("client_mismatch", errors.New("the callback names another client_id"))
	}
	if q.Get("error") != "" {
		return site.Site{}, "", explain(q, c)
	}
	if q.Get("domain") == "" {
		return refuse("bad_domain_missing", errors.New("the callback has no domain; it is never guessed"))
	}
	at, err := site.ParseDomain(q.Get("domain"))
	if err != nil {
		return site.Site{}, "", badDomain(q.Get("domain"), err)
	}
	if raw := q.Get("site"); raw != "" { // no call goes there; yet an answer that names a stranger is none of Datadog's
		origin, err := site.ParseAppOrigin(raw)
		if err != nil {
			return site.Site{}, "", badDomain(raw, err)
		}
		if origin.Partition != at.Partition() {
			return refuse("bad_domain", errors.New("the callback's site and domain belong to different partitions"))
		}
	}
	if string(at.Partition()) != fl.Partition {
		return refuse("bad_domain_partition", fmt.Errorf("the consent began in partition %s and ended at %s", fl.Partition, at.Domain()))
	}
	if iss := q.Get("iss"); iss != "" && !issuedBy(iss, at) {
		return refuse("bad_domain", errors.New("iss does not belong to the callback's domain (RFC 9207)"))
	}
	code := q.Get("code")
	if code == "" || len(code) > maxCodeBytes {
		return refuse("bad_callback", errors.New("the callback has no code"))
	}
	return at, code, nil
}

func badDomain(raw string, err error) *refusal {
	meant, _ := site.Meant(raw)
	return &refusal{message: "bad_domain", meant: domainOf(meant), err: err}
}

// domainOf is the site parameter, or empty for no site.
func domainOf(s site.Site) string {
	if s.IsZero() {
		return ""
	}
	return s.Domain()
}

// vanity is an origin that belongs to an organisation, not to a site; empty for any other.
func vanity(origin string) string {
	at, err := site.ParseAppOrigin(origin)
	if err != nil || !at.Site.IsZero() {
		return ""
	}
	return at.Origin
}

// issuedBy reports whether an issuer is one of the origins of a site, byte for byte (RFC 9207 §2.4): that of its web application, of its
// API, or of its bare name. Datadog does not say which one it would send.
func issuedBy(iss string, at site.Site) bool {
	return slices.Contains([]string{at.AppOrigin(), "https://" + at.Hostname(site.HostAPI), "https://" + at.Domain(), "https://app." + at.Domain()}, iss)
}

// notConnected is the result of a consent at a site that did not lead to a connection. err is for the log.
func (f *Flow) notConnected(res result, fl grant.Flow, at site.Site, err error) result {
	res.Message, res.Site, res.Client, res.OrgID = messageOf(err, fl, at), domainOf(at), "", ""
	var why *grant.ConnectError
	if errors.As(err, &why) {
		res.Client, res.OrgID, res.Change, res.Org = why.Stored.Client, why.Stored.ID, why.Change, cmp.Or(cutName(why.OrgName), res.Org)
	}
	if res.Message == grant.OutcomeChecked {
		return res
	}
	f.Logger.Error("A consent did not lead to a connection", zap.String("tenant", fl.Tenant), zap.String("outcome", ends[res.Message].outcome), zap.Error(err))
	return res
}
