package grant

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// Disconnect ends a connection. When it returns nil, it is durable that nothing is sent for the tenant any more and that this program
// keeps no token of it but to revoke it. The tokens are revoked, and the API key is deleted when no other tenant uses the organisation,
// in the background until Datadog answered; what the customer has to do themselves is in the tenant's KeyReason then. A tenant that is
// disconnected already stays as it is. Either way nothing that let somebody in for the tenant works any longer: no connect link, no
// login and no consent under way. by is who asked.
func (s *Service) Disconnect(ctx context.Context, tenant, reason, by string) error {
	text := orderText("disconnected", reason, by)
	err := s.order(ctx, tenant, true, func(tx *txn, g *Grant) error {
		tx.why = text
		if err := s.closeDoors(tx, tenant); err != nil || g.Hold == HoldDisconnected {
			return err
		}
		tok, lost, err := s.eraseTokens(tx, *g)
		if err != nil {
			return err
		}
		why := text
		if lost {
			why += "; its tokens cannot be revoked, since a record could not be read: ask the customer to remove the authorisation in their organisation"
		}
		if err := g.event(EvDisconnect, why, s.now()); err != nil {
			return refusedHold(*g, "disconnected")
		}
		if _, err := s.dropPending(tx, tenant, text); err != nil {
			return err
		}
		if g.Org.Site == "" {
			return nil
		}
		return s.enqueueRevocation(tx, tenant, text, g.Org, tok, true)
	})
	if err != nil {
		return err
	}
	s.backoff.clear(tenant)
	s.log.Info("A tenant is disconnected", zap.String("tenant", tenant), zap.String("why", text))
	s.kickRevocations()
	return nil
}

// closeDoors deletes the connect links, the logins that a ticket admitted and the consents under way of a tenant. One that cannot be opened
// lets nobody in.
func (s *Service) closeDoors(tx *txn, tenant string) error {
	return errors.Join(
		removeWhere(tx, store.KindInvitation, func(i Invitation) bool { return i.Tenant == tenant }),
		removeWhere(tx, store.KindLogin, func(l Login) bool { return l.Tenant == tenant }),
		removeWhere(tx, store.KindFlow, func(f Flow) bool { return f.Tenant == tenant }),
	)
}

func removeWhere[R record](tx *txn, kind store.Kind, chosen func(R) bool) error {
	err := list(tx.ctx, tx.v, kind, func(store.Record, error) {}, func(version uint64, rec R) {
		if chosen(rec) {
			_, key := rec.address()
			tx.read[addressText(kind, key)] = version
			tx.saw(kind, key, rec, nil)
			tx.remove(rec)
		}
	})
	if err != nil {
		return fmt.Errorf("%w: read: %w", errStore, err)
	}
	return nil
}

// eraseTokens empties the token record of a tenant and returns what was in it; lost says that it could not be opened, or that it is not
// known at which site it was good.
func (s *Service) eraseTokens(tx *txn, g Grant) (tok Token, lost bool, err error) {
	tok, found, err := get(tx, Token{Tenant: g.Tenant})
	if errors.Is(err, errStore) {
		return Token{}, false, err
	}
	if lost = err != nil; lost {
		tok = Token{}
	} else if !found {
		return Token{}, false, nil
	}
	lost = lost || g.Org.Site == "" // nobody knows where they belong
	erased := Token{Tenant: g.Tenant, Client: g.Org.Client, ClientID: tok.ClientID, Fact: tok.Fact, Since: tok.Since}
	if err := erased.event(EvErased, "", s.now()); err != nil {
		return Token{}, false, err
	}
	if !tok.Refresh.Begun.IsZero() {
		tok.Refresh.Unanswered = maxRevocationRefreshes // its refresh token is on its way to Datadog right now
	}
	return tok, lost, tx.put(erased)
}

// revokeLate is called for the answer to a refresh that came when cur, the record, was another one already. Where the connection was ended
// in between, the tokens of the answer are to be revoked as well.
func (s *Service) revokeLate(tx *txn, cur, sent Token, set tokenSet) error {
	if cur.Fact != TokenNone || set.access == "" {
		return nil
	}
	g, found, err := get(tx, Grant{Tenant: sent.Tenant})
	if err != nil || !found {
		return err
	}
	late := sent
	late.AccessToken, late.RefreshToken, late.Expiry, late.Refresh = set.access, set.refresh, set.expiry, RefreshJournal{}
	return s.enqueueRevocation(tx, sent.Tenant, "a refresh was answered after the disconnection", g.Org, late, true)
}
