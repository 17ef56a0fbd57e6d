package flow_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

// TestEachTroubleThatDatadogListsHasItsPlace goes through what Datadog's documents give as troubles of an integration. Each has a page that
// tells the customer what to do, or is the operator's, and then the test named shows that they are told.
// https://docs.datadoghq.com/developers/integrations/api_integration/ (troubleshooting)
func TestEachTroubleThatDatadogListsHasItsPlace(t *testing.T) {
	t.Parallel()
	const token, org, mint = "/oauth2/v1/token", "/api/v2/current_user", "/api/v2/api_keys/marketplace"
	connectPage := func(w *world) string {
		_, text := w.get(w.browser, w.link("acme"))
		return text
	}
	answered := func(path string, status int, body string) func(*world) string {
		return func(w *world) string {
			to := w.press(w.browser, w.link("acme")+"?domain=us5.datadoghq.com")
			w.Datadog.Answer(path, granttest.Status(status, body))
			_, text := w.ends(w.browser, w.consent(to, us3(w.t), granttest.OrgA))
			return text
		}
	}
	callback := func(edit ...string) func(*world) string {
		return func(w *world) string {
			q := w.consent(w.press(w.browser, w.link("acme")), us3(w.t), granttest.OrgA)
			for i := 0; i < len(edit); i += 2 {
				q.Set(edit[i], edit[i+1])
			}
			_, text := w.ends(w.browser, q)
			return text
		}
	}
	for _, row := range []struct {
		trouble   string
		page      func(*world) string // nil: the operator's alone
		says      string
		operators string // "file: test"
	}{
		{"no scope sends data", nil, "", "../grant/scopes_test.go: TestAGrantThatIsNarrowerThanNeeded"},
		{"Invalid client_id parameter value, shown by Datadog", connectPage, "<code>Invalid client_id parameter value</code>: this integration is not open to your organisation yet", ""},
		{"Invalid client_id parameter value, at the callback", callback("error", "invalid_request", "error_description", "Invalid client_id parameter value"), "Datadog does not accept the request of this integration", ""},
		{"a client_id that is configured no more", callback("client_id", "an-older-one"), "The integration may have been set up anew", ""},
		{"Forbidden", answered(org, 403, `{"errors":["Forbidden"]}`), "did not say which organisation you connected", ""},
		{"Failed permission authorization checks", answered(mint, 403, `{"errors":["Forbidden","Failed permission authorization checks"]}`), "did not allow <bdi>Parts &amp; &lt;Co&gt;</bdi> to make an API key", ""},
		{"Unauthorized", answered(org, 401, `{"errors":["Unauthorized"]}`), "did not say which organisation you connected", ""},
		{"a refresh is invalid_grant", nil, "", "../grant/refresh_test.go: TestRevokedGrantGoesOnSending"},
		{"An API key with this name already exists", answered(mint, 409, `{"errors":["An API key with this name already exists"]}`), "<code>OAuth Client API Key</code>", ""},
		{"altnames: a subdomain for a site", callback("domain", "bigcorp.datadoghq.eu"), "Probably EU1 (datadoghq.eu) is meant", ""},
		{"Mismatching redirect URI, shown by Datadog", connectPage, "<code>Mismatching redirect URI</code>: this integration is not set up correctly", ""},
		{"Mismatching redirect URI, at the callback", callback("error", "invalid_request", "error_description", "Mismatching redirect URI"), "Datadog does not accept the request of this integration", ""},
		{"subdomains of the partner's application", nil, "", "../../rfc9700_test.go: TestRFC9700_VerificationCannotBeSwitchedOff"},
		{"Invalid code or code verifier", answered(token, 400, `{"error":"invalid_request","error_description":"Invalid code or code verifier"}`), "because of how this integration is set up", ""},
		{"invalid_grant after a good consent", answered(token, 400, `{"error":"invalid_grant"}`), "You began at US5 (us5.datadoghq.com), and Datadog answered for US3 (us3.datadoghq.com)", ""},
		{"invalid_scope", callback("error", "invalid_scope"), "does not know everything that this integration asks for", ""},
		{"the client secret leaked", nil, "", "../grant/secret_test.go: TestSecretFileFollowsAProjectedVolume"},
		{"401 of the token endpoint", answered(token, http.StatusUnauthorized, ``), "does not accept the credentials of <bdi>Parts &amp; &lt;Co&gt;</bdi>", ""},
	} {
		t.Run(row.trouble, func(t *testing.T) {
			t.Parallel()
			if row.page != nil {
				assert.Contains(t, row.page(newWorld(t)), row.says)
				return
			}
			file, test, _ := strings.Cut(row.operators, ": ")
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Contains(t, string(text), "func "+test+"(t *testing.T) {")
		})
	}
}
