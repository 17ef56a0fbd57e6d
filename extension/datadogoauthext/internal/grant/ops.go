package grant

import (
	"context"
	"errors"
	"time"
)

// ErrRefused marks what an operator asked for and cannot have; its text is for them.
var ErrRefused = errors.New("refused")

// Pause stops the data of a tenant until Resume; what arrives waits.
func (s *Service) Pause(ctx context.Context, tenant, reason, by string) error { return ErrRefused }

// Resume ends a pause.
func (s *Service) Resume(ctx context.Context, tenant, by string) error { return ErrRefused }

// Disconnect ends a connection: sends stop, tokens are revoked at Datadog and erased, the API key is deleted where that is allowed.
func (s *Service) Disconnect(ctx context.Context, tenant, reason, by string) error {
	return ErrRefused
}

// MintAgain makes sure of an API key on an operator's order, as a consent does.
func (s *Service) MintAgain(ctx context.Context, tenant, by string) error { return ErrRefused }

// PendingChange is what people may know of a Pending.
type PendingChange struct {
	Tenant, Client, Site, OrgID, OrgName string
	// What the tenant is connected to until the change is confirmed.
	FromSite, FromOrgID, FromOrgName string
	Created, Expires                 time.Time
}

// PendingChanges lists them by tenant.
func (s *Service) PendingChanges() []PendingChange { return nil }

// ConfirmChange moves a tenant to the organisation of its pending change.
func (s *Service) ConfirmChange(ctx context.Context, tenant, by string) error { return ErrRefused }

// RejectChange drops a pending change; its tokens are revoked.
func (s *Service) RejectChange(ctx context.Context, tenant, by string) error { return ErrRefused }

// Invitations lists those that still work, the newest first.
func (s *Service) Invitations(ctx context.Context) ([]Invitation, error) { return nil, nil }

// RevokeInvitation ends one, named by its Hash or the first 12 characters of it.
func (s *Service) RevokeInvitation(ctx context.Context, id, by string) error { return ErrRefused }

// EndQuarantine lets refreshes of a restored store go on as usual.
func (s *Service) EndQuarantine(ctx context.Context, by string) error { return ErrRefused }

// BeginLogin stores a login under way and returns its request id. l needs BrowserHash, AppOrigin, StartedDomain and Partition.
func (s *Service) BeginLogin(ctx context.Context, l Login) (requestID string, err error) {
	return "", ErrRefused
}

// Login finds a login under way. Looking at it changes nothing. Its error is ErrNoLogin when there is none.
func (s *Service) Login(ctx context.Context, requestID string) (Login, error) {
	return Login{}, ErrRefused
}

// ErrNoLogin: no login is under way with this request id, or a ticket came for it already.
var ErrNoLogin = errors.New("no login is under way with this request id: it was used already, or it ran out")

// Admit notes what a verified ticket said. It works once for a login.
func (s *Service) Admit(ctx context.Context, requestID, tenant, client, ticketID string, allowChange bool) (Login, error) {
	return Login{}, ErrRefused
}

// EndLogin deletes a login whose consent has begun. It works once: ErrNoLogin says that somebody else was first.
func (s *Service) EndLogin(ctx context.Context, requestID string) error { return ErrRefused }
