package admin

import (
	"context"
	"errors"
	"io"
	"time"
)

// Grants is what this package needs to know about tenants, and asks to be done. It must be safe for concurrent use.
//
// by names the token that asked. An error that wraps ErrRefused, ErrInvalid or ErrUnknown is shown to the caller; any
// other is logged and shown as an internal error.
type Grants interface {
	// Ready reports whether the grants are loaded. Until then nothing else is asked. why is for people and may be empty.
	Ready() (ok bool, why string)
	Tenants
	// Quarantine says what became of a restored store, or false.
	Quarantine() (Quarantine, bool)
	Orders
	Links
	Sends
	Audits
	Checks
	// Revocations lists what is still to be done at Datadog about connections that ended, in any order. The slice is the caller's.
	Revocations(ctx context.Context) ([]Revocation, error)
	// Incidents says of which incidents nobody knows whether they are at Datadog. It is asked at each view of the page, and answers from
	// memory as a rule. The slice is not to be changed.
	Incidents(ctx context.Context) (Incidents, error)
	// EndQuarantine lets a restored store be used like any other.
	EndQuarantine(ctx context.Context, by string) error
	// Archive writes a backup of the store to w, sealed as it is.
	Archive(ctx context.Context, w io.Writer) error
}

// Orders are what an operator can order for one tenant. Each is done when it returns.
type Orders interface {
	Pause(ctx context.Context, tenant, reason, by string) error
	Resume(ctx context.Context, tenant, by string) error
	Disconnect(ctx context.Context, tenant, reason, by string) error
	MintAgain(ctx context.Context, tenant, by string) error
	// Refresh renews the tenant's tokens, unless a refresh has to wait: then it is refused, with the reason.
	Refresh(ctx context.Context, tenant, by string) error
	// ConfirmChange moves the tenant to orgID, which has to be that of its pending change.
	ConfirmChange(ctx context.Context, tenant, orgID, by string) error
	RejectChange(ctx context.Context, tenant, by string) error
}

// Links are about connect links.
type Links interface {
	// Invite makes a link with which the customer named tenant can connect, good for lifetime. client may be empty, for the one that
	// is configured for links.
	Invite(ctx context.Context, tenant, client string, lifetime time.Duration, by string) (Invitation, error)
	// Invitations lists those that still work, in any order. The slice is the caller's.
	Invitations(ctx context.Context) ([]OpenInvitation, error)
	RevokeInvitation(ctx context.Context, id, by string) error
}

// Errors of Grants. Their texts must hold no secret.
var (
	// ErrRefused marks an error whose text the caller may read and can act on.
	ErrRefused = errors.New("refused")
	// ErrInvalid marks such an error about what the caller wrote: written otherwise it could be done.
	ErrInvalid = errors.New("invalid")
	// ErrUnknown marks such an error about a tenant that is not there.
	ErrUnknown = errors.New("unknown")
)

// TenantStatus is what an operator may know of a tenant. None of it is secret.
type TenantStatus struct {
	Tenant  string
	Client  string // name of the OAuth client in the configuration
	Stage   string // of the client: test or published; empty for one that is not configured any more
	Site    string // site parameter, empty until the customer connected
	OrgID   string
	OrgName string // for display only: it came through the customer's browser

	// The three facts: none, ok, failing-since, reauthorise; none, minting, fresh, ok, refused, exists-unknown; none,
	// paused, disconnected, unreadable. Each reason says why and what to do; it is empty where there is nothing to say.
	Token, TokenReason string
	Key, KeyReason     string
	Hold, HoldReason   string

	KeyLast4    string // last four characters of the API key, as Datadog shows them
	KeyName     string // as Datadog lists it
	Generation  uint64 // grows with every key of the org
	KeySince    time.Time
	KeyMintedAt time.Time

	TokenExpiry      time.Time // of the access token
	TokenRefreshedAt time.Time

	// Where the consent began and where Datadog said that it ended, which is Site. StartedDomain is empty where the link
	// named none.
	AppOrigin, StartedDomain, CallbackDomain string
	Scopes                                   []string // as granted; empty where Datadog did not say

	Pending *PendingChange // nil without one

	// Refused are intakes that refuse the tenant's data although its key is good, as this collector's exporters found.
	Refused []RefusedIntake

	ConnectedAt time.Time // when the customer gave consent; zero until then
	Since       time.Time // when the latest of the three facts changed
	Sending     bool      // whether data of this tenant is sent at this moment
}

// RefusedIntake is one intake that refuses a tenant's data since a moment.
type RefusedIntake struct {
	Intake string
	Since  time.Time
}

// Invitation is a link for one customer.
type Invitation struct {
	Link      string // holds a secret: it is answered once and neither stored nor logged
	ExpiresAt time.Time
}

// OpenInvitation is a link that was given out. Its secret is known to whoever has it, and to nobody else.
type OpenInvitation struct {
	ID                   string // names it in the API; it does not open the link
	Tenant, Client       string
	CreatedAt, ExpiresAt time.Time
	CreatedBy            string
}

// PendingChange is a consent of a tenant that is connected to another organisation. Nothing is sent there until it is confirmed.
type PendingChange struct {
	Tenant, Client                   string
	Site, OrgID, OrgName             string
	FromSite, FromOrgID, FromOrgName string // what the tenant is connected to
	CreatedAt, ExpiresAt             time.Time
}

// Revocation is what is still to be done at Datadog about a connection that ended.
type Revocation struct {
	ID                          string // its own, and shown to nobody
	Tenant, Client, Site, OrgID string
	Why                         string // the connection ended
	DropKey                     bool   // whether its API key is to be deleted too
	AskedAt, NextAt             time.Time
	Attempts                    int
	Reason                      string // why the last attempt failed
}

// Quarantine marks a store that came from a backup, whose tokens may be older than those that Datadog knows.
type Quarantine struct {
	RestoredAt, BackupMadeAt time.Time // the second may be zero
	Spent                    int       // refreshes that ended in invalid_grant since
	Stopped                  bool      // there were too many; refreshes wait for an operator
}

// Incidents are those that the exporter noted and that are not settled.
type Incidents struct {
	// Waiting counts those that are to be created or changed, Searching those of which it is being found out whether they were created, and
	// Unknown those of which that cannot be found out.
	Waiting, Searching, Unknown int
	// Latest are unknown ones, newest first; there may be fewer of them than Unknown says.
	Latest []Incident
	ReadAt time.Time // from the store
}

// Incident is one of which nobody knows whether it is at Datadog.
type Incident struct {
	Tenant, Client, Site string
	OrgID, OrgName       string
	Key                  string // as the sender of the record wrote it
	State                string
	Since                time.Time // when the call was made that should have created it
}
