package grant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

func TestInvitationsAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	var secrets []string
	for i, tenant := range []string{"first", "second", "third"} {
		secret, _, err := s.Invite(t.Context(), tenant, "", time.Duration(i+1)*time.Hour, "operator")
		require.NoError(t, err)
		secrets = append(secrets, secret)
		f.Clock.Advance(time.Minute)
	}
	tenants := func() (names []string) {
		all, err := s.Invitations(t.Context())
		require.NoError(t, err)
		for _, inv := range all {
			names = append(names, inv.Tenant)
		}
		return names
	}
	assert.Equal(t, []string{"third", "second", "first"}, tenants())
	f.Clock.Advance(time.Hour)
	assert.Equal(t, []string{"third", "second"}, tenants(), "what ran out is not listed")

	for _, id := range []string{"", "0123456789ab", grant.Hash(secrets[2])[:11], grant.Hash(secrets[2])[:13], grant.Hash(secrets[0])} {
		require.ErrorIs(t, s.RevokeInvitation(t.Context(), id, "operator"), grant.ErrRefused, id)
	}
	require.NoError(t, s.RevokeInvitation(t.Context(), grant.Hash(secrets[2])[:12], "operator"))
	require.NoError(t, s.RevokeInvitation(t.Context(), grant.Hash(secrets[1]), "operator"))
	assert.Empty(t, tenants())
	_, err := s.Invitation(t.Context(), secrets[2])
	require.ErrorIs(t, err, grant.ErrNoInvitation)
}

func TestRFC9700_ARevokedInvitationStopsAConsentUnderWay(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, inv, err := s.Invite(t.Context(), "acme", "", time.Hour, "operator")
	require.NoError(t, err)
	state, err := s.BeginFlow(t.Context(), grant.Flow{Tenant: "acme", Client: "main", Invitation: inv.Hash})
	require.NoError(t, err)
	require.NoError(t, s.RevokeInvitation(t.Context(), inv.Hash, "operator"))
	fl, err := s.ConsumeFlow(t.Context(), state)
	require.NoError(t, err)
	_, err = s.Connect(t.Context(), fl, eu(t), "code")
	var why *grant.ConnectError
	require.ErrorAs(t, err, &why)
	assert.Equal(t, grant.OutcomeInvitationGone, why.Outcome)
	assert.Empty(t, f.Datadog.Calls(""), "nothing is exchanged")
}
