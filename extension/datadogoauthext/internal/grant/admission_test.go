package grant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// admitted is a login that a ticket for acme admitted.
func admitted(t *testing.T, s *grant.Service) grant.Login {
	t.Helper()
	id, err := s.BeginLogin(t.Context(), grant.Login{BrowserHash: "b"})
	require.NoError(t, err)
	l, err := s.Admit(t.Context(), id, "acme", "main", "jti", true)
	require.NoError(t, err)
	return l
}

// begun is a consent for OrgB, at Datadog's page.
func begun(t *testing.T, f *granttest.Fixture, s *grant.Service, fl grant.Flow) (state, code string) {
	t.Helper()
	fl.Tenant, fl.Client, fl.Verifier, fl.Partition = "acme", "main", oauth2.GenerateVerifier(), string(eu(t).Partition())
	state, err := s.BeginFlow(t.Context(), fl)
	require.NoError(t, err)
	return state, f.Datadog.Code(eu(t), granttest.OrgB, oauth2.S256ChallengeFromVerifier(fl.Verifier))
}

func TestATicketMovesATenantOnce(t *testing.T) {
	t.Parallel()
	f, s, _ := connectedTo(t, nil)
	fl := grant.Flow{Tenant: "acme", AllowChange: true, Login: admitted(t, s).Hash}
	first, second := elsewhere(t), way{at: eu(t), org: granttest.OrgA, fl: fl}
	first.fl = fl
	state, code := begun(t, f, s, fl) // another tab
	tab, err := s.ConsumeFlow(t.Context(), state)
	require.NoError(t, err)
	_, err = consent(t, f, s, first)
	require.NoError(t, err)
	moved := func() {
		t.Helper()
		org, err := s.Org("acme")
		require.NoError(t, err)
		assert.Equal(t, granttest.OrgB, org.ID)
	}
	moved()
	exchanges := len(f.Datadog.Calls(tokenPath))
	gone := func(err error) {
		t.Helper()
		var why *grant.ConnectError
		require.ErrorAs(t, err, &why)
		assert.Equal(t, grant.OutcomeInvitationGone, why.Outcome)
	}
	_, err = consent(t, f, s, second)
	gone(err)
	_, err = s.Connect(t.Context(), tab, eu(t), code)
	gone(err)
	moved()
	assert.Len(t, f.Datadog.Calls(tokenPath), exchanges, "nothing is exchanged")
	assert.Empty(t, s.PendingChanges())
}

// A consent that began when its login was about to run out may end, and the login does not end before it.
func TestALoginOutlivesTheConsentThatBeganWithIt(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	l := admitted(t, s)
	f.Clock.Advance(grant.FlowLife - time.Second)
	state, code := begun(t, f, s, grant.Flow{Login: l.Hash})
	f.Clock.Advance(grant.FlowLife - time.Second)
	s.Pass(t.Context())
	fl, err := s.ConsumeFlow(t.Context(), state)
	require.NoError(t, err)
	_, err = s.Connect(t.Context(), fl, eu(t), code)
	require.NoError(t, err)
	_, err = f.Store().Get(t.Context(), store.KindLogin, l.Hash)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestNothingThatBeganBeforeADisconnectionConnects(t *testing.T) {
	t.Parallel()
	f, s, _ := connectedTo(t, nil)
	link, inv, err := s.Invite(t.Context(), "acme", "main", time.Hour, "operator")
	require.NoError(t, err)
	other, _, err := s.Invite(t.Context(), "other", "main", time.Hour, "operator")
	require.NoError(t, err)
	l := admitted(t, s)
	waiting, _ := begun(t, f, s, grant.Flow{})
	back, code := begun(t, f, s, grant.Flow{}) // its callback is under way
	fl, err := s.ConsumeFlow(t.Context(), back)
	require.NoError(t, err)

	f.Clock.Advance(time.Second)
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "operator"))
	_, err = s.Invitation(t.Context(), link)
	require.ErrorIs(t, err, grant.ErrNoInvitation)
	_, err = s.Invitation(t.Context(), other)
	require.NoError(t, err, "another tenant's link works on")
	_, err = s.ConsumeFlow(t.Context(), waiting)
	require.ErrorIs(t, err, grant.ErrNoFlow)
	_, err = s.Connect(t.Context(), fl, eu(t), code)
	require.ErrorContains(t, err, "disconnected")
	for _, fl := range []grant.Flow{{Tenant: "acme", Invitation: inv.Hash}, {Tenant: "acme", Login: l.Hash, AllowChange: true}} {
		w := elsewhere(t)
		w.fl = fl
		_, err = consent(t, f, s, w)
		require.ErrorContains(t, err, "revoked")
	}
	assert.Equal(t, grant.StateDisconnected, facts(t, s, "acme").State)
	assert.Contains(t, revoked(t, f, s), accessTokens(f)[1], "what the late callback brought is revoked")

	link, inv, err = s.Invite(t.Context(), "acme", "main", time.Hour, "operator")
	require.NoError(t, err)
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "operator"), "once more, for the links made since")
	_, err = s.Invitation(t.Context(), link)
	require.ErrorIs(t, err, grant.ErrNoInvitation, inv.Tenant)
	_, err = consent(t, f, s, elsewhere(t))
	require.NoError(t, err, "an invitation that is made later is another matter")
}

func TestLoginsOfStrangersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	l := admitted(t, s)
	for range grant.MaxLogins + 20 {
		f.Clock.Advance(time.Millisecond)
		_, err := s.BeginLogin(t.Context(), grant.Login{BrowserHash: "stranger"})
		require.NoError(t, err)
	}
	_, err := f.Store().Get(t.Context(), store.KindLogin, l.Hash)
	require.NoError(t, err, "the one that a ticket admitted stays")
	stored := 0
	require.NoError(t, f.Store().List(t.Context(), store.KindLogin, func(store.Record) error { stored++; return nil }))
	assert.Equal(t, grant.MaxLogins+1, stored)
}
