package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"time"

	"github.com/ory/fosite"
)

// store keeps the codes and tokens of one site for fosite, by the signature of each. World.mu guards it: every call
// of a provider happens under that lock, so an exchange is one atomic step and a code cannot be used twice in a race.
type store struct {
	w       *World
	codes   map[string]*storedCode
	pkce    map[string]fosite.Requester
	takes   string // a verifier that is taken whatever the challenge was, see Settings.AnyVerifier
	access  map[string]fosite.Requester
	refresh map[string]*storedRefresh
}

type storedCode struct {
	fosite.Requester
	used bool
}

type storedRefresh struct {
	fosite.Requester
	dead bool
}

func newStore(w *World) *store {
	return &store{w: w, codes: map[string]*storedCode{}, pkce: map[string]fosite.Requester{},
		access: map[string]fosite.Requester{}, refresh: map[string]*storedRefresh{}}
}

// GetClient knows the same clients on every site: a published client works everywhere.
func (s *store) GetClient(_ context.Context, id string) (fosite.Client, error) {
	c, ok := s.w.clients[id]
	if !ok {
		return nil, fosite.ErrNotFound
	}
	return c.registered(), nil
}

// ClientAssertionJWTValid refuses: clients here have a secret and no signing key.
func (s *store) ClientAssertionJWTValid(context.Context, string) error { return fosite.ErrJTIKnown }

// SetClientAssertionJWT refuses, as above.
func (s *store) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return fosite.ErrJTIKnown
}

func (s *store) CreateAuthorizeCodeSession(_ context.Context, sig string, r fosite.Requester) error {
	s.codes[sig] = &storedCode{Requester: r}
	return nil
}

func (s *store) GetAuthorizeCodeSession(_ context.Context, sig string, _ fosite.Session) (fosite.Requester, error) {
	c, ok := s.codes[sig]
	if !ok {
		return nil, fosite.ErrNotFound
	}
	if c.used {
		return c.Requester, fosite.ErrInvalidatedAuthorizeCode
	}
	// fosite judges the expiry of a code by the session of the token request, which has none yet.
	if !s.w.now().Before(c.GetSession().GetExpiresAt(fosite.AuthorizeCode)) {
		return nil, fosite.ErrNotFound
	}
	return c.Requester, nil
}

func (s *store) InvalidateAuthorizeCodeSession(_ context.Context, sig string) error {
	c, ok := s.codes[sig]
	if !ok {
		return fosite.ErrNotFound
	}
	c.used = true
	return nil
}

func (s *store) CreatePKCERequestSession(_ context.Context, sig string, r fosite.Requester) error {
	s.pkce[sig] = r
	return nil
}

func (s *store) GetPKCERequestSession(_ context.Context, sig string, _ fosite.Session) (fosite.Requester, error) {
	r, ok := s.pkce[sig]
	if !ok {
		return nil, fosite.ErrNotFound
	}
	if s.takes != "" { // as if the challenge had been made of it
		sum := sha256.Sum256([]byte(s.takes))
		same := fosite.NewRequest()
		same.Merge(r)
		same.Form = url.Values{"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
		return same, nil
	}
	return r, nil
}

func (s *store) DeletePKCERequestSession(_ context.Context, sig string) error {
	delete(s.pkce, sig)
	return nil
}

func (s *store) CreateAccessTokenSession(_ context.Context, sig string, r fosite.Requester) error {
	s.access[sig] = r
	return nil
}

func (s *store) GetAccessTokenSession(_ context.Context, sig string, _ fosite.Session) (fosite.Requester, error) {
	r, ok := s.access[sig]
	if !ok {
		return nil, fosite.ErrNotFound
	}
	return r, nil
}

func (s *store) DeleteAccessTokenSession(_ context.Context, sig string) error {
	delete(s.access, sig)
	return nil
}

func (s *store) CreateRefreshTokenSession(_ context.Context, sig, _ string, r fosite.Requester) error {
	s.refresh[sig] = &storedRefresh{Requester: r}
	return nil
}

func (s *store) GetRefreshTokenSession(_ context.Context, sig string, _ fosite.Session) (fosite.Requester, error) {
	t, ok := s.refresh[sig]
	if !ok {
		return nil, fosite.ErrNotFound
	}
	if t.dead {
		return t.Requester, fosite.ErrInactiveToken
	}
	return t.Requester, nil
}

func (s *store) DeleteRefreshTokenSession(_ context.Context, sig string) error {
	delete(s.refresh, sig)
	return nil
}

// RotateRefreshToken ends the token that was just used, where the client's mode says so. The access token that came
// with it stays good until it expires.
func (s *store) RotateRefreshToken(_ context.Context, _ string, sig string) error {
	t, ok := s.refresh[sig]
	if !ok {
		return fosite.ErrNotFound
	}
	if s.w.refreshMode(t.GetClient().GetID()) == RefreshRotate {
		t.dead = true
	}
	return nil
}

// RevokeRefreshToken ends every refresh token of a grant, however often it was rotated.
func (s *store) RevokeRefreshToken(_ context.Context, grant string) error {
	for _, t := range s.refresh {
		if t.GetID() == grant {
			t.dead = true
		}
	}
	return nil
}

// RevokeAccessToken ends every access token of a grant.
func (s *store) RevokeAccessToken(_ context.Context, grant string) error {
	for sig, r := range s.access {
		if r.GetID() == grant {
			delete(s.access, sig)
		}
	}
	return nil
}
