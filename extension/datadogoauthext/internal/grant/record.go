package grant

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// A record is stored as JSON, sealed. Client, Org, Grant and Quarantine are sealed with the keys keyset, so that a collector that only
// sends can be given that one alone; everything else with the tokens keyset.
type record interface {
	address() (store.Kind, string)
	// owner is the name of the OAuth client that the record belongs to.
	owner() string
}

// Client is the state of one OAuth client of the configuration. Its secret is never stored.
type Client struct {
	Name     string `json:"name"`
	ClientID string `json:"client_id"`
	Stage    string `json:"stage"` // "test" or "published"
	// RejectedSince is zero while Datadog accepts the client's credentials.
	RejectedSince time.Time `json:"rejected_since,omitzero"`
	Reason        string    `json:"reason,omitempty"`
	// Secret marks the secret that RejectedSince is about, see client.secretMark.
	Secret string `json:"secret,omitempty"`
}

func (c Client) address() (store.Kind, string) { return store.KindClient, c.Name }
func (c Client) owner() string                 { return c.Name }

// Org is one Datadog organisation as one OAuth client sees it. It owns the API key, since Datadog gives one per
// organisation, and so all tenants of an organisation share it.
type Org struct {
	credential.Org
	Name string `json:"name,omitempty"` // for people only

	Key       KeyFact   `json:"key"`
	KeyReason string    `json:"key_reason,omitempty"`
	KeySince  time.Time `json:"key_since,omitzero"`

	APIKey  string `json:"api_key,omitempty"` //nolint:gosec // the record is sealed
	KeyID   string `json:"key_id,omitempty"`
	KeyName string `json:"key_name,omitempty"`
	Last4   string `json:"last4,omitempty"`
	// Generation grows by one with every key, and so tells an answer about an older key from one about this.
	Generation uint64 `json:"generation,omitempty"`
	// Foreign says that Datadog named another organisation as the owner of APIKey. A check that names none does not free such a key.
	Foreign  bool      `json:"foreign,omitempty"`
	MintedAt time.Time `json:"minted_at,omitzero"`
	// ValidatedAt is when Datadog last called APIKey valid. A restored store serves a key only after that happened again.
	ValidatedAt time.Time `json:"validated_at,omitzero"`

	Mint MintJournal `json:"mint,omitzero"`
}

// MintJournal is written before a key is asked for. A journal without a key in the record means that a process ended, or
// an answer was lost, between the question and the write: Datadog may have made a key whose value nobody has.
type MintJournal struct {
	// Begun is when the latest attempt began whose answer is missing, Lost when each one before it did. They outlive a journal that ended
	// without a key, since the key that such an attempt may have made is looked for by its date.
	Begun time.Time   `json:"begun,omitzero"`
	Lost  []time.Time `json:"lost,omitempty"`
	// Attempts counts those since the intent; 0 where a consent asks for a key and no attempt began yet.
	Attempts int `json:"attempts,omitempty"`
	// Stored says that the key of this record is the answer, still to be checked.
	Stored bool `json:"stored,omitempty"`
	// Fence is the fencing number of the lease under which the attempt was made.
	Fence uint64 `json:"fence,omitempty"`
	// Deleted is the id of a key that was to be deleted at Datadog because its value was lost.
	Deleted string `json:"deleted,omitempty"`
}

func (o Org) address() (store.Kind, string) { return store.KindOrg, o.Org.String() }
func (o Org) owner() string                 { return o.Client }

// Grant says which organisation a tenant gave us.
type Grant struct {
	Tenant string         `json:"tenant"`
	Org    credential.Org `json:"org"`
	// Where the consent began and where Datadog said that it ended. They may differ; the callback's domain is the site.
	AppOrigin      string    `json:"app_origin,omitempty"`
	StartedDomain  string    `json:"started_domain,omitempty"`
	CallbackDomain string    `json:"callback_domain"`
	Scopes         []string  `json:"scopes,omitempty"`
	ConnectedAt    time.Time `json:"connected_at"`
	// Invitation is the hash of the link that the consent came with, until the connection is complete and the link is gone.
	Invitation string `json:"invitation,omitempty"`

	Hold       Hold      `json:"hold"`
	HoldReason string    `json:"hold_reason,omitempty"`
	HoldSince  time.Time `json:"hold_since,omitzero"`
}

func (g Grant) address() (store.Kind, string) { return store.KindGrant, g.Tenant }
func (g Grant) owner() string                 { return g.Org.Client }

// Token holds the tokens of one tenant's grant.
type Token struct {
	Tenant string `json:"tenant"`
	Client string `json:"client"`
	// ClientID is the one that the tokens were given to; they are of no use with another.
	ClientID string `json:"client_id,omitempty"`

	Fact   TokenFact `json:"fact"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since,omitzero"` // of Fact

	AccessToken  string    `json:"access_token,omitempty"`  //nolint:gosec // the record is sealed
	RefreshToken string    `json:"refresh_token,omitempty"` //nolint:gosec // the record is sealed
	Expiry       time.Time `json:"expiry,omitzero"`
	RefreshedAt  time.Time `json:"refreshed_at,omitzero"`
	// Scopes are those that the latest refresh named; empty when none did. The grant holds those of the consent.
	Scopes []string `json:"scopes,omitempty"`

	Refresh RefreshJournal `json:"refresh,omitzero"`
}

// RefreshJournal is written before the refresh token is sent. Unanswered attempts explain a later invalid_grant: the token
// may have been rotated by an answer that never arrived.
type RefreshJournal struct {
	Begun      time.Time `json:"begun,omitzero"`
	Unanswered int       `json:"unanswered,omitempty"`
	Fence      uint64    `json:"fence,omitempty"`
	// Disabled is when Datadog first answered that the client may not refresh this grant; zero once a refresh succeeds.
	Disabled time.Time `json:"disabled,omitzero"`
}

func (t Token) address() (store.Kind, string) { return store.KindToken, t.Tenant }
func (t Token) owner() string                 { return t.Client }

// Flow is one consent under way. It is never a state of a grant.
type Flow struct {
	StateHash string `json:"state_hash"`
	Tenant    string `json:"tenant"`
	Client    string `json:"client"`
	// What let the customer in, by its hash: a connect link, or a login that a ticket admitted. The flow is worth no more than that is.
	Invitation string `json:"invitation,omitempty"`
	Login      string `json:"login,omitempty"`
	// AllowChange says that the ticket allows the tenant to move to another organisation without an operator.
	AllowChange bool   `json:"allow_change,omitempty"`
	Verifier    string `json:"verifier"`
	// Challenge is what was made of the verifier and sent with the browser.
	Challenge string `json:"challenge,omitempty"`
	// TicketID is the jti of the ticket that admitted the customer; empty behind a connect link.
	TicketID string `json:"ticket_id,omitempty"`
	// BrowserHash is the hash of the cookie that the browser got at the start.
	BrowserHash   string    `json:"browser_hash"`
	AppOrigin     string    `json:"app_origin"`
	StartedDomain string    `json:"started_domain,omitempty"`
	Partition     string    `json:"partition"`
	Created       time.Time `json:"created"`
	Expires       time.Time `json:"expires"`
	// Consumed is set in the copy that ConsumeFlow returns; the stored record is deleted in the same step.
	Consumed time.Time `json:"consumed,omitzero"`
}

func (f Flow) address() (store.Kind, string) { return store.KindFlow, f.StateHash }
func (f Flow) owner() string                 { return f.Client }

// Invitation lets whoever holds its secret connect one tenant.
type Invitation struct {
	Hash      string    `json:"hash"` // of the secret in the link
	Tenant    string    `json:"tenant"`
	Client    string    `json:"client"`
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires"`
	CreatedBy string    `json:"created_by,omitempty"`
	// Check is the id of the check that the link was made for: its consent connects nothing.
	Check string `json:"check,omitempty"`
}

func (i Invitation) address() (store.Kind, string) { return store.KindInvitation, i.Hash }
func (i Invitation) owner() string                 { return i.Client }

// Login is a customer who was sent to the partner's login, and what they came with.
type Login struct {
	Hash string `json:"hash"` // of the request id
	// BrowserHash is the hash of the cookie that the browser got before it was sent away. It is also the nonce that the ticket repeats.
	BrowserHash   string    `json:"browser_hash"`
	AppOrigin     string    `json:"app_origin"`
	StartedDomain string    `json:"started_domain,omitempty"`
	Partition     string    `json:"partition"`
	Created       time.Time `json:"created"`
	Expires       time.Time `json:"expires"`
	// What the ticket said; empty until it came.
	Tenant      string `json:"tenant,omitempty"`
	Client      string `json:"client,omitempty"`
	TicketID    string `json:"ticket_id,omitempty"` // jti
	AllowChange bool   `json:"allow_change,omitempty"`
}

func (l Login) address() (store.Kind, string) { return store.KindLogin, l.Hash }
func (l Login) owner() string                 { return l.Client }

// Pending is a completed consent of a tenant that is connected to another organisation. Nothing is sent to it until somebody who may
// confirms the change; unconfirmed it is revoked.
type Pending struct {
	Grant   Grant     `json:"grant"` // as it would be; Tenant is the address
	Token   Token     `json:"token"`
	OrgName string    `json:"org_name,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	// Consent is the hash of the state of the consent, which tells it from another one for the same organisation.
	Consent string `json:"consent,omitempty"`
}

func (p Pending) address() (store.Kind, string) { return store.KindPending, p.Grant.Tenant }
func (p Pending) owner() string                 { return p.Grant.Org.Client }

// Revocation is work that is left after a connection ended: the tokens to revoke at Datadog, and the API key to delete where nobody
// uses it any more. It is kept until Datadog answered.
type Revocation struct {
	ID     string         `json:"id"`
	Tenant string         `json:"tenant"`
	Why    string         `json:"why"` // for people
	Org    credential.Org `json:"org"`
	Token  Token          `json:"token"`
	// DropKey says that the API key of Org is to be deleted too, unless a tenant uses it by then.
	DropKey  bool      `json:"drop_key,omitempty"`
	Asked    time.Time `json:"asked"`
	Attempts int       `json:"attempts,omitempty"`
	Next     time.Time `json:"next,omitzero"`
	Reason   string    `json:"reason,omitempty"` // why the last attempt failed
}

func (r Revocation) address() (store.Kind, string) { return store.KindRevocation, r.ID }
func (r Revocation) owner() string                 { return r.Org.Client }

// Journal is what a sender of data notes about one thing that it must not do twice in an organisation. Its value is the sender's own.
type Journal struct {
	Org   credential.Org `json:"org"`
	Key   string         `json:"key"`
	Value []byte         `json:"value"`
	// Note is for people.
	Note credential.JournalNote `json:"note,omitzero"`
	// Until is when the record may be forgotten.
	Until time.Time `json:"until"`
}

// address holds a hash of the key, which is the sender's own and may say much.
func (j Journal) address() (store.Kind, string) {
	sum := sha256.Sum256([]byte(j.Key))
	return store.KindJournal, j.Org.String() + "/" + hex.EncodeToString(sum[:])
}
func (j Journal) owner() string { return j.Org.Client }

// Quarantine marks a store that came from a backup, whose tokens may be older than those that Datadog knows. Keys serve after they
// were validated again; refreshes go one at a time and stop after a few invalid_grant.
type Quarantine struct {
	RestoredAt time.Time `json:"restored_at"`
	BackupMade time.Time `json:"backup_made,omitzero"`
	// Spent counts the refreshes that ended in invalid_grant since; Stopped says that there were too many.
	Spent   int  `json:"spent,omitempty"`
	Stopped bool `json:"stopped,omitempty"`
}

// QuarantineKey is the only key of its kind.
const QuarantineKey = "restored"

func (q Quarantine) address() (store.Kind, string) { return store.KindQuarantine, QuarantineKey }
func (q Quarantine) owner() string                 { return "" }
