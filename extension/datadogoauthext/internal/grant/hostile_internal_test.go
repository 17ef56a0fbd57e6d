package grant

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

func TestWhatIsNoScopeIsNotKept(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"api_keys_write  logs_read_data":          "api_keys_write logs_read_data",
		"openid urn:x/y:z.read a":                 "openid urn:x/y:z.read a",
		"a <script>x</script> b":                  "a b",
		"a \"b\" \\c d&e 'f'":                     "a",
		"a\u202eb c\x1b[31m d\x00 caf\xe9 \u200b": "",
		"a\nb": "a b",
		strings.Repeat("x", 65) + " " + strings.Repeat("y", 64): strings.Repeat("y", 64),
		"": "",
	} {
		assert.Equal(t, want, knownScopes(text), "%q", text)
	}
	assert.Len(t, strings.Fields(knownScopes(strings.Repeat("a ", 10_000))), maxScopes)
}

func TestANameOfATenantPrintsAndLeadsSomewhere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"acme", "주식회사 한빛", "a/b", "...", "../x", `<b>"'&`, "=1+1", strings.Repeat("x", credential.MaxTenantBytes)} {
		assert.NoError(t, CheckTenant(name), "%q", name)
	}
	for _, name := range []string{"", ".", "..", "a\nb", "a\u202eb", "a\u200b", "a\u2028", "caf\xe9", "caf\ufffd", "\x1b[31m", strings.Repeat("x", credential.MaxTenantBytes+1)} {
		assert.Error(t, CheckTenant(name), "%q", name)
	}
}
