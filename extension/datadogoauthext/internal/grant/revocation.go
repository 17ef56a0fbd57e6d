package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// Outcomes of Observer.Revoked, one for each attempt at an item and one for each key that was to be deleted.
const (
	RevokedDone         = "revoked"         // Datadog answered: the tokens are dead
	RevokedOtherClient  = "other_client"    // they belong to a client id that is not in the configuration any more
	RevokedRejected     = "client_rejected" // the client's credentials are
	RevokedUnanswered   = "unanswered"      // it is tried again
	RevokedGivenUp      = "given_up"        // it was tried for too long: the customer is to end the authorisation
	RevokedKeyDeleted   = "key_deleted"     // or it was gone
	RevokedKeyInUse     = "key_in_use"      // a tenant uses the organisation
	RevokedKeyRemaining = "key_remaining"   // Datadog does not let us: the customer is to revoke it
)

// revocationLife is how long an item is tried.
const revocationLife = 30 * 24 * time.Hour

// enqueueRevocation puts into tx what is left to do at Datadog about tokens that are used no more: to revoke them and, with dropKey, to
// delete the API key of org first, unless a tenant uses it by then. tok is a copy; what becomes of the record that it came from is the
// caller's. why is for people. Nothing is put where there is nothing to do. The work begins with the next pass, or with kickRevocations.
func (s *Service) enqueueRevocation(tx *txn, tenant, why string, org credential.Org, tok Token, dropKey bool) error {
	if tok.AccessToken == "" && tok.RefreshToken == "" && !dropKey {
		return nil
	}
	return tx.put(Revocation{ID: Hash(NewSecret()), Tenant: tenant, Why: why, Org: org, Token: tok, DropKey: dropKey, Asked: s.sinceRestore()})
}

// kickRevocations works on what is due at once, in the background. Kicks that come meanwhile are one more round of the same work.
func (s *Service) kickRevocations() {
	if s.kicks.Add(1) > 1 {
		return
	}
	s.life.spawn(func() {
		for {
			seen := s.kicks.Load()
			s.runRevocations(s.life.stopping)
			if s.kicks.CompareAndSwap(seen, 0) || s.life.stopping.Err() != nil {
				return
			}
		}
	})
}

// runRevocations works on every item that is due, and whose client can call or that was tried for long enough.
func (s *Service) runRevocations(ctx context.Context) {
	var due []Revocation
	unreadable := func(raw store.Record, err error) {
		if s.windows.enter("revocation/"+raw.Key, s.now(), keepAlive) {
			s.log.Error("Tokens that are to be revoked cannot be read; ask the customer to remove the authorisation in their organisation", zap.Error(err))
		}
	}
	err := list(ctx, &s.vault, store.KindRevocation, unreadable, func(_ uint64, r Revocation) {
		if !s.now().Before(r.Next) && !s.ofBackup(r.Asked) && (s.mayCall(r.Org.Client) || r.overdue(s.now())) {
			due = append(due, r)
		}
	})
	if err != nil && ctx.Err() == nil {
		s.log.Warn("What is to be revoked was not read; trying again", zap.Error(err))
	}
	atOnceBySite(ctx, due, func(r Revocation) string { return r.Org.Site }, func(ctx context.Context, r Revocation) {
		err := s.fly(ctx, &s.revocations, r.ID, func(ctx context.Context) error { return s.workOn(ctx, r.ID) })
		if err != nil && !errors.Is(err, errElsewhere) && ctx.Err() == nil && s.windows.enter("revocation/"+r.ID, s.now(), longestBackoff) {
			s.log.Warn("A revocation could not be worked on; trying again", zap.String("tenant", r.Tenant), zap.Error(err))
		}
	})
}

// overdue reports whether an item was tried for long enough.
func (r Revocation) overdue(now time.Time) bool { return !now.Before(r.Asked.Add(revocationLife)) }

// mayCall reports whether a client can make a token call at the moment.
func (s *Service) mayCall(clientName string) bool {
	c, ok := s.clients[clientName]
	if !ok {
		return false // it waits until the client is back in the configuration
	}
	_, stamp, err := c.secret.Read()
	return err == nil && !c.gate.dead(s.now(), stamp)
}

// workOn makes one attempt at an item. Its error is one of the store; what Datadog says goes into the item.
func (s *Service) workOn(ctx context.Context, id string) error {
	name := revocationName(id)
	return s.tryLease(ctx, name, func(ctx context.Context, _ uint64) error {
		if err := s.save(ctx, name); err != nil {
			return err
		}
		r, found, err := get(s.reader(ctx), Revocation{ID: id})
		if err != nil || !found || s.now().Before(r.Next) {
			return err
		}
		overdue := r.overdue(s.now())
		err = s.attemptAt(ctx, r)
		rejected := kindOf(err) == callClientRejected
		switch {
		case err == nil:
			return s.changeRevocation(ctx, s.persist, id, nil)
		case errors.Is(err, errStore) || errors.Is(err, errStopping):
			return err
		case overdue && (rejected || r.Attempts > 0):
			return s.giveUp(ctx, id, err)
		case rejected:
			s.revoked(ctx, RevokedRejected)
			return nil // the client's gate does the waiting
		}
		s.revoked(ctx, RevokedUnanswered)
		return s.postpone(ctx, r, err)
	})
}

// attemptAt is settle, where client and site are known. A client that is not in the configuration counts as rejected: it may come back.
func (s *Service) attemptAt(ctx context.Context, r Revocation) error {
	c := s.clients[r.Org.Client]
	if c == nil {
		return &callError{kind: callClientRejected, doing: "end a connection", advice: clientMissing(r.Org.Client)}
	}
	at, known := site.ByDomain(r.Org.Site)
	if !known {
		return fmt.Errorf("org %s: %w", r.Org, site.ErrUnknown)
	}
	return s.settle(ctx, c, at, r)
}

// giveUp ends an item that was tried for long enough. What the customer has to do is added to the reason of the tenant's hold, where the
// tenant is still disconnected.
func (s *Service) giveUp(ctx context.Context, id string, why error) error {
	var r Revocation
	var text string
	err := s.persist(ctx, func(tx *txn) (err error) {
		var found bool
		if r, found, err = get(tx, Revocation{ID: id}); err != nil || !found {
			return err
		}
		tx.remove(r)
		text = fmt.Sprintf("what was left to do at Datadog about organisation %s was given up after %d days: ask the customer to remove the authorisation there",
			r.Org.ID, int(revocationLife/(24*time.Hour)))
		if r.DropKey {
			text += ", and to revoke the API key whose name contains \"" + keyNameMark + "\" if nothing else uses it"
		}
		text += ": " + why.Error()
		tx.why = text
		g, found, err := get(tx, Grant{Tenant: r.Tenant})
		if errors.Is(err, errStore) {
			return err
		}
		if err != nil || !found || g.Hold != HoldDisconnected {
			return nil
		}
		g.HoldReason += "; " + text
		return tx.put(g)
	})
	if err != nil {
		return err
	}
	s.revoked(ctx, RevokedGivenUp)
	s.log.Error("An ended connection is left as it is", zap.String("tenant", r.Tenant), zap.Stringer("org", r.Org), zap.String("why", text))
	return nil
}

func revocationName(id string) string { return "revoke/" + id }

// settle does what is left of an item: first the key, which needs a token, then the refresh token, then the access token. What was
// done is stored, and not repeated after a restart. Where a record that cannot be opened keeps the key waiting, the tokens wait for a
// while only.
func (s *Service) settle(ctx context.Context, c *client, at site.Site, r Revocation) error {
	var keyWaits error
	if r.DropKey {
		keyWaits = s.dropKey(ctx, c, at, r)
		if keyWaits != nil && !(errors.Is(keyWaits, errKeyWaits) && !s.now().Before(r.Asked.Add(keyDeletionFor))) {
			return keyWaits
		}
		err := s.changeRevocation(ctx, s.persist, r.ID, func(cur *Revocation) {
			cur.DropKey = keyWaits != nil
			r = *cur // its tokens may have been refreshed
		})
		if err != nil {
			return err
		}
	}
	if err := s.revokeTokens(ctx, c, at, r); err != nil {
		return err
	}
	return keyWaits
}

// revokeTokens has Datadog end what tokens an item holds.
func (s *Service) revokeTokens(ctx context.Context, c *client, at site.Site, r Revocation) error {
	if r.Token.RefreshToken == "" && r.Token.AccessToken == "" {
		return nil
	}
	if r.Token.ClientID != "" && r.Token.ClientID != c.cfg.ClientID {
		s.log.Warn("Tokens of a client id that is not in the configuration any more cannot be revoked; ask the customer to remove the authorisation in their organisation",
			zap.String("tenant", r.Tenant), zap.Stringer("org", r.Org))
		s.revoked(ctx, RevokedOtherClient)
		return s.changeRevocation(ctx, s.persist, r.ID, func(cur *Revocation) { cur.Token.RefreshToken, cur.Token.AccessToken = "", "" })
	}
	for _, step := range []struct {
		token, hint string
		erase       func(*Revocation)
	}{
		{r.Token.RefreshToken, "refresh_token", func(cur *Revocation) { cur.Token.RefreshToken = "" }},
		{r.Token.AccessToken, "access_token", func(cur *Revocation) { cur.Token.AccessToken = "" }},
	} {
		if step.token == "" {
			continue
		}
		if err := s.revokeToken(ctx, c, at, step.token, step.hint); err != nil {
			return err
		}
		if err := s.changeRevocation(ctx, s.persist, r.ID, step.erase); err != nil {
			return err
		}
	}
	s.revoked(ctx, RevokedDone)
	s.log.Info("The tokens of an ended connection are revoked", zap.String("tenant", r.Tenant), zap.Stringer("org", r.Org))
	return nil
}

// postpone stores why an attempt failed and when the next one is: after half a minute at first, after an hour at most.
func (s *Service) postpone(ctx context.Context, r Revocation, why error) error {
	wait := min(firstBackoff<<min(r.Attempts, 10), longestBackoff)
	wait -= time.Duration(share(r.ID, Token{RefreshedAt: s.now()}) * float64(wait) / 4)
	if r.Reason != why.Error() {
		s.log.Warn("Tokens of an ended connection are not revoked yet; trying again", zap.String("tenant", r.Tenant), zap.Duration("in", wait), zap.Error(why))
	}
	return s.changeRevocation(ctx, s.persist, r.ID, func(cur *Revocation) {
		cur.Attempts++
		cur.Next, cur.Reason = s.now().Add(wait), why.Error()
	})
}

// changeRevocation edits an item that is still there; without edit it deletes it.
func (s *Service) changeRevocation(ctx context.Context, write func(context.Context, func(*txn) error) error, id string, edit func(*Revocation)) error {
	return write(ctx, func(tx *txn) error {
		r, found, err := get(tx, Revocation{ID: id})
		if err != nil || !found {
			return err
		}
		if edit == nil {
			tx.why = "nothing is left to do"
			tx.remove(r)
			return nil
		}
		edit(&r)
		return tx.put(r)
	})
}

func (s *Service) revoked(ctx context.Context, outcome string) {
	if s.obs.Revoked != nil {
		s.obs.Revoked(ctx, outcome)
	}
}
