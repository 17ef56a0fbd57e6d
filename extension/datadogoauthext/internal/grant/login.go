package grant

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoLogin: no login is under way with this request id, or a ticket came for it already.
var ErrNoLogin = errors.New("no login is under way with this request id: it was used already, or it ran out")

// BeginLogin stores a login under way and returns its request id, 256 random bits of which only the hash is stored. When there are too
// many, the oldest that no ticket admitted makes room: anybody may begin one, and whoever is to come back soon began lately. l needs
// BrowserHash, AppOrigin, StartedDomain and Partition; what a ticket says comes with Admit.
func (s *Service) BeginLogin(ctx context.Context, l Login) (requestID string, err error) {
	if err := s.checkReady(); err != nil {
		return "", err
	}
	requestID = NewSecret()
	now := s.now()
	l.Hash, l.Created, l.Expires = Hash(requestID), now, now.Add(FlowLife)
	l.Tenant, l.Client, l.TicketID, l.AllowChange = "", "", "", false
	oldest := s.view.takeLoginSeat(l, now)
	err = s.change(ctx, func(tx *txn) error {
		if oldest != "" {
			old, found, err := get(tx, Login{Hash: oldest})
			if errors.Is(err, errStore) {
				return err
			}
			if err == nil && found && old.Tenant == "" {
				tx.remove(old)
			}
		}
		return tx.put(l)
	})
	if err != nil {
		s.view.leaveLoginSeat(l.Hash)
		return "", err
	}
	return requestID, nil
}

// Login finds a login under way. Looking at it changes nothing. Its error is ErrNoLogin when there is none.
func (s *Service) Login(ctx context.Context, requestID string) (Login, error) {
	if err := s.checkReady(); err != nil {
		return Login{}, err
	}
	return s.login(s.reader(ctx), requestID)
}

func (s *Service) login(tx *txn, requestID string) (Login, error) {
	l, found, err := get(tx, Login{Hash: Hash(requestID)})
	if err == nil && (!found || !s.now().Before(l.Expires)) {
		err = ErrNoLogin
	}
	return l, err
}

// Admit notes what a verified ticket said. It works once for a login, whichever process asks: the store lets one writer through. client
// may be empty when one client is configured. ErrRefused marks what is wrong with the ticket.
func (s *Service) Admit(ctx context.Context, requestID, tenant, client, ticketID string, allowChange bool) (Login, error) {
	if err := s.checkReady(); err != nil {
		return Login{}, err
	}
	if err := CheckTenant(tenant); err != nil {
		return Login{}, fmt.Errorf("%w: the ticket's %w", ErrRefused, err)
	}
	if ticketID == "" {
		return Login{}, fmt.Errorf("%w: the ticket has no jti; let the login page give every ticket one of its own", ErrRefused)
	}
	client, err := s.ClientNamed(client)
	if err != nil {
		return Login{}, fmt.Errorf("%w: the ticket: %w", ErrRefused, err)
	}
	var l Login
	err = s.change(ctx, func(tx *txn) (err error) {
		if l, err = s.login(tx, requestID); err != nil {
			return err
		}
		if l.TicketID != "" {
			return ErrNoLogin
		}
		l.Tenant, l.Client, l.TicketID, l.AllowChange = tenant, client, ticketID, allowChange
		return tx.put(l)
	})
	if err != nil {
		return Login{}, err
	}
	return l, nil
}
