package grant

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// revokeToken has Datadog end a token. hint is "refresh_token" or "access_token". nil means that Datadog answered: it is dead, was so
// before, or is none that Datadog knows.
//
//	POST https://api.<site>/oauth2/v1/revoke   token, token_type_hint, client_id, client_secret
//	200: revoked, or not known                 RFC 7009 §2.2
//	400: the request is not one it can fulfil, and will not be later; but not invalid_client
//
// https://docs.datadoghq.com/developers/authorization/oauth2_endpoints/
func (s *Service) revokeToken(ctx context.Context, c *client, at site.Site, token, hint string) error {
	doing := "revoke a token at " + at.Hostname(site.HostAPI)
	leave, err := s.admitted(ctx, c, doing)
	if err != nil {
		return err
	}
	defer leave()
	secret, stamp, err := c.secret.Read()
	if err != nil {
		return unreadableSecret(c, doing, err)
	}
	form := url.Values{"token": {token}, "token_type_hint": {hint}, "client_id": {c.cfg.ClientID}, "client_secret": {secret}}
	ctx, sent := watchSent(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+at.Hostname(site.HostAPI)+"/oauth2/v1/revoke", strings.NewReader(form.Encode()))
	if err != nil {
		return &callError{kind: callUnsent, doing: doing, cause: netCause(err)}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return noAnswer(doing, sent, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes)) // what is missing of a refusal is not quoted
	if resp.StatusCode == http.StatusOK {
		s.clientAccepted(ctx, c, stamp)
		return nil
	}
	out := &callError{doing: doing, status: resp.StatusCode}
	out.code, out.description = refusalText(body, token, secret)
	s.sortRefusal(ctx, c, stamp, out)
	if resp.StatusCode == http.StatusBadRequest && out.kind != callClientRejected {
		return nil
	}
	return out
}
