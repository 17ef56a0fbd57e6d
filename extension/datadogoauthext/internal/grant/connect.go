package grant

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// Connected is what a completed consent led to.
type Connected struct {
	Tenant  string
	Site    site.Site
	OrgName string // may be empty
	Last4   string // of the API key; empty while a change is pending
	// ChangePending says that the tenant is connected to another organisation, site or client, where its data keeps going until an
	// operator confirms the change to OrgName.
	ChangePending bool
}

// consent is a code that was redeemed, and the organisation that it leads to.
type consent struct {
	flow     Flow
	clientID string
	org      credential.Org
	orgName  string
	set      tokenSet
}

// Connect completes a consent: it redeems the code, learns the organisation, stores the grant and makes sure of an API
// key. f was consumed before, so the code is exchanged once. at is the site of the callback's domain.
//
// Where the tenant is connected to another organisation, site or client, nothing of it changes: the consent is stored as a change that
// is pending, and no key is minted, unless f allows the change.
//
// Whether the browser waits makes no difference: from here on the work runs on the service's own time.
func (s *Service) Connect(ctx context.Context, f Flow, at site.Site, code string) (Connected, error) {
	if err := s.checkReady(); err != nil {
		return Connected{}, &ConnectError{Outcome: OutcomeStoreFailed, Err: err}
	}
	ctx, end, err := s.onOwnTime(ctx)
	if err != nil {
		return Connected{}, &ConnectError{Outcome: OutcomeStoreFailed, Err: err}
	}
	defer end()
	door, err := admission(s.reader(ctx), f)
	if err != nil {
		return Connected{}, admissionError(err)
	}
	ctx = customer(ctx, door)
	if inv, ok := door.(Invitation); ok && inv.Check != "" {
		return Connected{}, s.tryVerifier(ctx, f, at, code, inv)
	}
	cons, err := s.redeemCode(ctx, f, at, code)
	if err != nil {
		return Connected{}, err
	}
	done := Connected{Tenant: f.Tenant, Site: at, OrgName: cons.orgName}
	log := s.log.With(zap.String("tenant", f.Tenant), zap.String("client", f.Client), zap.String("site", at.Domain()), zap.String("org", cons.org.ID))
	if missing := missingScopes(cons.set.scopes); len(missing) > 0 {
		log.Warn("A grant is narrower than needed; add the scopes to the client in Datadog's developer platform, then let a user with all "+
			"permissions of the client open the connect link", zap.Strings("missing", missing), zap.String("granted", cons.set.scopes))
	}
	moves, waits, err := s.storeConsent(ctx, cons)
	if err != nil {
		return Connected{}, err
	}
	switch {
	case waits:
		log.Warn("A customer gave consent for another organisation than the tenant is connected to; nothing changes until an operator confirms",
			zap.Time("expires", s.now().Add(PendingLife)))
		done.ChangePending = true
		s.kickRevocations() // of a change that this one replaced
		return done, nil
	case moves:
		if err := s.confirm(ctx, f.Tenant, ofConsent(f.StateHash), "the ticket"); err != nil {
			return Connected{}, mintError(err, cons.org, cons.orgName, f.StateHash)
		}
	default:
		s.backoff.clear(f.Tenant)
		log.Info("A customer gave consent")
		if err := s.ensureKey(ctx, cons.org, cons.set.access); err != nil {
			return Connected{}, mintError(err, cons.org, cons.orgName, "")
		}
		if err := s.completeInvitation(ctx, f.Tenant); err != nil {
			log.Warn("The used connect link was not deleted yet; trying again", zap.Error(err))
		}
	}
	done.Last4 = s.orgView(cons.org).Last4
	return done, nil
}

// onOwnTime detaches work from whoever asked for it: it goes on when they give up, and ends when Close gives up waiting. end is to be
// called when it is done.
func (s *Service) onOwnTime(ctx context.Context) (_ context.Context, end func(), err error) {
	done, ok := s.life.begin()
	if !ok {
		return ctx, nil, errStopping
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), operation)
	stop := context.AfterFunc(s.life.flying, cancel)
	return ctx, func() { stop(); cancel(); done() }, nil
}

// errLinkGone: a link works for one consent, and not after it was revoked, whatever began before. So does a ticket.
var errLinkGone = errors.New("what let the customer in was used or revoked while they gave consent, or the tenant was disconnected; " +
	"if the customer is expected, send another connect link or let them log in again")

// admission finds the invitation or the login that let the customer of a flow in, or nil where the flow names neither. It is errLinkGone once
// that was used up or revoked: the code is then never redeemed.
func admission(tx *txn, f Flow) (door record, err error) {
	found := true
	switch {
	case f.Invitation != "":
		door, found, err = get(tx, Invitation{Hash: f.Invitation})
	case f.Login != "":
		door, found, err = get(tx, Login{Hash: f.Login})
	}
	if err == nil && !found {
		err = fmt.Errorf("tenant %s: %w", f.Tenant, errLinkGone)
	}
	return door, err
}

func admissionError(err error) error {
	if errors.Is(err, errLinkGone) {
		return &ConnectError{Outcome: OutcomeInvitationGone, Err: err}
	}
	return &ConnectError{Outcome: OutcomeStoreFailed, Err: err}
}

// redeemCode exchanges the code and asks whose it is. Tokens that nobody will use are left to be revoked.
func (s *Service) redeemCode(ctx context.Context, f Flow, at site.Site, code string) (consent, error) {
	c, ok := s.clients[f.Client]
	if !ok {
		err := fmt.Errorf("client %s is not in the configuration any more", f.Client)
		return consent{}, &ConnectError{Outcome: OutcomeStoreFailed, Err: err}
	}
	set, err := s.exchange(ctx, c, at, code, f.Verifier)
	if err != nil {
		return consent{}, exchangeError(err, f, at)
	}
	cons := consent{flow: f, clientID: c.cfg.ClientID, org: credential.Org{Client: f.Client, Site: at.Domain()}, set: set}
	err = s.repeated(ctx, func() (err error) { // it changes nothing, and giving up costs the customer another consent
		cons.org.ID, cons.orgName, err = s.currentOrg(ctx, at, set.access)
		return err
	}, callUnanswered, callUnsent, callThrottled)
	if err != nil {
		s.abandon(ctx, cons, "Datadog did not say which organisation they belong to")
		return consent{}, &ConnectError{Outcome: OutcomeOrgUnknown, Err: err}
	}
	return cons, nil
}

// storeConsent writes grant, token and organisation in one step; or, where the tenant is connected elsewhere, nothing but the pending
// change, and the link has done its work. moves says which, and waits that an operator is to confirm it. A ticket has done its work either
// way.
//
// Where the tenant's own record cannot be opened, nobody knows what it is connected to, so that an operator confirms any consent, whatever
// a ticket allows.
func (s *Service) storeConsent(ctx context.Context, cons consent) (moves, waits bool, err error) {
	f := cons.flow
	err = s.persist(ctx, func(tx *txn) error {
		if stored, change, err := storedBefore(tx, cons); err != nil || stored {
			moves, waits = change, change && !f.AllowChange
			return err
		}
		door, err := admission(tx, f)
		if err != nil {
			return err
		}
		g, had, err := get(tx, Grant{Tenant: f.Tenant})
		lost := unopenable(err)
		if err != nil && !lost {
			return err
		}
		ended := had && g.Hold == HoldDisconnected
		if ended && door == nil && f.Created.Before(g.HoldSince) { // whoever began before has no say after; the disconnection took the door of others
			return fmt.Errorf("tenant %s: %w", f.Tenant, errLinkGone)
		}
		moves = lost || had && !ended && g.Org != cons.org
		waits = moves && (lost || !f.AllowChange)
		if _, login := door.(Login); login || moves && door != nil {
			tx.why = "used"
			tx.remove(door)
		}
		if moves {
			return s.putPending(tx, cons)
		}
		if ended { // what waited belongs to the connection that ended
			if _, err := s.dropPending(tx, f.Tenant, "the tenant was connected anew"); err != nil {
				return err
			}
		}
		return s.putConnection(tx, g, cons.grant(s.now()), cons.orgName, cons.token(s.sinceRestore()))
	})
	if err == nil {
		return moves, waits, nil
	}
	if !errors.Is(err, errStore) {
		s.abandon(ctx, cons, "the consent could not be stored")
	}
	if errors.Is(err, errLinkGone) {
		return false, false, admissionError(err)
	}
	return false, false, &ConnectError{Outcome: OutcomeStoreFailed, Err: err}
}

// storedBefore reports whether an earlier try of the same step went through after all, its answer lost on the way from the database: the
// tokens of the consent are the tenant's, or those of its pending change.
func storedBefore(tx *txn, cons consent) (stored, change bool, err error) {
	tok, _, err := get(tx, Token{Tenant: cons.flow.Tenant})
	if errors.Is(err, errStore) {
		return false, false, err
	}
	if err == nil && tok.AccessToken == cons.set.access {
		return true, false, nil
	}
	p, _, err := get(tx, pendingOf(cons.flow.Tenant))
	if errors.Is(err, errStore) {
		return false, false, err
	}
	change = err == nil && p.Token.AccessToken == cons.set.access
	return change, change, nil
}

// putConnection makes tok and what next says of a tenant the connection of it. cur is the grant that was read in tx; its hold stays, as
// far as a consent does not end it.
func (s *Service) putConnection(tx *txn, cur, next Grant, orgName string, tok Token) error {
	now := s.now()
	next.Hold, next.HoldReason, next.HoldSince = cur.Hold, cur.HoldReason, cur.HoldSince
	if err := next.event(EvReconnect, "", now); err != nil {
		return err
	}
	old, _, err := get(tx, Token{Tenant: next.Tenant})
	if errors.Is(err, errStore) {
		return err
	}
	if err != nil {
		old = Token{} // it cannot be opened, and what it held is of no more use
	}
	tok.Fact, tok.Reason, tok.Since, tok.Refresh = old.Fact, old.Reason, old.Since, RefreshJournal{}
	if err := tok.event(EvConnected, "", now); err != nil {
		return err
	}
	intent := func(o *Org) error { return o.intend(now) }
	return errors.Join(s.putOrg(tx, next.Org, orgName, intent), tx.put(next), tx.put(tok))
}

// putOrg makes sure of an organisation's record, and of its name, which is for people; edit may move its key to another fact, and may be
// nil. A record that cannot be opened is replaced by what memory knows of it, or by one without a key, since the consent at hand is of that
// organisation. Its generations go on above the version of what was there, which is above each generation that was in it.
func (s *Service) putOrg(tx *txn, org credential.Org, name string, edit func(*Org) error) error {
	o, found, err := get(tx, Org{Org: org})
	switch {
	case unopenable(err):
		kind, key := Org{Org: org}.address()
		o = s.orgView(org)
		o.Generation = max(o.Generation, tx.read[addressText(kind, key)])
	case err != nil:
		return err
	}
	before := o
	o.Org, o.Name, o.Key = org, name, factOr(o.Key, KeyNone)
	if edit != nil {
		if err := edit(&o); err != nil {
			return err
		}
	}
	if found && o.Name == before.Name && o.Key == before.Key {
		return nil
	}
	return tx.put(o)
}

func (c consent) grant(now time.Time) Grant {
	return Grant{
		Tenant: c.flow.Tenant, Org: c.org, AppOrigin: c.flow.AppOrigin, StartedDomain: c.flow.StartedDomain, CallbackDomain: c.org.Site,
		Scopes: strings.Fields(c.set.scopes), ConnectedAt: now, Invitation: c.flow.Invitation,
	}
}

func (c consent) token(now time.Time) Token {
	return Token{
		Tenant: c.flow.Tenant, Client: c.flow.Client, ClientID: c.clientID, AccessToken: c.set.access, RefreshToken: c.set.refresh,
		Expiry: c.set.expiry, RefreshedAt: now,
	}
}

// abandon leaves the tokens of a consent that led to nothing to be revoked at Datadog.
func (s *Service) abandon(ctx context.Context, cons consent, why string) {
	err := s.persist(ctx, func(tx *txn) error {
		return s.enqueueRevocation(tx, cons.flow.Tenant, why, cons.org, cons.token(s.sinceRestore()), false)
	})
	if err != nil {
		s.log.Error("The tokens of a consent that led to nothing are not revoked, since that could not be stored; the customer can end it in Datadog, "+
			"under Mobile and Third-Party Access", zap.String("tenant", cons.flow.Tenant), zap.Error(err))
		return
	}
	s.kickRevocations()
}

func (s *Service) orgView(org credential.Org) Org {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	return s.view.orgs[org.String()].rec
}

// since formats a moment for a reason that people read.
func since(t time.Time) string { return t.UTC().Format(time.RFC3339) }
