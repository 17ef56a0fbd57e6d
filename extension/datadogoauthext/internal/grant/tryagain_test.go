package grant_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

// keyInTheWay is a consent of acme whose organisation has a key that nobody has the value of.
func keyInTheWay(t *testing.T) (*granttest.Fixture, *grant.Service, *grant.ConnectError) {
	t.Helper()
	f := granttest.NewFixture(t)
	s := f.Start()
	f.Datadog.AddKey(eu(t), granttest.OrgA, f.Clock.Now())
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	var why *grant.ConnectError
	require.ErrorAs(t, err, &why)
	require.Equal(t, grant.OutcomeKeyExists, why.Outcome)
	require.Equal(t, granttest.OrgA, why.Stored.ID)
	require.Empty(t, why.Change)
	return f, s, why
}

func TestACustomerTriesForTheKeyAgain(t *testing.T) {
	t.Parallel()
	f, s, why := keyInTheWay(t)
	_, err := s.TryKeyAgain(t.Context(), "acme", why.Stored, "")
	var still *grant.ConnectError
	require.ErrorAs(t, err, &still)
	assert.Equal(t, grant.OutcomeKeyExists, still.Outcome)
	assert.Equal(t, why.Stored, still.Stored)

	f.Datadog.RevokeKey(eu(t), granttest.OrgA)
	_, err = s.TryKeyAgain(t.Context(), "acme", why.Stored, "")
	require.ErrorIs(t, err, grant.ErrTooSoon)
	f.Clock.Advance(5 * time.Second)
	done, err := s.TryKeyAgain(t.Context(), "acme", why.Stored, "")
	require.NoError(t, err)
	assert.Equal(t, "acme", done.Tenant)
	assert.Equal(t, eu(t), done.Site)
	assert.NotEmpty(t, done.Last4)
	assert.True(t, facts(t, s, "acme").Sending)
	assert.Len(t, f.Datadog.Calls(tokenPath), 1, "without another consent")

	f.Clock.Advance(5 * time.Second)
	mints := len(f.Datadog.Calls(mintPath))
	_, err = s.TryKeyAgain(t.Context(), "acme", why.Stored, "")
	require.NoError(t, err, "a second tab")
	assert.Len(t, f.Datadog.Calls(mintPath), mints, "the key is there")
}

func TestNobodyTriesAgainForWhatIsNotTheirs(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testing.T, *granttest.Fixture, *grant.Service, *credential.Org) (tenant string){
		"another tenant": func(*testing.T, *granttest.Fixture, *grant.Service, *credential.Org) string { return "globex" },
		"another organisation": func(_ *testing.T, _ *granttest.Fixture, _ *grant.Service, org *credential.Org) string {
			org.ID = granttest.OrgB
			return "acme"
		},
		"no site": func(_ *testing.T, _ *granttest.Fixture, _ *grant.Service, org *credential.Org) string {
			org.Site = "evil.example"
			return "acme"
		},
		"paused": func(t *testing.T, _ *granttest.Fixture, s *grant.Service, _ *credential.Org) string {
			require.NoError(t, s.Pause(t.Context(), "acme", "bill not paid", "operator"))
			return "acme"
		},
		"disconnected": func(t *testing.T, _ *granttest.Fixture, s *grant.Service, _ *credential.Org) string {
			require.NoError(t, s.Disconnect(t.Context(), "acme", "left", "operator"))
			return "acme"
		},
		"the grant is revoked": func(_ *testing.T, f *granttest.Fixture, _ *grant.Service, _ *credential.Org) string {
			f.Datadog.Revoke(granttest.OrgA)
			f.Clock.Advance(2 * time.Hour)
			return "acme"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s, why := keyInTheWay(t)
			org := why.Stored
			tenant := change(t, f, s, &org)
			f.Datadog.RevokeKey(eu(t), granttest.OrgA)
			mints := len(f.Datadog.Calls(mintPath))
			_, err := s.TryKeyAgain(t.Context(), tenant, org, "")
			require.ErrorIs(t, err, grant.ErrRefused)
			assert.Len(t, f.Datadog.Calls(mintPath), mints)
		})
	}
}

func TestAChangeThatItsTicketAllowedIsTriedAgain(t *testing.T) {
	t.Parallel()
	f, s, before := connectedTo(t, nil)
	f.Datadog.AddKey(eu(t), granttest.OrgB, f.Clock.Now())
	w := elsewhere(t)
	w.fl.AllowChange = true
	_, err := consent(t, f, s, w)
	var why *grant.ConnectError
	require.ErrorAs(t, err, &why)
	assert.Equal(t, grant.OutcomeKeyExists, why.Outcome)
	assert.NotEmpty(t, why.Change)
	assert.Equal(t, granttest.OrgB, why.Stored.ID)
	after, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Same(t, before, after)

	f.Datadog.RevokeKey(eu(t), granttest.OrgB)
	_, err = s.TryKeyAgain(t.Context(), "acme", why.Stored, why.Change)
	require.NoError(t, err)
	after, err = s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, granttest.OrgB, after.Org().ID)
	assert.Empty(t, s.PendingChanges())

	f.Clock.Advance(5 * time.Second)
	left := why.Stored
	left.ID = granttest.OrgA
	_, err = s.TryKeyAgain(t.Context(), "acme", left, why.Change)
	assert.True(t, errors.Is(err, grant.ErrRefused), "nothing waits any more: %v", err)
}

// The customer's word is for the change that they saw. What an operator refused, and what another consent asks, is the operator's.
func TestWhatWasRefusedIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	f, s, before := connectedTo(t, nil)
	f.Datadog.AddKey(eu(t), granttest.OrgB, f.Clock.Now())
	allowed := elsewhere(t)
	allowed.fl.AllowChange = true
	_, err := consent(t, f, s, allowed)
	var why *grant.ConnectError
	require.ErrorAs(t, err, &why)
	require.NoError(t, s.RejectChange(t.Context(), "acme", "operator"))
	done, err := consent(t, f, s, elsewhere(t)) // the same organisation, by a link that allows no change
	require.NoError(t, err)
	require.True(t, done.ChangePending)
	f.Datadog.RevokeKey(eu(t), granttest.OrgB)
	mints := len(f.Datadog.Calls(mintPath))
	for _, change := range []string{why.Change, ""} {
		_, err = s.TryKeyAgain(t.Context(), "acme", why.Stored, change)
		require.ErrorIs(t, err, grant.ErrRefused)
		f.Clock.Advance(5 * time.Second)
	}
	assert.Len(t, f.Datadog.Calls(mintPath), mints, "Datadog is not asked")
	after, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Same(t, before, after)
	assert.Len(t, s.PendingChanges(), 1, "it waits on")
}

func TestARefusedCodeTellsWhatProofWasSent(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	f.Datadog.Answer(tokenPath, granttest.Status(400, `{"error":"invalid_grant"}`))
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	var why *grant.ConnectError
	require.ErrorAs(t, err, &why)
	assert.True(t, why.CodeSpent)
	require.ErrorContains(t, err, "form-urlencoded, the verifier fits the challenge: no") // this fixture sends none
	f.Datadog.Answer(tokenPath, granttest.Status(400, `{"error":"invalid_request"}`))
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.ErrorAs(t, err, &why)
	assert.False(t, why.CodeSpent)
}
