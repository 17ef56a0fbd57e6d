package admin

import (
	"context"
	"errors"
	"time"
)

// Grants is what this package needs to know about tenants. It must be safe for concurrent use.
type Grants interface {
	// Tenants returns every tenant, in any order. The slice is the caller's.
	Tenants() []TenantStatus
	// Invite makes a link with which the customer named tenant can connect, good for lifetime. by names the token that
	// asked. An error that wraps ErrRefused is shown to the caller; any other is logged and shown as an internal error.
	Invite(ctx context.Context, tenant string, lifetime time.Duration, by string) (Invitation, error)
	// Ready reports whether the grants are loaded. Until then Tenants is not asked.
	Ready() bool
}

// ErrRefused marks an error of Invite whose text the caller may read and can act on. It must hold no secret.
var ErrRefused = errors.New("refused")

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

	ConnectedAt time.Time // when the customer gave consent; zero until then
	Since       time.Time // when the latest of the three facts changed
	Sending     bool      // whether data of this tenant is sent at this moment
}

// Invitation is a link for one customer.
type Invitation struct {
	Link      string // holds a secret: it is answered once and neither stored nor logged
	ExpiresAt time.Time
}
