package grant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// refreshBefore is how long before its expiry an access token is no longer handed out. Datadog's own CLI does the same.
const refreshBefore = 5 * time.Minute

// errReauthorise: only the customer can revive the grant.
var errReauthorise = errors.New("the customer has to authorise again: send the connect link")

// accessToken returns a token that is valid for refreshBefore more, or, while refreshing fails, the one that is there until it runs
// out. Callers of one tenant share one refresh.
func (s *Service) accessToken(ctx context.Context, tenant string) (Token, error) {
	tok, err := s.usableToken(tenant)
	if err != nil {
		return Token{}, err
	}
	if s.now().Add(refreshBefore).Before(tok.Expiry) {
		return tok, nil
	}
	if err = s.mayRefresh(tenant, tok); err == nil {
		err = s.refresh(ctx, tenant, tok)
	}
	next, unusable := s.usableToken(tenant)
	switch {
	case unusable != nil:
		return Token{}, unusable
	case err != nil && !s.now().Before(next.Expiry):
		return Token{}, err
	}
	return next, nil
}

// errBackoff: a refresh failed a short time ago, and nothing is asked meanwhile.
var errBackoff = errors.New("trying again")

// mayRefresh says why a token is not to be refreshed at the moment: it failed a short time ago, or Datadog rejects the client.
func (s *Service) mayRefresh(tenant string, tok Token) error {
	now := s.now()
	if !s.backoff.due(tenant, now) {
		return fmt.Errorf("tenant %s: its access token was not refreshed: %s; %w at %s", tenant, cmp.Or(tok.Reason, "the log says why"), errBackoff, since(s.backoff.next(tenant)))
	}
	return s.mayProbe(tenant, tok)
}

// mayProbe says why not even a probe of a token's client is to be made at the moment.
func (s *Service) mayProbe(tenant string, tok Token) error {
	c := s.clients[tok.Client]
	if _, stamp, err := c.secret.Read(); err == nil && c.gate.dead(s.now(), stamp) {
		return &callError{kind: callClientRejected, doing: "refresh the access token of tenant " + tenant, advice: c.rejectedAdvice()}
	}
	return nil
}

// usableToken reads a tenant's token from memory.
func (s *Service) usableToken(tenant string) (Token, error) {
	if !s.Ready() {
		return Token{}, credential.ErrNotReady
	}
	if s.sendOnly {
		return Token{}, fmt.Errorf("tenant %s: %w", tenant, ErrSendOnly)
	}
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	return s.usable(tenant)
}

// usable is usableToken for who holds view.mu.
func (s *Service) usable(tenant string) (Token, error) {
	f, _ := s.view.facts(tenant)
	tok := s.view.tokens[tenant].rec
	switch {
	case f.Hold == HoldDisconnected:
		return tok, fmt.Errorf("tenant %s: %w", tenant, credential.ErrDisconnected)
	case f.Hold == HoldUnreadable:
		return tok, fmt.Errorf("tenant %s: %w", tenant, errUnreadable{})
	case f.Token == TokenNone:
		return tok, fmt.Errorf("tenant %s: %w", tenant, credential.ErrNotConnected)
	case tok.Fact != TokenReauthorise && clientFault(s.clients[tok.Client], tok) != "" && s.view.badTokens[tenant] == nil:
		return tok, fmt.Errorf("tenant %s: %s", tenant, clientFault(s.clients[tok.Client], tok))
	case f.Token == TokenReauthorise:
		_, reason := s.view.tokenFact(tenant)
		return tok, fmt.Errorf("tenant %s: %w: %s", tenant, errReauthorise, reason)
	}
	return tok, nil
}

// errNoGrant: no tenant of an organisation has tokens that could be good again without a consent.
var errNoGrant = errors.New("no grant of the organisation stands")

// anyAccessToken returns a token of any tenant of an organisation, or errNoGrant, or why there is none at the moment.
func (s *Service) anyAccessToken(ctx context.Context, org credential.Org) (string, error) {
	s.view.mu.Lock()
	tenants := slices.Collect(s.view.tenants[org.String()].all())
	s.view.mu.Unlock()
	err := fmt.Errorf("org %s: %w", org, errNoGrant)
	for _, t := range tenants {
		tok, tokErr := s.accessToken(ctx, t)
		switch {
		case tokErr == nil:
			return tok.AccessToken, nil
		case !errors.Is(tokErr, errReauthorise) && !errors.Is(tokErr, credential.ErrNotConnected) && !errors.Is(tokErr, credential.ErrDisconnected):
			err = tokErr
		}
	}
	return "", err
}

// refresh redeems the refresh token, once for all who ask, in this process and in others that share the store. seen is what
// the caller knew: when the store has newer, that is taken over and nobody is called.
func (s *Service) refresh(ctx context.Context, tenant string, seen Token) error {
	for {
		err := s.refreshUnder(ctx, s.withLease, tenant, seen)
		if !errors.Is(err, errElsewhere) { // the flight was one of the background, which waits for no other process
			return err
		}
	}
}

// tryRefresh is refresh for the background: where another process is at the same grant, that is left to it, and the error is errElsewhere.
func (s *Service) tryRefresh(ctx context.Context, tenant string, seen Token) error {
	return s.refreshUnder(ctx, s.tryLease, tenant, seen)
}

func (s *Service) refreshUnder(ctx context.Context, lease leaser, tenant string, seen Token) error {
	return s.fly(ctx, &s.refreshes, tenant, func(ctx context.Context) error {
		err := s.restoredLease(lease, seen)(ctx, "refresh/"+tenant, func(ctx context.Context, fence uint64) error {
			if err := s.save(ctx, "refresh/"+tenant); err != nil {
				return err
			}
			return s.refreshOnce(ctx, tenant, seen, fence)
		})
		s.notBegun(tenant, seen, err)
		return err
	})
}

// notBegun notes what endRefresh could not: that a refresh failed before its call or after its answer, on account of the store, the
// lease or the secret file.
func (s *Service) notBegun(tenant string, seen Token, err error) {
	var call *callError
	if err == nil || errors.As(err, &call) || errors.Is(err, errReauthorise) || errors.Is(err, errStopping) || errors.Is(err, errElsewhere) ||
		errors.Is(err, errQuarantine) {
		return
	}
	if errors.Is(err, errMayHold) { // until then every caller is told so
		if s.backoff.news(tenant, err.Error()) {
			s.log.Warn("An access token is not refreshed yet", zap.String("tenant", tenant), zap.Error(err))
		}
		return
	}
	if errors.Is(err, store.ErrUnreachable) {
		s.backoff.unreached(tenant, s.now())
	} else {
		s.backoff.failed(tenant, s.now(), share(tenant, seen))
	}
	if s.backoff.news(tenant, err.Error()) {
		s.log.Error("An access token cannot be refreshed; trying again", zap.String("tenant", tenant), zap.Error(err))
	}
}

func (s *Service) refreshOnce(ctx context.Context, tenant string, seen Token, fence uint64) error {
	tok, at, newer, err := s.readToken(ctx, tenant, seen)
	if newer || err != nil {
		return err
	}
	c := s.clients[tok.Client]
	if fault := clientFault(c, tok); fault != "" {
		return fmt.Errorf("tenant %s: %s", tenant, fault)
	}
	if _, _, err := c.secret.Read(); err != nil {
		return fmt.Errorf("client %s: client_secret_file: %w", c.cfg.Name, err)
	}
	leave, err := s.admitted(ctx, c, "refresh the access token of tenant "+tenant)
	if err != nil {
		return err
	}
	defer leave()
	tok, err = s.beginRefresh(ctx, tenant, tok, fence)
	if errors.Is(err, errReplaced) {
		_, _, _, err = s.readToken(ctx, tenant, seen) // what took its place is as good as a refresh
		return err
	}
	if err != nil {
		return err
	}
	set, callErr := s.redeem(ctx, c, at, tok.RefreshToken)
	var refusal *callError
	if errors.As(callErr, &refusal) && refusal.kind == callClientDisabled {
		refusal.othersRefresh = s.view.othersRefresh(tok, s.now().Add(-longestBackoff))
	}
	outcome, err := s.endRefresh(ctx, tenant, tok, set, callErr, fence)
	if s.obs.Refreshed != nil {
		s.obs.Refreshed(ctx, outcome)
	}
	return err
}

// readToken reads what the store has; newer says that somebody else refreshed since seen, which memory then knows.
func (s *Service) readToken(ctx context.Context, tenant string, seen Token) (tok Token, at site.Site, newer bool, err error) {
	tx := s.reader(ctx)
	tok, found, err := get(tx, Token{Tenant: tenant})
	if err == nil && !found {
		err = fmt.Errorf("tenant %s: %w", tenant, credential.ErrNotConnected)
	}
	if err != nil {
		return tok, at, false, err
	}
	if !tok.RefreshedAt.Equal(seen.RefreshedAt) || tok.Fact == TokenReauthorise {
		kind, key := tok.address()
		s.takeIn([]versioned{{kind: kind, key: key, version: tx.read[addressText(kind, key)], rec: tok}})
		if tok.Fact == TokenReauthorise {
			return tok, at, false, fmt.Errorf("tenant %s: %w: %s", tenant, errReauthorise, tok.Reason)
		}
		return tok, at, true, nil
	}
	g, found, err := get(tx, Grant{Tenant: tenant})
	if err != nil {
		return tok, at, false, err
	}
	at, known := site.ByDomain(g.Org.Site)
	if !found || !known {
		return tok, at, false, fmt.Errorf("tenant %s: %w", tenant, credential.ErrNotConnected)
	}
	return tok, at, false, nil
}

// errReplaced: a consent or another process replaced the token a moment ago.
var errReplaced = errors.New("the token was replaced in the meantime")

// beginRefresh stores the intent. An older intent without an end counts as an attempt without an answer.
func (s *Service) beginRefresh(ctx context.Context, tenant string, seen Token, fence uint64) (Token, error) {
	var tok Token
	err := s.change(ctx, func(tx *txn) (err error) {
		if tok, _, err = get(tx, Token{Tenant: tenant}); err != nil {
			return err
		}
		if tok.RefreshToken != seen.RefreshToken || tok.Fact == TokenReauthorise {
			return errReplaced
		}
		if tok.Refresh.Fence > fence {
			return fmt.Errorf("refresh for tenant %s: %w", tenant, errElsewhere) // this lease is over
		}
		if until, ok := s.elsewhere(tok); ok {
			return fmt.Errorf("tenant %s: its access token was not refreshed: %w", tenant, mayHold(until))
		}
		if tok.RefreshToken == "" {
			return fmt.Errorf("tenant %s: Datadog gave no refresh token; send the customer the connect link", tenant)
		}
		if !tok.Refresh.Begun.IsZero() {
			tok.Refresh.Unanswered++
		}
		tok.Refresh.Begun, tok.Refresh.Fence = s.now(), fence
		s.intents.note("refresh/"+tenant, fence) // whether or not the write succeeds
		return tx.put(tok)
	})
	return tok, err
}

// endRefresh stores the outcome before anybody may use it. A rotated refresh token is durable here, or the error is not nil.
func (s *Service) endRefresh(ctx context.Context, tenant string, sent Token, set tokenSet, callErr error, fence uint64) (outcome string, err error) {
	now := s.sinceRestore()
	result, scopeNews := callErr, ""
	err = s.keep(ctx, "refresh/"+tenant, overwriting(sent, func(tx *txn) error {
		tok, found, err := get(tx, Token{Tenant: tenant})
		if err != nil {
			return err
		}
		if tx.wentBack() && !tok.RefreshedAt.After(sent.RefreshedAt) {
			tok = sent // the store lost the intent, and maybe more
		}
		// A consent or another process wrote in between, and what it wrote is newer than this answer. The one exception: nobody else has
		// the token that Datadog put in the place of the one that the record still holds, so that is kept however late it comes.
		late := tok.Refresh.Fence > fence
		if !found || tok.RefreshToken != sent.RefreshToken || late && (callErr != nil || set.refresh == "") {
			outcome, result = "superseded", nil
			return s.revokeLate(tx, tok, sent, set)
		}
		before := tok
		tok.Refresh.Begun = time.Time{}
		if late && tok.Fact == TokenReauthorise && tok.Refresh.Unanswered > 0 {
			outcome, err = tok.revived(set, now)
		} else {
			outcome, err = tok.refreshed(set, callErr, now)
		}
		if err != nil {
			return err
		}
		if callErr == nil {
			if scopeNews, err = s.noteScopes(tx, &tok, set, now); err != nil {
				return err
			}
		}
		if kindOf(callErr) == callInvalidGrant {
			if err := s.spend(tx, before); err != nil {
				return err
			}
		}
		return tx.put(tok)
	}))
	if err != nil {
		return "store_failed", err
	}
	if result == nil && callErr != nil {
		_, _, _, err := s.readToken(ctx, tenant, sent)
		return outcome, err
	}
	if callErr == nil {
		s.backoff.clear(tenant)
		if scopeNews != "" {
			s.log.Warn("Datadog changed the scopes of a grant", zap.String("tenant", tenant), zap.String("what", scopeNews))
		}
		return outcome, nil
	}
	switch kindOf(callErr) {
	case callClientRejected: // that is the client's fault, and its gate does the waiting
	case callClientDisabled:
		s.backoff.until(tenant, now.Add(longestBackoff))
	default:
		s.backoff.failed(tenant, now, share(tenant, sent))
	}
	s.log.Warn("An access token was not refreshed", zap.String("tenant", tenant), zap.String("outcome", outcome), zap.Error(callErr))
	return outcome, result
}

// revived applies an answer that came after another process had sent the same refresh token in vain: the token that it brings may be
// good, or be dead by that second sending. The next refresh tells.
func (t *Token) revived(set tokenSet, now time.Time) (outcome string, err error) {
	t.AccessToken, t.Expiry, t.RefreshToken, t.RefreshedAt, t.Refresh.Unanswered = set.access, set.expiry, set.refresh, now, 0
	return "late", t.event(EvLateAnswer, "a refresh that was given up as lost was answered after all; whether the grant still stands shows at the next refresh", now)
}

// refreshed applies the answer to the record.
func (t *Token) refreshed(set tokenSet, callErr error, now time.Time) (outcome string, err error) {
	if callErr == nil {
		t.AccessToken, t.Expiry, t.RefreshedAt = set.access, set.expiry, now
		if set.refresh != "" {
			t.RefreshToken = set.refresh // the old one may be dead from here on
		}
		t.Refresh.Unanswered, t.Refresh.Disabled = 0, time.Time{}
		return "refreshed", t.event(EvRefreshed, "", now)
	}
	switch kindOf(callErr) {
	case callInvalidGrant:
		if t.Refresh.Unanswered > 0 {
			return "outcome_unknown", t.event(EvOutcomeUnknown, "refresh outcome unknown: an earlier answer of Datadog was lost, and with it a replaced refresh token; "+
				"the API key goes on serving. Send the customer the connect link", now)
		}
		return "revoked", t.event(EvRevoked, "revoked: the customer, an administrator of their organisation or the partner ended the authorisation at "+since(now)+
			" or before; the API key goes on serving while it validates. Send the customer the connect link", now)
	case callClientDisabled:
		var refusal *callError
		return t.disabled(callErr, errors.As(callErr, &refusal) && refusal.othersRefresh, now)
	case callClientRejected:
		return "client_rejected", t.event(EvClientRejected, t.Reason, now)
	case callUnanswered:
		t.Refresh.Unanswered++
		return "unanswered", t.event(EvRefreshFailed, callErr.Error(), now)
	default:
		return "failed", t.event(EvRefreshFailed, callErr.Error(), now)
	}
}
