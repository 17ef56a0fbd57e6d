package datadogoauthext

import (
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

const (
	minSessionLifetime = 5 * time.Minute
	maxSessionLifetime = 7 * 24 * time.Hour
)

func (a *AdminConfig) validate(errs *[]error) {
	keep := func(err error) { *errs = append(*errs, prefixed("admin::", err)...) }
	if err := admin.ValidateEndpoint(a.Listener.NetAddr.Endpoint, a.Listener.TLS.HasValue()); err != nil {
		*errs = append(*errs, fmt.Errorf("admin::listener::%w", err))
	}
	if len(a.Tokens) == 0 {
		keep(errors.New("tokens: name at least one token with name, role and file, or remove admin"))
	}
	keep(admin.ValidateTokens(a.tokens()))
	if a.SessionLifetime < minSessionLifetime || a.SessionLifetime > maxSessionLifetime {
		keep(fmt.Errorf("session_lifetime: must be %s to %s, got %s", minSessionLifetime, maxSessionLifetime, a.SessionLifetime))
	}
	if a.RequestsPerMinute < 0 {
		keep(fmt.Errorf("requests_per_minute: must be the number of requests that one remote address may send in a minute, or 0 for no bound, got %d", a.RequestsPerMinute))
	}
}

func (a *AdminConfig) tokens() []admin.Token {
	tokens := make([]admin.Token, len(a.Tokens))
	for i, t := range a.Tokens {
		tokens[i] = admin.Token{Name: t.Name, Role: admin.Role(t.Role), File: t.File}
	}
	return tokens
}
