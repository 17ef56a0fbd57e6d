package check

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const reconnect = "send the customer the connect link"

// authorisation is the first step: links, consent, tokens.
func (r *run) authorisation(ctx context.Context) {
	at := r.facts.Site
	if at.IsZero() {
		at = site.US1() // the links work the same for a tenant that is not connected yet
	}
	for _, form := range []struct{ id, what, site string }{
		{"step1.link_origin", "A connect link leads to the consent page of the site that it names as an address", at.AppOrigin()},
		{"step1.link_bare", "A connect link leads to the consent page of the site that it names as a bare name", at.AppHost()},
	} {
		query := url.Values{"site": {form.site}, "domain": {at.Domain()}}
		r.add(r.link(ctx, form.id, form.what, query, at.AppOrigin()))
	}
	r.add(r.tile(ctx, at))
	r.add(r.consented())
	r.add(r.failedConsent())
	r.add(r.lastPage())
	r.tokens(ctx)
	if r.Consent && !r.facts.ConnectedAt.IsZero() {
		r.add(open(verifierID, verifierWhat))
	} else {
		r.add(notTested(verifierID, verifierWhat, "this check was not asked to wait for a consent", verifierTodo))
	}
}

// link opens a connect link with a query, and looks at where the browser is sent.
func (r *run) link(ctx context.Context, id, what string, query url.Values, origin string) Line {
	asked := "without a query"
	if len(query) > 0 {
		asked = "with ?site=" + query.Get("site") + "&domain=" + query.Get("domain")
	}
	to, err := r.Pages.Begin(ctx, query)
	if err != nil {
		return fail(id, what, "a connect link "+asked+" led to no consent page: "+err.Error(), "make sure that clients and flow are configured for this client; the collector's log says more")
	}
	if err := r.authorizeURL(to, origin); err != nil {
		return fail(id, what, "a connect link "+asked+" led to "+to.Host+to.Path+": "+err.Error(), "the pages and the configuration do not fit together; the collector's log says more")
	}
	return pass(id, what, fmt.Sprintf("a connect link %s led to %s%s with client_id …%s, redirect_uri %s, response_type code, a state of %d characters, an S256 challenge, and no scope",
		asked, to.Host, to.Path, tail(r.facts.ClientID), r.facts.RedirectURL, len(to.Query().Get("state"))))
}

// authorizeURL says what is wrong with the address of a consent page.
//
// https://docs.datadoghq.com/developers/authorization/oauth2_endpoints/
func (r *run) authorizeURL(to *url.URL, origin string) error {
	q := to.Query()
	switch {
	case to.Scheme+"://"+to.Host != origin || to.Path != "/oauth2/v1/authorize":
		return fmt.Errorf("it should be %s/oauth2/v1/authorize", origin)
	case q.Get("client_id") != r.facts.ClientID:
		return errors.New("it names another client_id")
	case q.Get("redirect_uri") != r.facts.RedirectURL:
		return errors.New("it names another redirect_uri")
	case q.Get("response_type") != "code":
		return errors.New("its response_type is not code")
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43: // base64url of 32 bytes, RFC 7636 §4.2
		return errors.New("it has no S256 challenge")
	case len(q.Get("state")) < 22: // 128 bits
		return errors.New("its state can be guessed")
	case q.Has("scope"):
		return errors.New("it asks for scopes, although those of the client are granted together")
	}
	return nil
}

// tile is where the buttons Test Authorization, of Datadog's developer platform, and Connect Accounts, of the integration's tile, lead.
func (r *run) tile(ctx context.Context, at site.Site) Line {
	const id, what = "step1.tile", "Test Authorization leads to the login, with the site in both forms"
	var to *url.URL
	for _, form := range []string{at.AppOrigin(), at.AppHost()} {
		var err error
		if to, err = r.Pages.Tile(ctx, url.Values{"site": {form}, "domain": {at.Domain()}}); err != nil {
			return fail(id, what, "?site="+form+"&domain="+at.Domain()+": "+err.Error(), "make sure that flow::tickets is configured; the collector's log says more")
		}
		if to == nil {
			return optional(notTested(id, what, "flow::tickets is not configured, so that customers come by connect links only, and the button has no address to open",
				"configure flow::tickets if the integration has a tile: its onboarding_url is public_url/connect"))
		}
	}
	return pass(id, what, "the onboarding address led to the login at "+to.Host+", with the site as an address and as a bare name")
}

// consented is the consent that the tenant is connected by.
func (r *run) consented() Line {
	const id, what = "step1.consent", "A customer gave consent, and the callback's domain is one of Datadog's sites"
	f := r.facts
	if f.ConnectedAt.IsZero() {
		return notTested(id, what, "the tenant is not connected", reconnect)
	}
	began := "began at " + orUnknown(f.AppOrigin)
	if f.StartedDomain != "" {
		began += " (domain " + f.StartedDomain + ")"
	}
	evidence := fmt.Sprintf("the consent of %s %s; the callback brought its state back, and named the domain %s, organisation %s", when(f.ConnectedAt), began, f.CallbackDomain, f.OrgID)
	if _, err := site.ParseDomain(f.CallbackDomain); err != nil {
		return fail(id, what, evidence+": "+err.Error(), reconnect)
	}
	return pass(id, what, evidence)
}

// failedConsent is about the latest one.
func (r *run) failedConsent() Line {
	const id, what = "step1.latest_consent", "The latest consent led to a connection"
	f := r.facts.Failed
	switch {
	case f != nil && f.At.After(r.facts.ConnectedAt):
		host := "nothing was called"
		if f.CallbackDomain != "" {
			host = "the code went to api." + f.CallbackDomain
		}
		return fail(id, what, fmt.Sprintf("at %s a consent failed (%s): site at the start %s, app origin %s, domain of the callback %s, %s: %s",
			when(f.At), f.Outcome, orUnknown(f.StartedDomain), orUnknown(f.AppOrigin), orUnknown(f.CallbackDomain), host, f.Reason),
			"invalid_grant right after a consent mostly means that the callback named another site than the one that gave the code: compare the sites above with the one of the organisation, "+
				"and let the customer open the connect link again")
	case r.facts.ConnectedAt.IsZero():
		return notTested(id, what, "there was none", reconnect)
	default:
		return pass(id, what, "none failed since "+when(r.facts.ConnectedAt))
	}
}

const finalText = "You may now close this tab"

// lastPage is the page that Datadog wants to end the flow.
func (r *run) lastPage() Line {
	const id, what = "step1.last_page", "The last page says that the tab may be closed"
	page, err := r.Pages.LastPage()
	switch {
	case err != nil:
		return fail(id, what, err.Error(), "the collector's log says more")
	case !strings.Contains(page, finalText):
		return fail(id, what, "the page lacks the text: "+finalText, "this is a fault of the extension: report it")
	default:
		return pass(id, what, "the page says: "+finalText)
	}
}

// tokens looks at the tokens and tries them.
func (r *run) tokens(ctx context.Context) {
	const (
		storedID, stored         = "step1.tokens", "Access token and refresh token are stored"
		refreshID, refreshes     = "step1.refresh", "The access token can be refreshed"
		validateID, validateKeys = "step1.validate_keys", "Datadog takes the access token"
	)
	f := r.facts
	if f.ConnectedAt.IsZero() || f.Hold == "disconnected" {
		for _, l := range [][2]string{{storedID, stored}, {refreshID, refreshes}, {validateID, validateKeys}} {
			r.add(notTested(l[0], l[1], "the tenant is not connected", reconnect))
		}
		return
	}
	switch {
	case f.TokenExpiry.IsZero():
		r.add(fail(storedID, stored, "there is no access token; state "+f.Token+": "+f.TokenReason, reconnect))
	case !f.HasRefreshToken:
		r.add(fail(storedID, stored, "Datadog gave no refresh token", reconnect))
	default:
		r.add(pass(storedID, stored, "both are stored; the access token is good until "+when(f.TokenExpiry)))
	}
	r.add(open(refreshID, refreshes))
	if err := r.Grant.Refresh(ctx); err != nil {
		r.set(broken(refreshID, refreshes, err, "state "+f.Token+"; if the authorisation ended, "+reconnect))
	} else {
		after, err := r.Grant.Facts(ctx)
		life := after.TokenExpiry.Sub(r.Now()).Round(time.Second)
		switch {
		case err != nil:
			r.set(notTested(refreshID, refreshes, err.Error(), runAgain))
		case life <= 0:
			r.set(fail(refreshID, refreshes, "the token that came was over when it came: expires_in is not above 0", "check the clock of this machine"))
		default:
			r.set(pass(refreshID, refreshes, fmt.Sprintf("refreshed at %s; the access token is good for %s", when(after.RefreshedAt), life)))
		}
	}
	r.add(open(validateID, validateKeys))
	if err := r.Grant.ProveToken(ctx); err != nil {
		r.set(broken(validateID, validateKeys, err, "state "+f.Token+"; if the authorisation ended, "+reconnect))
		return
	}
	r.set(pass(validateID, validateKeys, "GET /api/v2/validate_keys on api."+f.Site.Domain()+" answered 200"))
}

// tail is enough of a client id to tell two of them apart.
func tail(id string) string { return id[max(0, len(id)-4):] }
