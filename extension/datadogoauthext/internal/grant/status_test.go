package grant_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

func TestTroubleOfTenantsIsTroubleOfTheWholeOnceNoneIsWell(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	var said []string
	f.Edit = func(o *grant.Options) {
		o.Observer.Trouble = func(err error) {
			if err == nil {
				said = append(said, "")
				return
			}
			said = append(said, err.Error())
		}
	}
	s := f.Start()
	refuse := func(tenant, org string) {
		_, err := f.Connect(s, tenant, eu(t), org)
		require.NoError(t, err)
		f.Datadog.Answer(validatePath, granttest.Status(403, ``))
		f.Datadog.Answer(v1Path, granttest.Status(403, ``))
		require.NoError(t, s.JudgeKey(t.Context(), tenant))
		require.Equal(t, grant.KeyRefused, facts(t, s, tenant).Facts.Key)
	}
	_, err := f.Connect(s, "well", eu(t), granttest.OrgB)
	require.NoError(t, err)
	refuse("acme", granttest.OrgA)
	require.NoError(t, s.Trouble(), "one of two")
	require.NoError(t, s.Pause(t.Context(), "well", "unpaid", "test"))
	require.ErrorContains(t, s.Trouble(), `1 tenant(s) in state "key refused"`, "nobody else is asked to send")
	require.NoError(t, s.Resume(t.Context(), "well", "test"))
	require.NoError(t, s.Trouble())
	require.NotEmpty(t, said)
	assert.Empty(t, said[len(said)-1], "the last word")
	assert.Contains(t, said, `1 tenant(s) in state "key refused": the status page names them and what to do`)
}
