package grant_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

func TestAGrantThatIsNarrowerThanNeeded(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		scope  string
		narrow bool
	}{
		"narrower":                {"events_read", true},
		"as needed":               {"api_keys_write", false},
		"wider":                   {"events_read api_keys_write incident_read", false},
		"Datadog did not say":     {"", false},
		"a name that contains it": {"xapi_keys_write", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			core, logs := observer.New(zap.WarnLevel)
			f.Logger = zap.New(core)
			s := f.Start()
			f.Datadog.SetScope(tc.scope)
			if tc.narrow {
				f.Datadog.Answer(mintPath, granttest.Status(http.StatusForbidden, ``))
			}
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			said := logs.FilterMessageSnippet("narrower than needed").All()
			if !tc.narrow {
				require.NoError(t, err)
				assert.Empty(t, said)
				return
			}
			var why *grant.ConnectError
			require.ErrorAs(t, err, &why)
			assert.Equal(t, grant.OutcomeScopeMissing, why.Outcome)
			require.Len(t, said, 1)
			assert.Equal(t, []any{"api_keys_write"}, said[0].ContextMap()["missing"])
			st := facts(t, s, "acme")
			assert.Equal(t, []string{tc.scope}, st.Scopes, "the connection is stored")
			assert.Contains(t, st.KeyReason, "api_keys_write")
		})
	}
}
