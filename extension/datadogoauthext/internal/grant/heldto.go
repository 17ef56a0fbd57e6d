package grant

import (
	"context"
	"errors"
	"fmt"
)

// A connected tenant is held to the OAuth client that it connected through, as a link is to the client that it was made for: whoever
// connected a sandbox with the test client never gets the key of the published client, or the reverse, by one consent. The hold ends with the
// connection, and where the configuration does not name its client any more.

// MayConnect says whether a consent of a tenant through a client is welcome. An error that is ErrRefused is for the operator.
//
// Where the tenant's record cannot be opened nobody knows what it is held to, and an operator confirms any consent of such a tenant. One that
// went back to an older version is not believed either.
func (s *Service) MayConnect(ctx context.Context, tenant, client string) error {
	return s.heldTo(s.reader(ctx), tenant, client)
}

func (s *Service) heldTo(tx *txn, tenant, client string) error {
	g, found, err := get(tx, Grant{Tenant: tenant})
	if errors.Is(err, errStore) {
		return err
	}
	if err != nil {
		return nil
	}
	if _, configured := s.clients[g.Org.Client]; !found || g.Hold == HoldDisconnected || g.Org.Client == client || !configured {
		return nil
	}
	return fmt.Errorf("%w: tenant %s is connected through client %s, and a consent through client %s would replace its API key by one of that client; "+
		"disconnect the tenant first, then send it a connect link of client %s", ErrRefused, tenant, g.Org.Client, client, client)
}

// doorFits refuses a flow that is of another tenant or client than what let the customer in.
func doorFits(tx *txn, f Flow) error {
	door, err := admission(tx, f)
	if errors.Is(err, errLinkGone) {
		return nil // which the callback says, since it may be gone by then as well
	}
	if err != nil {
		return err
	}
	tenant, client := f.Tenant, f.Client
	switch d := door.(type) {
	case Invitation:
		tenant, client = d.Tenant, d.Client
	case Login:
		tenant, client = d.Tenant, d.Client
	}
	if tenant != f.Tenant || client != f.Client {
		return fmt.Errorf("%w: a consent of tenant %s through client %s was to begin with a link or a login that is of another tenant or client", ErrRefused, f.Tenant, f.Client)
	}
	return nil
}
