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

const (
	maxScopes     = 200 // Datadog has some 150
	maxScopeBytes = 64
)

// knownScopes is the scope of a token response without what is no scope: it is stored, logged and shown. RFC 6749 §3.3 allows printable ASCII but
// for quotes and backslashes; Datadog's have small letters, digits and underscores, and whatever looks like markup is none.
func knownScopes(scope string) string {
	names := slices.DeleteFunc(strings.Fields(scope), func(name string) bool {
		return len(name) > maxScopeBytes || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"\'<>&`, r) })
	})
	return strings.Join(names[:min(len(names), maxScopes)], " ")
}
