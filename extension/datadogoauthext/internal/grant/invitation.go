package grant

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// ErrNoInvitation: the link is unknown, used, revoked or expired. Which of them is not told to whoever holds it.
var ErrNoInvitation = errors.New("this connect link is not valid, or no longer")

// ErrBadInvitation marks what is wrong with a request for an invitation; its text is for whoever asked.
var ErrBadInvitation = errors.New("no connect link was made")

const (
	maxTenantBytes = credential.MaxTenantBytes
	// MaxInvitationLife bounds how long a link works.
	MaxInvitationLife = 30 * 24 * time.Hour
)

// CheckTenant refuses the names that no new tenant may have: those of CheckReadable, those whose pages no browser finds, since "." and ".."
// are taken out of an address (RFC 3986 §5.2.4), and those that differ from another in spaces that nobody sees.
func CheckTenant(tenant string) error {
	if err := CheckReadable(tenant); err != nil {
		return err
	}
	switch {
	case tenant == "." || tenant == "..": // RFC 3986 §5.2.4
		return fmt.Errorf("tenant: %q cannot be part of an address; call the tenant otherwise", tenant)
	case strings.TrimSpace(tenant) != tenant:
		return errors.New("tenant: must not begin or end with a space")
	}
	return nil
}

// CheckReadable refuses what no page, log line or header should hold. It is the rule for a tenant that there may be already.
func CheckReadable(tenant string) error {
	if tenant == "" || len(tenant) > maxTenantBytes || !utf8.ValidString(tenant) {
		return fmt.Errorf("tenant: must be 1 to %d bytes of UTF-8", maxTenantBytes)
	}
	for _, r := range tenant {
		if !unicode.IsPrint(r) || r == utf8.RuneError { // what package encoding/json makes of bytes that are no UTF-8: two tenants could become one
			return errors.New("tenant: must hold printable characters only, and not U+FFFD")
		}
	}
	return nil
}

// Invite makes a connect link for a tenant and returns its secret, which is not stored: only its hash is. clientName may
// be empty when one client is configured.
func (s *Service) Invite(ctx context.Context, tenant, clientName string, life time.Duration, by string) (secret string, inv Invitation, err error) {
	if err := s.checkReady(); err != nil {
		return "", inv, err
	}
	if err := CheckTenant(tenant); err != nil {
		return "", inv, fmt.Errorf("%w: %w", ErrBadInvitation, err)
	}
	if life <= 0 || life > MaxInvitationLife {
		return "", inv, fmt.Errorf("%w: lifetime: must be more than 0 and at most %s", ErrBadInvitation, MaxInvitationLife)
	}
	if clientName, err = s.ClientNamed(clientName); err != nil {
		return "", inv, fmt.Errorf("%w: %w", ErrBadInvitation, err)
	}
	if err := s.MayConnect(ctx, tenant, clientName); errors.Is(err, ErrRefused) {
		return "", inv, fmt.Errorf("%w: %w", ErrBadInvitation, err)
	} else if err != nil {
		return "", inv, err
	}
	secret = NewSecret()
	now := s.now()
	inv = Invitation{Hash: Hash(secret), Tenant: tenant, Client: clientName, Created: now, Expires: now.Add(life), CreatedBy: by}
	surplus, err := s.takeLink(ctx, inv)
	if errors.Is(err, ErrRefused) {
		return "", Invitation{}, fmt.Errorf("%w: %w", ErrBadInvitation, err)
	} else if err != nil {
		return "", Invitation{}, err
	}
	if err := s.change(ctx, func(tx *txn) error { return tx.put(inv) }); err != nil {
		s.links.leave(inv.Hash) // if it was made all the same, the next look at the store finds it
		return "", Invitation{}, err
	}
	s.notSwept(ctx, s.deleteInvitations(ctx, "a newer link of its tenant took its place", surplus...))
	return secret, inv, nil
}

// Invitation finds the invitation that a link's secret belongs to. Looking at it changes nothing.
func (s *Service) Invitation(ctx context.Context, secret string) (Invitation, error) {
	if err := s.checkReady(); err != nil {
		return Invitation{}, err
	}
	inv, found, err := get(s.reader(ctx), Invitation{Hash: Hash(secret)})
	if err != nil {
		return inv, err
	}
	if !found || !s.now().Before(inv.Expires) {
		return Invitation{}, ErrNoInvitation
	}
	return inv, nil
}

// ClientNamed finds the name of a configured client. An empty one stands for the only client.
func (s *Service) ClientNamed(name string) (string, error) {
	if name == "" && len(s.clients) == 1 {
		for only := range s.clients {
			name = only
		}
	}
	if _, ok := s.clients[name]; !ok {
		return "", fmt.Errorf("client %.100q is not in the configuration; set flow::client", name)
	}
	return name, nil
}

// Invitations lists those that still work, the newest first.
func (s *Service) Invitations(ctx context.Context) ([]Invitation, error) {
	if err := s.checkReady(); err != nil {
		return nil, err
	}
	now := s.now()
	var all []Invitation
	unreadable := func(store.Record, error) {} // such a link works for nobody
	err := list(ctx, &s.vault, store.KindInvitation, unreadable, func(_ uint64, inv Invitation) {
		if now.Before(inv.Expires) {
			all = append(all, inv)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%w: read: %w", errStore, err)
	}
	slices.SortFunc(all, func(a, b Invitation) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.Hash, b.Hash))
	})
	return all, nil
}

// shortInvitation is how much of its hash names an invitation.
const shortInvitation = 12

// ID names the invitation to people. It does not open the link.
func (i Invitation) ID() string { return i.Hash[:shortInvitation] }

// RevokeInvitation ends one, named by its ID or its whole Hash. A consent that began with it is refused from then on.
func (s *Service) RevokeInvitation(ctx context.Context, id, by string) error {
	all, err := s.Invitations(ctx)
	if err != nil {
		return err
	}
	id = strings.ToLower(id)
	var found []Invitation
	for _, inv := range all {
		if inv.Hash == id || (len(id) == shortInvitation && strings.HasPrefix(inv.Hash, id)) {
			found = append(found, inv)
		}
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("%w: no invitation that still works has this id; take it from the list of invitations, in full or its first %d characters", ErrRefused, shortInvitation)
	case 1:
	default:
		return fmt.Errorf("%w: %d invitations begin with this id; name the one by its full id", ErrRefused, len(found))
	}
	if err := s.deleteInvitations(ctx, orderText("revoked", "", by), found[0].Hash); err != nil {
		return err
	}
	s.log.Info("An invitation was revoked", zap.String("tenant", found[0].Tenant), zap.String("by", by))
	return nil
}

// deletedAtOnce is how many invitations end in one step of the store.
const deletedAtOnce = 100

// deleteInvitations ends those of some hashes. why is for the audit.
func (s *Service) deleteInvitations(ctx context.Context, why string, hashes ...string) error {
	for some := range slices.Chunk(hashes, deletedAtOnce) {
		err := s.change(ctx, func(tx *txn) error {
			tx.why = why
			for _, hash := range some {
				inv, found, err := get(tx, Invitation{Hash: hash})
				if err != nil {
					return err
				}
				if found {
					tx.remove(inv)
				} else {
					s.links.leave(hash) // another collector ended it
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// NewSecret returns 256 random bits in base64url, 43 characters.
func NewSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Hash is how a secret of a link, a state or a cookie is stored. Such secrets have 256 random bits, so a plain hash tells
// nothing about them.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
