package grant

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
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

// explainDisabled finds out from the refusal of a refresh that the customer's organisation ended the client as a whole. Which of RFC 6749's
// codes Datadog uses for that is not documented: these two can mean nothing else where client and refresh token were good before.
// https://docs.datadoghq.com/account_management/org_settings/mobile_third_party_access/
func explainDisabled(err error) error {
	var call *callError
	if errors.As(err, &call) && call.kind == callRefused && (call.code == "unauthorized_client" || call.code == "access_denied") {
		call.kind = callClientDisabled
		call.advice = "the integration is disabled for the customer's organisation, or this client may not refresh any more: an administrator of the organisation enables it " +
			"on Organization Settings, Mobile and Third-Party Access; then send the customer the connect link, since everybody has to authorise again"
	}
	return err
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
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	ctx = context.WithValue(httptrace.WithClientTrace(ctx, trace), oauth2.HTTPClient, s.http)
	tok, err := call(ctx, cfg)
	if err != nil {
		return tokenSet{}, s.tokenError(ctx, c, stamp, doing, err, sent.Load(), append(secrets, secret))
	}
	s.clientAccepted(ctx, c)
	set := tokenSet{access: tok.AccessToken, refresh: tok.RefreshToken, expiry: s.now().Add(assumedLifetime)}
	if tok.ExpiresIn > 0 {
		set.expiry = s.now().Add(time.Duration(tok.ExpiresIn) * time.Second)
	}
	set.scopes, _ = tok.Extra("scope").(string)
	return set, nil
}

// tokenError says what a failed token call means. Statuses and codes: RFC 6749 §5.2 and Datadog's
// https://docs.datadoghq.com/developers/authorization/oauth2_endpoints/.
func (s *Service) tokenError(ctx context.Context, c *client, stamp uint64, doing string, err error, sent bool, secrets []string) error {
	out := &callError{kind: callUnanswered, doing: doing}
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		if !sent {
			out.kind = callUnsent
		}
		out.cause = netCause(err)
		return out
	}
	out.status = answer.Response.StatusCode
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
		s.clientAccepted(ctx, c) // the client is authenticated before its grant is looked at
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
