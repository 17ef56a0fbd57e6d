package grant_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// damaged is a tenant acme of OrgA whose record of a kind does not open after a restart.
func damaged(t *testing.T, kind store.Kind) (*granttest.Fixture, *grant.Service) {
	t.Helper()
	f, s, _ := connectedTo(t, nil)
	damage(t, f, kind)
	return f, f.Restart(s)
}

func damage(t *testing.T, f *granttest.Fixture, kind store.Kind) {
	t.Helper()
	key := "acme"
	if kind == store.KindOrg {
		key = "main/datadoghq.eu/" + granttest.OrgA
	}
	rec, err := f.Store().Get(t.Context(), kind, key)
	require.NoError(t, err)
	rec.Value[len(rec.Value)-1] ^= 1
	require.NoError(t, f.Store().Apply(t.Context(), store.Change{Record: rec}))
}

func TestAConsentReplacesAGrantThatCannotBeReadOnceAnOperatorConfirms(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		org     string
		restart bool // memory does not know the record either
		revoked int
	}{
		"the same organisation": {granttest.OrgA, true, 0},
		"another one, the old tokens being of a site that nobody knows": {granttest.OrgB, true, 0},
		"the same organisation, as memory knows":                        {granttest.OrgA, false, 0},
		"another one, as memory knows":                                  {granttest.OrgB, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s, _ := connectedTo(t, nil)
			damage(t, f, store.KindGrant)
			if tc.restart {
				s = f.Restart(s)
			}
			done, err := consent(t, f, s, way{at: eu(t), org: tc.org, fl: grant.Flow{Tenant: "acme", AllowChange: true}})
			require.NoError(t, err)
			assert.True(t, done.ChangePending, "nobody knows what the tenant is connected to, whatever the ticket allows")
			require.NoError(t, s.ConfirmChange(t.Context(), "acme", tc.org, "operator"))
			assert.Equal(t, grant.StateOK, facts(t, s, "acme").State)
			assert.Len(t, revoked(t, f, s), tc.revoked)
			assert.Empty(t, open(t, s), "nothing that could never be done")
			s = f.Restart(s)
			cred, err := s.Lookup("acme")
			require.NoError(t, err)
			assert.Equal(t, tc.org, cred.Org().ID)
		})
	}
}

func TestAConsentReplacesAnOrganisationThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"the customer revokes the key first": false, "its key is still there": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s := damaged(t, store.KindOrg)
			if !known {
				f.Datadog.RevokeKey(eu(t), granttest.OrgA)
			}
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			if known {
				require.ErrorContains(t, err, "a key exists already")
				assert.Equal(t, grant.KeyExistsUnknown, facts(t, s, "acme").Facts.Key)
				return
			}
			require.NoError(t, err)
			cred, err := s.Lookup("acme")
			require.NoError(t, err)
			assert.Greater(t, cred.Generation(), uint64(1), "an answer about the key before is not one about this")
		})
	}
}

func TestTheTokensOfAGrantThatCouldBeReadBeforeAreRevoked(t *testing.T) {
	t.Parallel()
	f, s, _ := connectedTo(t, nil)
	damage(t, f, store.KindGrant)
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "operator"))
	assert.Contains(t, revoked(t, f, s), accessTokens(f)[0])
	s = f.Restart(s)
	assert.Equal(t, grant.StateDisconnected, facts(t, s, "acme").State)
}

func TestATenantWhoseGrantCannotBeReadIsDisconnected(t *testing.T) {
	t.Parallel()
	f, s := damaged(t, store.KindGrant)
	require.ErrorIs(t, s.Pause(t.Context(), "acme", "", "operator"), grant.ErrRefused)
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "operator"))
	_, err := s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrDisconnected)
	s = f.Restart(s)
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrDisconnected)
	assert.Contains(t, facts(t, s, "acme").HoldReason, "ask the customer to remove the authorisation")
	tok, _, err := s.Stored(t.Context(), "acme")
	require.NoError(t, err)
	assert.Empty(t, tok.RefreshToken+tok.AccessToken)
	assert.Empty(t, revoked(t, f, s))
	assert.Empty(t, open(t, s))
	done, err := consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	assert.False(t, done.ChangePending)
}
