package grant_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

// open is how many revocations are left after a pass.
func open(t *testing.T, s *grant.Service) []grant.Revocation {
	t.Helper()
	s.Pass(t.Context())
	left, err := s.Revocations(t.Context())
	require.NoError(t, err)
	return left
}

func TestRFC9700_DisconnectErasesTheTokensAndRevokesThemUntilDatadogAnswers(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	before, _, err := s.Stored(t.Context(), "acme")
	require.NoError(t, err)
	for _, answer := range []int{503, 429, 302} {
		f.Datadog.Answer(revokePath, granttest.Status(answer, `{"error":"x","error_description":"`+before.RefreshToken+`"}`))
	}
	f.Datadog.Answer(revokePath, granttest.Drop)
	require.NoError(t, s.Disconnect(t.Context(), "acme", "contract ended", "ops"))
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrDisconnected, "at once")
	tok, _, err := s.Stored(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, grant.Token{Tenant: "acme", Client: "main", ClientID: granttest.ClientID, Fact: grant.TokenNone, Since: tok.Since}, tok, "nothing of the tokens is left")
	for try := 1; try <= 4; try++ {
		left := open(t, s)
		require.Len(t, left, 1)
		assert.Equal(t, try, left[0].Attempts)
		assert.NotContains(t, left[0].Reason, before.RefreshToken)
		assert.Len(t, f.Datadog.Calls(revokePath), try, "it waits between tries")
		s = f.Restart(s)
		f.Clock.Advance(time.Hour)
	}
	assert.Empty(t, open(t, s))
	calls := f.Datadog.Calls(revokePath)
	require.Len(t, calls, 6)
	assert.Equal(t, before.RefreshToken, calls[4].Form.Get("token"))
	assert.Equal(t, "refresh_token", calls[4].Form.Get("token_type_hint"))
	assert.Equal(t, before.AccessToken, calls[5].Form.Get("token"))
	assert.Equal(t, "access_token", calls[5].Form.Get("token_type_hint"))
	assert.Zero(t, f.Datadog.Tokens(granttest.OrgA))
	assert.Equal(t, grant.StateDisconnected, facts(t, s, "acme").State)
}

func TestARevocationIsAnsweredBy400(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Datadog.Answer(revokePath, granttest.Status(400, `{"error":"unsupported_token_type"}`))
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "ops"))
	assert.Empty(t, open(t, s))
}

func TestTheKeyOfAnOrgWithoutTenants(t *testing.T) {
	t.Parallel()
	for name, allowed := range map[string]bool{"deletion is allowed": true, "the customer has to revoke it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			if allowed {
				f.Datadog.LetManageKeys()
			}
			s := f.Start()
			for _, tenant := range []string{"one", "two"} {
				_, err := f.Connect(s, tenant, eu(t), granttest.OrgA)
				require.NoError(t, err)
			}
			_, had, err := s.Stored(t.Context(), "one")
			require.NoError(t, err)
			require.NoError(t, s.Disconnect(t.Context(), "one", "", "ops"))
			require.Empty(t, open(t, s))
			_, err = s.Lookup("two")
			require.NoError(t, err, "the other one goes on")
			f.Clock.Advance(2 * time.Hour) // the access token ran out
			require.NoError(t, s.Disconnect(t.Context(), "two", "", "ops"))
			require.Empty(t, open(t, s))
			assert.Zero(t, f.Datadog.Tokens(granttest.OrgA), "what the refresh for the deletion brought is revoked too")

			_, o, err := s.Stored(t.Context(), "one")
			require.NoError(t, err)
			assert.Empty(t, o.APIKey)
			assert.Equal(t, grant.KeyNone, o.Key)
			st := facts(t, s, "two")
			if allowed {
				assert.Empty(t, f.Datadog.KeyIDs(eu(t), granttest.OrgA))
				assert.Contains(t, st.KeyReason, "was deleted")
			} else {
				assert.Equal(t, []string{had.KeyID}, f.Datadog.KeyIDs(eu(t), granttest.OrgA))
				for _, part := range []string{had.KeyName, had.KeyID, had.Last4, "https://app.datadoghq.eu/organization-settings/api-keys"} {
					assert.Contains(t, st.KeyReason, part)
				}
				_, err = f.Connect(s, "one", eu(t), granttest.OrgA)
				require.ErrorContains(t, err, "could not be deleted from here")
				f.Datadog.LetManageKeys()
			}
			_, err = f.Connect(s, "one", eu(t), granttest.OrgA)
			require.NoError(t, err, "a key that this program dropped is not in the way")
			cred, err := s.Lookup("one")
			require.NoError(t, err)
			assert.Equal(t, uint64(2), cred.Generation())
			assert.NotContains(t, f.Datadog.KeyIDs(eu(t), granttest.OrgA), had.KeyID)
		})
	}
}

func TestReconnectingWhileTheRevocationIsOpen(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Datadog.LetManageKeys()
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, o, err := s.Stored(t.Context(), "acme")
	require.NoError(t, err)
	f.Datadog.Answer("/api/v2/api_keys/"+o.KeyID, granttest.Status(503, ""))
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "ops"))
	require.Len(t, open(t, s), 1)
	assert.Empty(t, f.Datadog.Calls(revokePath), "the key goes first, since that needs a token")
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	require.Empty(t, open(t, s))
	cred, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, uint64(1), cred.Generation(), "the key is kept")
	assert.Equal(t, []string{o.KeyID}, f.Datadog.KeyIDs(eu(t), granttest.OrgA))
	assert.Equal(t, 1, f.Datadog.Tokens(granttest.OrgA))
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err, "the new grant is untouched")
}

func TestAConsentDuringTheDeletionOfTheKeyMintsAnother(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Datadog.LetManageKeys()
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, o, err := s.Stored(t.Context(), "acme")
	require.NoError(t, err)
	entered, release := f.Datadog.Held("/api/v2/api_keys/" + o.KeyID)
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "ops"))
	<-entered
	changed := s.Changes()
	result := make(chan error, 1)
	go func() {
		_, err := f.Connect(s, "acme", eu(f.TB), granttest.OrgA)
		result <- err
	}()
	<-changed // the grant is stored, and its key has to wait
	release()
	require.NoError(t, <-result)
	cred, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, uint64(2), cred.Generation())
	assert.NotContains(t, f.Datadog.KeyIDs(eu(t), granttest.OrgA), o.KeyID)
}

func TestADeletionThatFailsDoesNotHoldUpTheRevocationForEver(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, o, err := s.Stored(t.Context(), "acme")
	require.NoError(t, err)
	for range 20 {
		f.Datadog.Answer("/api/v2/api_keys/"+o.KeyID, granttest.Status(500, ""))
	}
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "ops"))
	require.Len(t, open(t, s), 1)
	f.Clock.Advance(50 * time.Minute)
	require.Len(t, open(t, s), 1)
	f.Clock.Advance(time.Hour)
	require.Empty(t, open(t, s))
	assert.Zero(t, f.Datadog.Tokens(granttest.OrgA))
	assert.Contains(t, facts(t, s, "acme").KeyReason, o.KeyName)
}

func TestARefreshUnderWayDuringADisconnectIsRevokedToo(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(2 * time.Hour)
	entered, release := f.Datadog.Held(tokenPath)
	result := make(chan error, 1)
	go func() { _, err := s.AccessToken(t.Context(), "acme"); result <- err }()
	<-entered
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "ops"))
	require.Empty(t, open(t, s))
	release()
	require.ErrorIs(t, <-result, credential.ErrDisconnected)
	require.Empty(t, open(t, s))
	assert.Zero(t, f.Datadog.Tokens(granttest.OrgA))
	tok, _, err := s.Stored(t.Context(), "acme")
	require.NoError(t, err)
	assert.Empty(t, tok.AccessToken+tok.RefreshToken)
}

func TestARejectedClientRevokesOnceItsSecretIsRight(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	tenants := []string{"a", "b", "c", "d", "e"}
	for _, tenant := range tenants {
		_, err := f.Connect(s, tenant, eu(t), granttest.OrgA)
		require.NoError(t, err)
	}
	f.Datadog.SetSecret("another-secret-0123456789")
	for _, tenant := range tenants {
		require.NoError(t, s.Disconnect(t.Context(), tenant, "", "ops"))
	}
	for range 20 { // ten minutes
		require.Len(t, open(t, s), len(tenants))
		f.Clock.Advance(30 * time.Second)
	}
	assert.LessOrEqual(t, len(f.Datadog.Calls(revokePath)), 25)
	require.NoError(t, os.WriteFile(f.SecretFile, []byte("another-secret-0123456789\n"), 0o600))
	open(t, s)
	assert.Empty(t, open(t, s))
	assert.Zero(t, f.Datadog.Tokens(granttest.OrgA))
}
