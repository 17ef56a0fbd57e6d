package oauth

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	fositeoauth2 "github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/pkce"
)

var (
	_ fositeoauth2.CoreStorage            = (*store)(nil)
	_ fositeoauth2.TokenRevocationStorage = (*store)(nil)
	_ pkce.PKCERequestStorage             = (*store)(nil)
)

// provider is fosite for one site, with a signing secret that no other site has.
type provider struct {
	fosite.OAuth2Provider
	config *fosite.Config
	tokens fositeoauth2.CoreStrategy
}

func newProvider(st *store) *provider {
	secret := make([]byte, 32)
	rand.Read(secret)
	config := &fosite.Config{
		GlobalSecret:         secret,
		ClientSecretsHasher:  secretHasher{},
		ScopeStrategy:        fosite.ExactScopeStrategy,
		EnforcePKCE:          true,
		RefreshTokenLifespan: -1,         // refresh tokens of marketplace clients do not expire
		RefreshTokenScopes:   []string{}, // every grant comes with a refresh token
		MinParameterEntropy:  -1,         // Datadog documents no demand on state
	}
	tokens := compose.NewOAuth2HMACStrategy(config)
	return &provider{
		OAuth2Provider: compose.Compose(config, st, &compose.CommonStrategy{CoreStrategy: tokens},
			compose.OAuth2AuthorizeExplicitFactory, compose.OAuth2RefreshTokenGrantFactory,
			compose.OAuth2TokenRevocationFactory, compose.OAuth2PKCEFactory),
		config: config, tokens: tokens,
	}
}

// lifespans puts the settings in force before fosite issues anything. Callers hold World.mu.
func (p *provider) lifespans(s Settings) {
	p.config.AccessTokenLifespan = orDefault(s.AccessTokenLife, time.Hour)
	p.config.AuthorizeCodeLifespan = orDefault(s.CodeLife, 10*time.Minute)
}

// grantOf finds the stored request of an access token and checks the token itself; expired tells an old one from a foreign one.
func (p *provider) grantOf(st *store, token string, now time.Time) (r fosite.Requester, expired, ok bool) {
	ctx := context.Background() // the stores are maps: nothing here can block
	r, found := st.access[p.tokens.AccessTokenSignature(ctx, token)]
	if !found {
		return nil, false, false
	}
	if !now.Before(r.GetSession().GetExpiresAt(fosite.AccessToken)) {
		return r, true, false
	}
	if err := p.tokens.ValidateAccessToken(ctx, r, token); err != nil {
		return nil, false, false
	}
	return r, false, true
}
