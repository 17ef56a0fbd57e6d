package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ory/fosite"
)

// Client is a partner's confidential OAuth client.
type Client struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
	// Name appears on the consent page and in the name of a minted key.
	Name         string   `json:"name"`
	RedirectURIs []string `json:"redirect_uris"`
	Scopes       []string `json:"scopes"`
	// TestOrg makes it an unpublished client, which works only in the organisation that created it. Nil is a published one.
	TestOrg *OrgRef `json:"test_org,omitempty"`
	// Refresh overrides the setting of the world when not empty.
	Refresh RefreshMode `json:"refresh,omitempty"`
}

// AddClient creates a client, or replaces the one with the same id: grants made before stay.
func (w *World) AddClient(c Client) error {
	var errs []error
	if c.ID == "" || c.Secret == "" {
		errs = append(errs, errors.New("id, secret: both are needed"))
	}
	if len(c.RedirectURIs) == 0 {
		errs = append(errs, errors.New("redirect_uris: name at least one"))
	}
	if len(c.Scopes) == 0 {
		errs = append(errs, errors.New("scopes: name at least one, such as api_keys_write"))
	}
	errs = append(errs, c.Refresh.validate())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("add client %q: %w", c.ID, err)
	}
	if c.Name == "" {
		c.Name = c.ID
	}
	c.RedirectURIs, c.Scopes = slices.Clone(c.RedirectURIs), slices.Clone(c.Scopes)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clients[c.ID] = c
	w.remember(Secret{Kind: "client_secret", Value: c.Secret, Client: c.ID})
	return nil
}

// RotateClientSecret puts secret in the place of the old one, which stops working at once. An empty secret makes a random one.
func (w *World) RotateClientSecret(id, secret string) (string, error) {
	if secret == "" {
		secret = randomHex(20)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.clients[id]
	if !ok {
		return "", fmt.Errorf("rotate the secret of client %q: no such client", id)
	}
	c.Secret = secret
	w.clients[id] = c
	w.remember(Secret{Kind: "client_secret", Value: secret, Client: id})
	return secret, nil
}

// String leaves the secret out.
func (c Client) String() string {
	return fmt.Sprintf("client %s (scopes %s)", c.ID, strings.Join(c.Scopes, " "))
}

// registered is a client as fosite sees it.
func (c Client) registered() fosite.Client {
	sum := sha256.Sum256([]byte(c.Secret))
	return &fosite.DefaultClient{
		ID: c.ID, Secret: sum[:], RedirectURIs: c.RedirectURIs, Scopes: c.Scopes,
		GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"},
	}
}

// secretHasher compares client secrets through SHA-256: a slow hash would protect nothing here and slow every test.
type secretHasher struct{}

var errSecretMismatch = errors.New("client secret does not match")

func (secretHasher) Compare(_ context.Context, hash, data []byte) error {
	sum := sha256.Sum256(data)
	if subtle.ConstantTimeCompare(hash, sum[:]) != 1 {
		return errSecretMismatch
	}
	return nil
}

func (secretHasher) Hash(_ context.Context, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	return sum[:], nil
}
