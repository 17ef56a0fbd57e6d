package grant

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/peertext"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// assumedLifetime stands for a missing expires_in: Datadog's access tokens live an hour.
// https://docs.datadoghq.com/developers/authorization/oauth2_endpoints/
const assumedLifetime = time.Hour

// tokenSet is a good answer of the token endpoint. refresh is empty when the answer had none.
type tokenSet struct {
	access, refresh string
	expiry          time.Time
	scopes          string
}

// exchange redeems an authorization code, once: a code whose outcome is unknown is never sent again.
func (s *Service) exchange(ctx context.Context, c *client, at site.Site, code, verifier string) (tokenSet, error) {
	doing := "exchange the authorization code at " + at.Hostname(site.HostAPI)
	leave, err := s.admitted(ctx, c, doing)
	if err != nil {
		return tokenSet{}, err
	}
	defer leave()
	return s.tokenCall(ctx, c, at, doing, []string{code, verifier}, func(ctx context.Context, cfg *oauth2.Config) (*oauth2.Token, error) {
		return cfg.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	})
}

// redeem sends a refresh token.
func (s *Service) redeem(ctx context.Context, c *client, at site.Site, refreshToken string) (tokenSet, error) {
	doing := "refresh the access token at " + at.Hostname(site.HostAPI)
	set, err := s.tokenCall(ctx, c, at, doing, []string{refreshToken}, func(ctx context.Context, cfg *oauth2.Config) (*oauth2.Token, error) {
		return cfg.TokenSource(ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
	})
	if set.refresh == refreshToken {
		set.refresh = "" // the library fills in what was sent when the answer has none
	}
	return set, explainDisabled(err)
}

// explainDisabled finds out from the refusal of a refresh that the client may not refresh this grant, though client and refresh token were
// good before: the customer's organisation ended the client as a whole, or something is wrong with the client itself in the developer
// platform. Which of RFC 6749's codes Datadog uses for the former is not documented: these two may mean either.
// https://docs.datadoghq.com/account_management/org_settings/mobile_third_party_access/
func explainDisabled(err error) error {
	var call *callError
	if errors.As(err, &call) && call.kind == callRefused && (call.code == "unauthorized_client" || call.code == "access_denied") {
		call.kind = callClientDisabled
		call.advice = "the integration is disabled for the customer's organisation, or this client may not refresh any more. Check the client in Datadog's developer " +
			"platform, and have an administrator of the organisation enable the integration on Organization Settings, Mobile and Third-Party Access"
	}
	return err
}

// disabledFor is how long refreshes are refused that way before the grant counts as ended. A mistake in the developer platform meets every
// grant of the client, and is mended within hours; the day is ours.
const disabledFor = 24 * time.Hour

// disabledHere is how long they are refused at least, while the client's other organisations refresh: a fault that spreads from one
// organisation to the next ends none of them before that.
const disabledHere = 3 * time.Hour

// disabled applies such a refusal. The grant goes on failing until disabledFor is over, or until it is plain that the organisation is the
// reason: othersRefresh says that the client's other organisations refreshed since about the try before this one.
func (t *Token) disabled(refusal error, othersRefresh bool, now time.Time) (outcome string, err error) {
	if t.Refresh.Disabled.IsZero() {
		t.Refresh.Disabled = now
	}
	if lasted := now.Sub(t.Refresh.Disabled); othersRefresh && lasted >= disabledHere || lasted >= disabledFor {
		return "client_disabled", t.event(EvClientDisabled, "client disabled: "+refusal.Error()+". Then send the customer the connect link, since everybody has to authorise "+
			"again. The API key goes on serving while it validates", now)
	}
	return "client_disabled", t.event(EvRefreshFailed, refusal.Error()+". It is tried again every hour, and counts as ended after a day, or after three hours if the client's other organisations refresh meanwhile", now)
}

// othersRefresh reports whether grants of the same client in other organisations of the same site were refreshed after a time.
func (v *view) othersRefresh(tok Token, after time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	mine := v.grants[tok.Tenant].rec.Org
	for tenant, h := range v.tokens {
		if h.rec.Client != tok.Client || h.rec.ClientID != tok.ClientID || !h.rec.RefreshedAt.After(after) {
			continue
		}
		if org := v.grants[tenant].rec.Org; org != mine && org.Site == mine.Site {
			return true
		}
	}
	return false
}

// tokenCall does one POST to the token endpoint of a site and sorts its outcome. secrets never show in an error.
//
// The credentials travel in the body (AuthStyleInParams): the library's detection would send HTTP Basic first, and a
// failed first try may burn a single-use code.
func (s *Service) tokenCall(ctx context.Context, c *client, at site.Site, doing string, secrets []string,
	call func(context.Context, *oauth2.Config) (*oauth2.Token, error),
) (tokenSet, error) {
	secret, stamp, err := c.secret.Read()
	if err != nil {
		return tokenSet{}, &callError{kind: callUnsent, doing: doing, cause: err}
	}
	cfg := &oauth2.Config{
		ClientID: c.cfg.ClientID, ClientSecret: secret, RedirectURL: c.cfg.RedirectURL,
		Endpoint: oauth2.Endpoint{TokenURL: "https://" + at.Hostname(site.HostAPI) + "/oauth2/v1/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	ctx, sent := watchSent(ctx)
	tok, err := call(context.WithValue(ctx, oauth2.HTTPClient, s.http), cfg)
	if err != nil {
		return tokenSet{}, s.tokenError(ctx, c, stamp, doing, err, sent, append(secrets, secret))
	}
	s.clientAccepted(ctx, c, stamp)
	set := tokenSet{access: tok.AccessToken, refresh: tok.RefreshToken, expiry: s.now().Add(assumedLifetime)}
	if tok.ExpiresIn > 0 {
		set.expiry = s.now().Add(time.Duration(tok.ExpiresIn) * time.Second)
	}
	scope, _ := tok.Extra("scope").(string)
	set.scopes = knownScopes(scope)
	return set, nil
}

// tokenError says what a failed token call means. Statuses and codes: RFC 6749 §5.2 and Datadog's
// https://docs.datadoghq.com/developers/authorization/oauth2_endpoints/.
func (s *Service) tokenError(ctx context.Context, c *client, stamp uint64, doing string, err error, sent *atomic.Bool, secrets []string) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return noAnswer(doing, sent, err)
	}
	out := &callError{doing: doing, status: answer.Response.StatusCode}
	out.code, out.description = refusalText(answer.Body, secrets...)
	if out.code == "" { // the library reads form-encoded answers too
		out.code = peertext.Quote(answer.ErrorCode, maxCodeBytes, secrets...)
	}
	s.sortRefusal(ctx, c, stamp, out)
	return out
}

// sortRefusal sets kind and advice of an answer of the token or the revocation endpoint by its status and code, and notes what it says of
// the client.
func (s *Service) sortRefusal(ctx context.Context, c *client, stamp uint64, out *callError) {
	switch {
	case out.status >= 300 && out.status < 400:
		out.kind, out.advice = callRefused, "redirects are never followed with credentials; check http::proxy_url"
	case out.status == http.StatusTooManyRequests:
		out.kind, out.advice = callThrottled, "Datadog limits the rate; try again in a minute"
	case out.status >= 500:
		out.kind, out.advice = callUnanswered, "Datadog has a fault; try again later"
	case out.code == "invalid_client" || out.status == http.StatusUnauthorized:
		out.kind, out.advice = callClientRejected, c.rejectedAdvice()
		s.clientRejected(ctx, c, stamp, out)
	case out.code == "invalid_grant":
		out.kind = callInvalidGrant
		s.clientAccepted(ctx, c, stamp) // the client is authenticated before its grant is looked at
		if says(out.description, textVerifier) {
			out.advice = verifierAdvice
		}
	case says(out.description, textVerifier):
		out.kind, out.advice = callRefused, verifierAdvice
	default:
		out.kind, out.advice = callRefused, "check client_id, stage and redirect_url of client "+c.cfg.Name+" ("+c.cfg.RedirectURL+") in Datadog's developer platform"
	}
}

// netCause strips what a transport error might quote: the URL error's own text is kept out, its cause stays.
func netCause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	// The library's parse errors may quote a piece of the body.
	return errors.New("the answer is no token set (JSON with access_token); is something between the collector and Datadog rewriting it?")
}
