package grant

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"
)

// ErrNoInvitation: the link is unknown, used, revoked or expired. Which of them is not told to whoever holds it.
var ErrNoInvitation = errors.New("this connect link is not valid, or no longer")

// ErrBadInvitation marks what is wrong with a request for an invitation; its text is for whoever asked.
var ErrBadInvitation = errors.New("no connect link was made")

const (
	maxTenantBytes = 256
	// MaxInvitationLife bounds how long a link works.
	MaxInvitationLife = 30 * 24 * time.Hour
)

// CheckTenant refuses what no page, log line or header should hold.
func CheckTenant(tenant string) error {
	if tenant == "" || len(tenant) > maxTenantBytes || !utf8.ValidString(tenant) {
		return fmt.Errorf("tenant: must be 1 to %d bytes of UTF-8", maxTenantBytes)
	}
	for _, r := range tenant {
		if !unicode.IsPrint(r) {
			return errors.New("tenant: must hold printable characters only")
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
	if clientName == "" && len(s.clients) == 1 {
		for name := range s.clients {
			clientName = name
		}
	}
	if _, ok := s.clients[clientName]; !ok {
		return "", inv, fmt.Errorf("%w: client %q is not in the configuration; set flow::client", ErrBadInvitation, clientName)
	}
	secret = NewSecret()
	now := s.now()
	inv = Invitation{Hash: Hash(secret), Tenant: tenant, Client: clientName, Created: now, Expires: now.Add(life), CreatedBy: by}
	err = s.change(ctx, func(tx *txn) error { return tx.put(inv) })
	return secret, inv, err
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

// consumeInvitation deletes it, after a connection was completed with it.
func (s *Service) consumeInvitation(ctx context.Context, hash string) error {
	return s.change(ctx, func(tx *txn) error {
		inv, found, err := get(tx, Invitation{Hash: hash})
		if err != nil || !found {
			return err
		}
		tx.remove(inv)
		return nil
	})
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
