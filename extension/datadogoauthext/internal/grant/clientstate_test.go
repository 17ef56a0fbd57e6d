package grant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

func TestAClientThatIsPutBackHasItsTokensBack(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Edit = func(o *grant.Options) { o.Clients[0].Name = "renamed" }
	s = f.Restart(s)
	s.Pass(t.Context())
	st := facts(t, s, "acme")
	assert.Equal(t, grant.TokenReauthorise, st.Facts.Token)
	assert.Contains(t, st.TokenReason, "put it back")
	assert.True(t, st.Sending)
	_, err = s.AccessToken(t.Context(), "acme")
	require.ErrorContains(t, err, "put it back")
	f.Edit = nil
	s = f.Restart(s)
	assert.Equal(t, grant.TokenOK, facts(t, s, "acme").Facts.Token)
	f.Clock.Advance(time.Hour)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
}

func TestAMistypedClientIDEndsNoGrant(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Edit = func(o *grant.Options) { o.Clients[0].ClientID = "0f0f0f0f-mistyped" }
	s = f.Restart(s)
	f.Clock.Advance(25 * time.Hour)
	s.Pass(t.Context())
	st := facts(t, s, "acme")
	assert.Equal(t, grant.TokenReauthorise, st.Facts.Token)
	assert.Contains(t, st.TokenReason, "put the old one back")
	assert.True(t, st.Sending)
	_, err = s.AccessToken(t.Context(), "acme")
	require.ErrorContains(t, err, "client_id")
	assert.Len(t, f.Datadog.Calls(tokenPath), 1, "tokens of another client id are not sent")
	f.Edit = nil
	s = f.Restart(s)
	assert.Equal(t, grant.TokenOK, facts(t, s, "acme").Facts.Token)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
}

func TestOneRejectionDoesNotLockOutNewConsents(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "dead", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Datadog.Revoke(granttest.OrgA)
	f.Clock.Advance(25 * time.Hour)
	s.Pass(t.Context())
	require.Equal(t, grant.TokenReauthorise, facts(t, s, "dead").Facts.Token)
	f.Datadog.Answer(tokenPath, granttest.Status(401, ``))
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgB)
	require.Error(t, err)
	require.Error(t, s.ClientReady("main"), "for a while")
	f.Clock.Advance(31 * time.Second)
	require.NoError(t, s.ClientReady("main"), "no token is left that could probe")
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgB)
	require.NoError(t, err)
}

func TestInvalidGrantProvesTheClient(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	for tenant, org := range map[string]string{"dead": granttest.OrgA, "alive": granttest.OrgB} {
		_, err := f.Connect(s, tenant, eu(t), org)
		require.NoError(t, err)
	}
	f.Clock.Advance(time.Hour)
	f.Datadog.Answer(tokenPath, granttest.Status(401, ``))
	_, err := s.AccessToken(t.Context(), "dead")
	require.Error(t, err)
	require.Error(t, s.ClientReady("main"))
	f.Clock.Advance(31 * time.Second)
	f.Datadog.Revoke(granttest.OrgA)
	_, err = s.AccessToken(t.Context(), "dead")
	require.ErrorContains(t, err, "revoked")
	require.NoError(t, s.ClientReady("main"))
}
