package grant

import (
	"slices"
	"strings"
)

// ScopeOfKeys is the scope that minting an API key takes. It is not in Datadog's public list.
// https://docs.datadoghq.com/developers/integrations/api_integration/
const ScopeOfKeys = "api_keys_write"

// neededScopes are those without which a connection carries no data, since telemetry goes by API key.
var neededScopes = []string{ScopeOfKeys}

// missingScopes are the needed ones that a grant lacks, of the scope of a token response (RFC 6749 §3.3: names with spaces between). A
// grant that lacks one is stored as any other: the organisation may have its key already, and the admin API shows the scope to add. Datadog
// may grant less than the client asks for where the user lacks permissions. An answer without any scope says nothing, so nothing is missing then.
// https://docs.datadoghq.com/developers/authorization/oauth2_in_datadog/
func missingScopes(granted string) []string {
	have := strings.Fields(granted)
	if len(have) == 0 {
		return nil
	}
	var missing []string
	for _, scope := range neededScopes {
		if !slices.Contains(have, scope) {
			missing = append(missing, scope)
		}
	}
	return missing
}
