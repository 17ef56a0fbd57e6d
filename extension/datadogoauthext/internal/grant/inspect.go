package grant

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// Inspection is what can be told of a store without a secret in it. Its JSON is read by machines: names in it stay.
type Inspection struct {
	Records    map[store.Kind]int `json:"records"`
	Unreadable []Unreadable       `json:"unreadable"` // in the order of the records
	// MoreUnreadable are not in Unreadable, which is bounded.
	MoreUnreadable int      `json:"more_unreadable,omitempty"`
	Warnings       []string `json:"warnings"` // what opens and yet does not fit together
	// OpenRefreshes and OpenMints count journals that were begun and have no end: the process stopped, or is at it.
	OpenRefreshes int                `json:"open_refreshes"`
	OpenMints     int                `json:"open_mints"`
	SealedBy      []SealedBy         `json:"sealed_by"` // by keyset, then id
	Quarantine    *Quarantine        `json:"quarantine,omitempty"`
	Tenants       []TenantInspection `json:"tenants"` // by name
	Orgs          []OrgInspection    `json:"orgs"`    // by address
}

// Unreadable is a record that does not open. Its key is shortened where it is a hash.
type Unreadable struct {
	Kind  store.Kind `json:"kind"`
	Key   string     `json:"key"`
	Error string     `json:"error"`
}

// SealedBy counts what one key of a keyset seals.
type SealedBy struct {
	Keyset  string `json:"keyset"` // "tokens" or "keys"
	ID      uint32 `json:"id"`
	Records int    `json:"records"`
	Primary bool   `json:"primary"`
}

// TenantInspection is a grant and its tokens. A part that is missing or unreadable leaves its fields empty; its version is 0.
type TenantInspection struct {
	Tenant       string    `json:"tenant"`
	Client       string    `json:"client,omitempty"`
	Org          string    `json:"org,omitempty"` // address of its record
	GrantVersion uint64    `json:"grant_version"`
	Hold         Hold      `json:"hold,omitempty"`
	TokenVersion uint64    `json:"token_version"`
	Token        TokenFact `json:"token,omitempty"`
	// RefreshBegun is zero while no refresh is under way.
	RefreshBegun time.Time `json:"refresh_begun,omitzero"`
	Unanswered   int       `json:"unanswered"`
	RefreshedAt  time.Time `json:"refreshed_at,omitzero"`
}

// OrgInspection is an organisation and its API key, of which the last four characters are known to Datadog's users anyway.
type OrgInspection struct {
	Org        string  `json:"org"`
	Version    uint64  `json:"version"`
	Key        KeyFact `json:"key,omitempty"`
	Generation uint64  `json:"generation"`
	Last4      string  `json:"last4,omitempty"`
	// MintBegun is zero while no mint is under way; MintStored says that its answer is in the record and only to be checked.
	MintBegun    time.Time `json:"mint_begun,omitzero"`
	MintAttempts int       `json:"mint_attempts"`
	MintStored   bool      `json:"mint_stored"`
}

// KeysetOf returns a function that says which of the two keysets seals a kind of record.
func KeysetOf(tokens, keys *seal.Keyset) func(store.Kind) *seal.Keyset {
	v := vault{tokens: tokens, keys: keys}
	return v.keyset
}

// Inspect opens every record and looks whether they fit together. It changes nothing. The records are those of a whole store at one
// moment; a grant whose organisation is missing is else an accident of the reading.
func Inspect(records []store.Record, tokens, keys *seal.Keyset) *Inspection {
	found, _ := InspectEach(func(yield func(store.Record) error) error { // yield has no error
		for _, raw := range records {
			if err := yield(raw); err != nil {
				return err
			}
		}
		return nil
	}, tokens, keys)
	return found
}

// maxUnreadable bounds Inspection.Unreadable.
const maxUnreadable = 10_000

// InspectEach is Inspect for records that are not all in memory. Its error is that of walk.
func InspectEach(walk func(yield func(store.Record) error) error, tokens, keys *seal.Keyset) (*Inspection, error) {
	in := &inspector{
		vault: vault{tokens: tokens, keys: keys},
		found: Inspection{Records: map[store.Kind]int{}, Unreadable: []Unreadable{}, Warnings: []string{}, SealedBy: []SealedBy{},
			Tenants: []TenantInspection{}, Orgs: []OrgInspection{}},
		sealed:  map[SealedBy]int{},
		tenants: map[string]*TenantInspection{}, orgs: map[string]*OrgInspection{}, badOrgs: map[string]bool{}, owners: map[[sha256.Size]byte]string{},
	}
	err := walk(func(raw store.Record) error {
		in.found.Records[raw.Kind]++
		in.count(raw)
		if err := in.look(raw); err != nil {
			in.unreadable(raw, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	in.compare()
	return &in.found, nil
}

func (in *inspector) unreadable(raw store.Record, err error) {
	if raw.Kind == store.KindOrg {
		in.badOrgs[raw.Key] = true
	}
	if len(in.found.Unreadable) >= maxUnreadable {
		in.found.MoreUnreadable++
		return
	}
	in.found.Unreadable = append(in.found.Unreadable, Unreadable{Kind: raw.Kind, Key: shortKey(raw.Kind, raw.Key), Error: in.explain(raw, err).Error()})
}

type inspector struct {
	vault
	found   Inspection
	sealed  map[SealedBy]int
	tenants map[string]*TenantInspection
	orgs    map[string]*OrgInspection
	badOrgs map[string]bool              // by address
	owners  map[[sha256.Size]byte]string // organisation by hash of its API key
}

// keysetOf is keyset for every record; a canary names its keyset by its key.
func (in *inspector) keysetOf(raw store.Record) (name string, ks *seal.Keyset) {
	ks = in.keyset(raw.Kind)
	if raw.Kind == store.KindCanary && raw.Key == "keys" {
		ks = in.keys
	}
	if ks == in.keys {
		return "keys", ks
	}
	return "tokens", ks
}

func (in *inspector) count(raw store.Record) {
	if id, ok := seal.KeyID(raw.Value); ok {
		name, ks := in.keysetOf(raw)
		in.sealed[SealedBy{Keyset: name, ID: id, Primary: id == ks.PrimaryID()}]++
	}
}

// look opens one record and takes in what it says.
func (in *inspector) look(raw store.Record) error {
	switch raw.Kind {
	case store.KindCanary:
		_, ks := in.keysetOf(raw)
		return seal.CheckCanary(raw, ks)
	case store.KindGrant:
		return lookAt(in, raw, in.grant)
	case store.KindToken:
		return lookAt(in, raw, in.token)
	case store.KindOrg:
		return lookAt(in, raw, in.org)
	case store.KindQuarantine:
		return lookAt(in, raw, func(_ uint64, q Quarantine) { in.found.Quarantine = &q })
	case store.KindClient:
		return lookAt(in, raw, func(uint64, Client) {})
	case store.KindFlow:
		return lookAt(in, raw, func(uint64, Flow) {})
	case store.KindInvitation:
		return lookAt(in, raw, func(uint64, Invitation) {})
	case store.KindLogin:
		return lookAt(in, raw, func(uint64, Login) {})
	case store.KindPending:
		return lookAt(in, raw, func(uint64, Pending) {})
	case store.KindRevocation:
		return lookAt(in, raw, func(uint64, Revocation) {})
	case store.KindJournal:
		return lookAt(in, raw, func(uint64, Journal) {})
	case store.KindReport:
		return lookAt(in, raw, func(uint64, Checked) {})
	case store.KindAudit:
		return in.audit(raw)
	default:
		return fmt.Errorf("%w: a kind of record that this version does not know", store.ErrForeign)
	}
}

// audit opens what the audit holds, each at its own addresses.
func (in *inspector) audit(raw store.Record) error {
	switch id, ok := audit.IDOf(raw.Key); {
	case ok && raw.Key == audit.Key(id):
		return lookAt(in, raw, func(uint64, auditRecord) {})
	case ok:
		return lookAt(in, raw, func(uint64, auditIndex) {})
	case raw.Key == fingerprintAddress:
		return lookAt(in, raw, func(uint64, auditKey) {})
	case raw.Key == settingsAddress:
		return lookAt(in, raw, func(uint64, auditSettings) {})
	default:
		return fmt.Errorf("%w: an audit record at a key where there is none", store.ErrForeign)
	}
}

func lookAt[R record](in *inspector, raw store.Record, with func(version uint64, rec R)) error {
	rec, err := open[R](&in.vault, raw)
	if err == nil {
		with(raw.Version, rec)
	}
	return err
}

func (in *inspector) tenant(name string) *TenantInspection {
	if in.tenants[name] == nil {
		in.tenants[name] = &TenantInspection{Tenant: name}
	}
	return in.tenants[name]
}

func (in *inspector) grant(version uint64, g Grant) {
	t := in.tenant(g.Tenant)
	t.GrantVersion, t.Client, t.Org, t.Hold = version, g.Org.Client, g.Org.String(), g.Hold
}

func (in *inspector) token(version uint64, tok Token) {
	t := in.tenant(tok.Tenant)
	t.TokenVersion, t.Token, t.RefreshedAt = version, tok.Fact, tok.RefreshedAt
	t.RefreshBegun, t.Unanswered = tok.Refresh.Begun, tok.Refresh.Unanswered
	if t.Client == "" {
		t.Client = tok.Client
	}
	if !tok.Refresh.Begun.IsZero() {
		in.found.OpenRefreshes++
	}
}

func (in *inspector) org(version uint64, o Org) {
	address := o.Org.String()
	in.orgs[address] = &OrgInspection{Org: address, Version: version, Key: o.Key, Generation: o.Generation, Last4: o.Last4,
		MintBegun: o.Mint.Begun, MintAttempts: o.Mint.Attempts, MintStored: o.Mint.Stored}
	if !o.Mint.Begun.IsZero() {
		in.found.OpenMints++
	}
	if o.APIKey == "" {
		return
	}
	sum := sha256.Sum256([]byte(o.APIKey))
	if other, taken := in.owners[sum]; taken {
		in.warn("organisations %s and %s hold the same API key (…%s); one of them does not own it: check both at Datadog", other, address, o.Last4)
	}
	in.owners[sum] = address
}

func (in *inspector) warn(format string, args ...any) {
	in.found.Warnings = append(in.found.Warnings, fmt.Sprintf(format, args...))
}

// compare looks at records beside each other.
func (in *inspector) compare() {
	f := &in.found
	for key, n := range in.sealed {
		key.Records = n
		f.SealedBy = append(f.SealedBy, key)
	}
	slices.SortFunc(f.SealedBy, func(a, b SealedBy) int {
		return cmp.Or(strings.Compare(a.Keyset, b.Keyset), cmp.Compare(a.ID, b.ID))
	})
	for _, name := range slices.Sorted(maps.Keys(in.tenants)) {
		t := in.tenants[name]
		f.Tenants = append(f.Tenants, *t)
		if t.Org != "" && t.Hold != HoldDisconnected && in.orgs[t.Org] == nil && !in.badOrgs[t.Org] {
			in.warn("the grant of tenant %s points to organisation %s, of which there is no record; send the customer the connect link", name, t.Org)
		}
	}
	for _, address := range slices.Sorted(maps.Keys(in.orgs)) {
		f.Orgs = append(f.Orgs, *in.orgs[address])
	}
	for _, name := range []string{"tokens", "keys"} {
		if f.Records[store.KindCanary] > 0 && !slices.ContainsFunc(f.SealedBy, func(s SealedBy) bool { return s.Keyset == name }) {
			in.warn("nothing is sealed with the %s keyset, not even a canary", name)
		}
	}
}

// explain adds to an error what the record says in clear about its key.
func (in *inspector) explain(raw store.Record, err error) error {
	id, ok := seal.KeyID(raw.Value)
	if !ok || !errors.Is(err, seal.ErrSealed) {
		return err
	}
	name, ks := in.keysetOf(raw)
	if !ks.Holds(id) {
		return fmt.Errorf("%w; it names key %d, which the %s keyset does not hold: it was retired, or this is another keyset", err, id, name)
	}
	return fmt.Errorf("%w; the %s keyset holds the key that it names, so the record was damaged, moved or put back from an older copy", err, name)
}
