package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// ConfirmChange moves a tenant to the organisation of its pending change. The key of that organisation is made sure of first, so that
// data finds no gap; without one the change stays pending and the error says why. A paused tenant stays paused.
//
// orgID is the organisation that whoever decides was shown: a consent that took its place in the meantime is not confirmed with it. An
// empty one stands for whatever waits.
func (s *Service) ConfirmChange(ctx context.Context, tenant, orgID, by string) error {
	if err := s.checkReady(); err != nil {
		return err
	}
	ctx, end, err := s.onOwnTime(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.confirm(ctx, tenant, func(p Pending) bool { return orgID == "" || p.Grant.Org.ID == orgID }, by)
}

// ofConsent means the change that one consent made. A later one, for the same organisation too, is for an operator to decide on.
func ofConsent(id string) func(Pending) bool {
	return func(p Pending) bool { return id != "" && p.Consent == id }
}

// confirm moves a tenant if what waits is what is meant.
func (s *Service) confirm(ctx context.Context, tenant string, meant func(Pending) bool, by string) error {
	return s.withLease(ctx, changeName(tenant), func(ctx context.Context, fence uint64) error {
		p, at, err := s.readPending(ctx, tenant, meant)
		if err != nil {
			return err
		}
		if p, err = s.refreshPending(ctx, p, at, fence); err != nil {
			return staysPending(tenant, err)
		}
		org := p.Grant.Org
		if err := s.change(ctx, func(tx *txn) error { return s.putOrg(tx, org, p.OrgName, nil) }); err != nil {
			return err
		}
		if err := s.ensureKey(ctx, org, p.Token.AccessToken); err != nil {
			return staysPending(tenant, err)
		}
		err = s.move(ctx, p, by)
		if errors.Is(err, errChangeGone) {
			s.dropUnconfirmed(ctx, p)
		}
		return err
	})
}

// errChangeGone: the change was ended or replaced while it was being confirmed.
var errChangeGone = errors.New("the change was ended or replaced by a later consent while it was being confirmed, so nothing moved; look at what waits, then decide again")

// dropUnconfirmed leaves the key that a confirmation made sure of to be deleted: whoever ended the change may have looked for it before
// it was there.
func (s *Service) dropUnconfirmed(ctx context.Context, p Pending) {
	err := s.persist(ctx, func(tx *txn) error {
		if moved, err := movedBefore(tx, p); err != nil || moved {
			return err
		}
		return s.enqueueRevocation(tx, p.Grant.Tenant, "the change of organisation ended while it was being confirmed", p.Grant.Org, p.Token, true)
	})
	if err != nil {
		s.log.Error("The API key of a change that was not confirmed stays at Datadog, since its deletion could not be stored; ask the customer to revoke it",
			zap.String("tenant", p.Grant.Tenant), zap.Stringer("org", p.Grant.Org), zap.Error(err))
		return
	}
	s.kickRevocations()
}

func staysPending(tenant string, err error) error {
	if errors.Is(err, errStore) || errors.Is(err, ErrRefused) {
		return err
	}
	return fmt.Errorf("%w: tenant %s: the change stays pending and its data goes where it went: %w", ErrRefused, tenant, err)
}

// readPending reads a pending change that is meant and can still be confirmed.
func (s *Service) readPending(ctx context.Context, tenant string, meant func(Pending) bool) (p Pending, at site.Site, err error) {
	if err := s.save(ctx, changeName(tenant)); err != nil {
		return p, at, err
	}
	p, found, err := get(s.reader(ctx), pendingOf(tenant))
	switch {
	case errors.Is(err, errStore):
		return p, at, err
	case err != nil:
		return p, at, fmt.Errorf("%w: tenant %s: its pending change cannot be read; refuse it and let the customer give consent once more: %w", ErrRefused, tenant, err)
	case !found || !s.now().Before(p.Expires):
		return p, at, errNoChange(tenant)
	case !meant(p):
		return p, at, errOtherChange(tenant)
	}
	at, ok := site.ByDomain(p.Grant.Org.Site) // a stored site is checked each time it is used
	if !ok {
		return p, at, fmt.Errorf("%w: tenant %s: %w", ErrRefused, tenant, site.ErrUnknown)
	}
	return p, at, nil
}

// errOtherChange: what was looked at is not what waits by now.
func errOtherChange(tenant string) error {
	return fmt.Errorf("%w: tenant %s: a later consent took the place of this change; look at it, then decide again", ErrRefused, tenant)
}

// refreshPending makes sure that the access token of a pending change is good for some minutes. It is journalled as every refresh is,
// and a rotated refresh token is stored before the new access token is used. The caller holds the right to decide on the change.
func (s *Service) refreshPending(ctx context.Context, p Pending, at site.Site, fence uint64) (Pending, error) {
	name := changeName(p.Grant.Tenant)
	c, ok := s.clients[p.Token.Client]
	switch {
	case !ok:
		return p, errors.New(clientMissing(p.Token.Client))
	case p.Token.ClientID != c.cfg.ClientID:
		return p, fmt.Errorf("client_id of client %s was changed in the configuration; refuse the change and send the customer the connect link", c.cfg.Name)
	case p.Token.Fact == TokenReauthorise:
		return p, errConsentEnded
	case s.now().Add(refreshBefore).Before(p.Token.Expiry):
		return p, nil
	case p.Token.RefreshToken == "":
		return p, errors.New("the access token ran out, and Datadog gave no refresh token; refuse the change and send the customer the connect link")
	}
	if s.ofBackup(p.Token.RefreshedAt) {
		return p, errOfBackup
	}
	if until, held := s.heldBack(name, p.Token.Refresh.Begun, p.Token.Refresh.Fence); held {
		return p, mayHold(until)
	}
	leave, err := s.admitted(ctx, c, "refresh the access token of the pending change")
	if err != nil {
		return p, err
	}
	defer leave()
	s.intents.note(name, fence)
	p, err = s.editPending(ctx, s.change, p, func(t *Token) error {
		if !t.Refresh.Begun.IsZero() {
			t.Refresh.Unanswered++ // an intent without an end: its answer was lost
		}
		t.Refresh.Begun, t.Refresh.Fence = s.now(), fence
		return nil
	})
	if err != nil {
		return p, err
	}
	set, callErr := s.redeem(ctx, c, at, p.Token.RefreshToken)
	keep := func(ctx context.Context, fn func(*txn) error) error { return s.keep(ctx, name, fn) }
	outcome := "store_failed"
	p, err = s.editPending(ctx, keep, p, func(t *Token) (err error) {
		t.Refresh.Begun = time.Time{}
		outcome, err = t.refreshed(set, callErr, s.now())
		return err
	})
	if s.obs.Refreshed != nil {
		s.obs.Refreshed(ctx, outcome)
	}
	switch {
	case err != nil:
		return p, err
	case callErr != nil && p.Token.Fact == TokenReauthorise:
		return p, fmt.Errorf("%w: %w", callErr, errConsentEnded)
	}
	return p, callErr
}

// errConsentEnded: only another consent can lead to a change.
var errConsentEnded = errors.New("the consent does not stand any more: the customer ended it, or an answer that replaced its refresh token was lost; " +
	"refuse the change and send the customer the connect link")

// editPending edits the token of a pending change, as long as it is still the one that was read.
func (s *Service) editPending(ctx context.Context, write func(context.Context, func(*txn) error) error, seen Pending, edit func(*Token) error) (Pending, error) {
	var p Pending
	err := write(ctx, func(tx *txn) error {
		var found bool
		var err error
		p, found, err = get(tx, seen)
		if err != nil {
			return err
		}
		if !found || !p.same(seen) {
			return fmt.Errorf("%w: %w", errOtherChange(seen.Grant.Tenant), errSuperseded)
		}
		if err := edit(&p.Token); err != nil {
			return err
		}
		return tx.put(p)
	})
	return p, err
}

// same reports whether two readings are of one consent with the same tokens, which nobody began to replace in between.
func (p Pending) same(other Pending) bool {
	return p.Created.Equal(other.Created) && p.Grant.Org == other.Grant.Org &&
		p.Token.RefreshToken == other.Token.RefreshToken && p.Token.Refresh.Fence == other.Token.Refresh.Fence
}

// move puts a pending change in the place of what the tenant had, in one step.
//
// It holds the right to mint, so that the key is not dropped a moment before as one that nobody uses; and the right to refresh, so that
// the latest of the old tokens is the one that is revoked.
func (s *Service) move(ctx context.Context, p Pending, by string) error {
	tenant, org := p.Grant.Tenant, p.Grant.Org
	refresh := "refresh/" + tenant
	var from credential.Org
	err := s.withLease(ctx, mintName(org), func(ctx context.Context, _ uint64) error {
		return s.withLease(ctx, refresh, func(ctx context.Context, _ uint64) error {
			if err := s.save(ctx, refresh); err != nil {
				return err
			}
			return s.persist(ctx, func(tx *txn) (err error) {
				tx.why = orderText("confirmed", "", by)
				from, err = s.moveTx(tx, p)
				return err
			})
		})
	})
	if err != nil {
		return err
	}
	s.backoff.clear(tenant)
	s.log.Info("A tenant moved to another organisation", zap.String("tenant", tenant), zap.Stringer("from", from), zap.Stringer("to", org), zap.String("by", by))
	s.kickRevocations()
	return nil
}

// movedBefore reports whether the tenant has the tokens of the change: an earlier try of the step went through, its answer lost on the way from
// the database, or another collector confirmed the same.
func movedBefore(tx *txn, p Pending) (bool, error) {
	tok, _, err := get(tx, Token{Tenant: p.Grant.Tenant})
	if errors.Is(err, errStore) {
		return false, err
	}
	return err == nil && tok.AccessToken != "" && tok.AccessToken == p.Token.AccessToken, nil
}

// moveTx is the step of move, and returns the organisation that the tenant leaves.
func (s *Service) moveTx(tx *txn, p Pending) (from credential.Org, err error) {
	tenant := p.Grant.Tenant
	cur, found, err := get(tx, p)
	if err != nil {
		return from, err
	}
	if !found || !cur.same(p) {
		if moved, err := movedBefore(tx, p); err != nil || moved {
			return p.Grant.Org, err
		}
		return from, fmt.Errorf("%w: tenant %s: %w", ErrRefused, tenant, errChangeGone)
	}
	o, _, err := get(tx, Org{Org: p.Grant.Org})
	if err != nil {
		return from, err
	}
	if o.APIKey == "" {
		return from, fmt.Errorf("%w: tenant %s: the API key of the other organisation was dropped in the meantime; confirm once more", ErrRefused, tenant)
	}
	g, had, err := get(tx, Grant{Tenant: tenant})
	switch {
	case unopenable(err):
		g, had = s.lastKnown(tenant), true
	case err != nil:
		return from, err
	}
	if !had || g.Hold == HoldDisconnected {
		return from, fmt.Errorf("%w: tenant %s is not connected any more; refuse the change and send the customer the connect link", ErrRefused, tenant)
	}
	old, _, err := get(tx, Token{Tenant: tenant})
	if errors.Is(err, errStore) {
		return from, err
	}
	if err != nil {
		old = Token{} // it cannot be opened, so it cannot be revoked
	}
	leaves := true
	if g.Org.Site == "" || g.Org == p.Grant.Org { // of a record that could not be opened: where its tokens belong, or that a consent replaced them
		old, leaves = Token{}, false
	}
	if err := s.enqueueRevocation(tx, tenant, "the tenant moved to organisation "+p.Grant.Org.String(), g.Org, old, leaves); err != nil {
		return from, err
	}
	tx.remove(cur)
	return g.Org, s.putConnection(tx, g, p.Grant, p.OrgName, p.Token)
}
