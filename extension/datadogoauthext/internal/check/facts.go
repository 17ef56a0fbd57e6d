package check

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// Facts are what is known of a tenant before anything is tried.
type Facts struct {
	Client, ClientID, Stage string
	// Published says that a client of the stage "published" is configured, be it this one or another.
	Published              bool
	RedirectURL, PublicURL string

	Site           site.Site // zero only where the tenant was never connected
	OrgID, OrgName string
	// Where the consent began and where Datadog said that it ended. StartedDomain may be empty.
	AppOrigin, StartedDomain, CallbackDomain string
	ConnectedAt                              time.Time
	// Scopes are those of the grant; Datadog need not say which they are.
	Scopes []string
	// Failed is the latest consent of this tenant that led to nothing, or nil.
	Failed *FailedConsent

	HasRefreshToken          bool
	TokenExpiry              time.Time
	Token, TokenReason       string // one of the three facts, as the status page shows them
	Key, KeyReason           string
	Hold, HoldReason         string
	HasKey                   bool
	KeyLast4, KeyName        string // stay after a disconnect that could not delete the key
	KeyMintedAt, RefreshedAt time.Time
}

// FailedConsent is one that led to nothing.
type FailedConsent struct {
	At time.Time `json:"at"`
	// Outcome is one of a closed set of words, Reason is fit to be shown.
	Outcome        string `json:"outcome"`
	Reason         string `json:"reason"`
	StartedDomain  string `json:"started_domain,omitempty"`
	AppOrigin      string `json:"app_origin,omitempty"`
	CallbackDomain string `json:"callback_domain,omitempty"` // empty where the callback named none, or one that is no site
}

// Trial is what came of a code that was sent with a wrong verifier.
type Trial struct {
	At   time.Time `json:"at"`
	Host string    `json:"host"`
	// Refused says that the token endpoint said no, and Accepted that it gave tokens, which are being revoked. With neither nobody knows.
	Refused  bool   `json:"refused,omitempty"`
	Accepted bool   `json:"accepted,omitempty"`
	Said     string `json:"said"` // fit to be shown
}

// ErrUnjudged marks an error of a Grant that is no verdict: Datadog did not answer, or was not asked. Other errors are.
var ErrUnjudged = errors.New("not judged")

// Grant is the tenant under check, as the holder of its grant knows it. The errors' texts are fit to be shown.
type Grant interface {
	Facts(ctx context.Context) (Facts, error)
	// Refresh redeems the refresh token once, whether the access token needs it or not.
	Refresh(ctx context.Context) error
	// ProveToken asks Datadog whether the access token is good.
	ProveToken(ctx context.Context) error
	// ProveKeyV1 and ProveKeyV2 ask whether the API key is valid, the second also whose it is.
	ProveKeyV1(ctx context.Context) (valid bool, err error)
	ProveKeyV2(ctx context.Context) (orgID string, err error)
	// MintTwice asks for a second key. A status of 409 is what Datadog has to answer. With 201 it made one, which the error says was left.
	MintTwice(ctx context.Context) (status int, err error)
	// RevokeUnknown revokes a token that was never given out.
	RevokeUnknown(ctx context.Context) error
	// Bearer adds the access token to requests for api.<site>.
	Bearer() http.RoundTripper
	// ConsentLink makes a link whose consent connects nothing: its code is sent with a wrong verifier. Trial is nil until that was done.
	ConsentLink(ctx context.Context) (link string, end func(context.Context), err error)
	Trial(ctx context.Context) (*Trial, error)
	// PassedElsewhere says of each site, by its parameter, when a check of another organisation with the same client last passed the first
	// two steps there, or zero where none of those that were made did.
	PassedElsewhere(ctx context.Context) (map[string]time.Time, error)
}

// Pages are the public pages, asked in the process, as a browser would.
type Pages interface {
	// Begin opens a connect link of this tenant with the query and presses its button. It returns where the browser is sent, and nothing of
	// the consent stays.
	Begin(ctx context.Context, query url.Values) (*url.URL, error)
	// Tile opens the onboarding address with the query, and returns where the browser is sent; nil where customers come by links only.
	Tile(ctx context.Context, query url.Values) (*url.URL, error)
	// LastPage is the page on which a good consent ends.
	LastPage() (string, error)
}
