package admin

import (
	"slices"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// warnings are what a person should know though no fact says it: data may well be sent. Datadog lets a user consent who lacks
// permissions, and then grants less than the client asks for; without any scope listed nothing can be compared.
// https://docs.datadoghq.com/developers/authorization/oauth2_in_datadog/
func (s TenantStatus) warnings() []string {
	if len(s.Scopes) == 0 || slices.Contains(s.Scopes, grant.ScopeOfKeys) {
		return nil
	}
	return []string{"the grant lacks the scope " + grant.ScopeOfKeys + ", without which no API key can be minted: add it to the client in Datadog's " +
		"developer platform, then let a user with all permissions of the client open a connect link"}
}
