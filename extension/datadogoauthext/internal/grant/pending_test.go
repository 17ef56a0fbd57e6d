package grant_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const (
	revokePath  = "/oauth2/v1/revoke"
	currentPath = "/api/v2/current_user"
)

// way is how a consent comes about; fl says what the connect page and the ticket know.
type way struct {
	at  site.Site
	org string
	fl  grant.Flow
}

// consent takes a tenant through a consent without the browser.
func consent(t *testing.T, f *granttest.Fixture, s *grant.Service, w way) (grant.Connected, error) {
	t.Helper()
	if w.fl.Client == "" {
		w.fl.Client = "main"
	}
	w.fl.Verifier = oauth2.GenerateVerifier()
	w.fl.Partition = string(w.at.Partition())
	clientID := granttest.ClientID
	if w.fl.Client == "sandbox" {
		clientID = sandbox.ID
	}
	code := f.Datadog.CodeFor(clientID, w.at, w.org, oauth2.S256ChallengeFromVerifier(w.fl.Verifier))
	state, err := s.BeginFlow(t.Context(), w.fl)
	if err != nil {
		return grant.Connected{}, err
	}
	fl, err := s.ConsumeFlow(t.Context(), state)
	require.NoError(t, err)
	return s.Connect(t.Context(), fl, w.at, code)
}

// connectedTo begins with a tenant acme that is connected to OrgA in the EU.
func connectedTo(t *testing.T, edit func(*grant.Options)) (*granttest.Fixture, *grant.Service, *credential.Credential) {
	t.Helper()
	f := granttest.NewFixture(t)
	f.Edit = edit
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	cred, err := s.Lookup("acme")
	require.NoError(t, err)
	return f, s, cred
}

func elsewhere(t *testing.T) way {
	return way{at: eu(t), org: granttest.OrgB, fl: grant.Flow{Tenant: "acme"}}
}

// accessTokens are those that were asked whose they are: one for each consent, in order.
func accessTokens(f *granttest.Fixture) []string {
	var all []string
	for _, c := range f.Datadog.Calls(currentPath) {
		all = append(all, c.Header.Get("Authorization")[len("Bearer "):])
	}
	return all
}

// revoked works off what is to be revoked and returns the tokens that Datadog was told of.
func revoked(t *testing.T, f *granttest.Fixture, s *grant.Service) []string {
	t.Helper()
	s.Pass(t.Context())
	s.Pass(t.Context()) // what the first one found
	var tokens []string
	for _, c := range f.Datadog.Calls(revokePath) {
		tokens = append(tokens, c.Form.Get("token"))
	}
	return tokens
}

func TestRFC9700_AnAttackerWithALinkForTReceivesNothing(t *testing.T) {
	t.Parallel()
	f, s, victim := connectedTo(t, nil)
	link, inv, err := s.Invite(t.Context(), "acme", "main", 48*time.Hour, "operator")
	require.NoError(t, err)

	done, err := consent(t, f, s, way{at: eu(t), org: granttest.OrgB, fl: grant.Flow{Tenant: "acme", Invitation: inv.Hash}})
	require.NoError(t, err)
	assert.True(t, done.ChangePending)
	assert.Empty(t, done.Last4)
	nothingMoved := func() {
		t.Helper()
		now, err := s.Lookup("acme")
		require.NoError(t, err)
		assert.Equal(t, victim.Org(), now.Org())
		assert.Equal(t, victim.Generation(), now.Generation())
		assert.Equal(t, keyIn(t, victim), keyIn(t, now))
		require.Len(t, f.Datadog.Calls(mintPath), 1, "no key is minted for the attacker's organisation")
		assert.Equal(t, "Bearer "+accessTokens(f)[0], f.Datadog.Calls(mintPath)[0].Header.Get("Authorization"))
	}
	nothingMoved()
	_, err = s.Invitation(t.Context(), link)
	require.ErrorIs(t, err, grant.ErrNoInvitation, "the link did its work: it cannot replace one pending change by another")
	_, err = consent(t, f, s, way{at: eu(t), org: granttest.OrgB, fl: grant.Flow{Tenant: "acme", Invitation: inv.Hash}})
	var why *grant.ConnectError
	require.ErrorAs(t, err, &why)
	assert.Equal(t, grant.OutcomeInvitationGone, why.Outcome)

	want := grant.PendingChange{
		Tenant: "acme", Client: "main", Site: "datadoghq.eu", OrgID: granttest.OrgB, OrgName: "Org bbbb",
		FromSite: "datadoghq.eu", FromOrgID: granttest.OrgA, FromOrgName: "Org aaaa",
	}
	waits := func() {
		t.Helper()
		pending := s.PendingChanges()
		require.Len(t, pending, 1)
		assert.Equal(t, grant.PendingLife, pending[0].Expires.Sub(pending[0].Created))
		pending[0].Created, pending[0].Expires = time.Time{}, time.Time{}
		assert.Equal(t, want, pending[0])
	}
	waits()
	s = f.Restart(s)
	waits()
	nothingMoved()

	f.Clock.Advance(grant.PendingLife - time.Second)
	s.Pass(t.Context())
	waits()
	f.Clock.Advance(time.Second)
	assert.Empty(t, s.PendingChanges())
	require.ErrorIs(t, s.ConfirmChange(t.Context(), "acme", "", "operator"), grant.ErrRefused, "what ran out cannot be confirmed")
	tokens := revoked(t, f, s)
	assert.Contains(t, tokens, accessTokens(f)[1], "the attacker's tokens are revoked")
	assert.Len(t, tokens, 2)
	for _, c := range f.Datadog.Calls(revokePath) {
		assert.Equal(t, "api.datadoghq.eu", c.Host)
	}
	nothingMoved()
}

func keyIn(t *testing.T, c *credential.Credential) string {
	t.Helper()
	r, err := c.NewRequest(t.Context(), site.Endpoints{}, http.MethodPost, site.HostAPI, "/x", nil)
	require.NoError(t, err)
	return r.Header.Get("DD-API-KEY")
}

func TestWhatCountsAsAnotherOrganisation(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		way     way
		pending bool
	}{
		"the same organisation":                  {way{at: eu(t), org: granttest.OrgA}, false},
		"another organisation":                   {way{at: eu(t), org: granttest.OrgB}, true},
		"the same organisation at another site":  {way{at: site.US1(), org: granttest.OrgA}, true},
		"another one, and the ticket allowed it": {way{at: eu(t), org: granttest.OrgB, fl: grant.Flow{AllowChange: true}}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s, before := connectedTo(t, nil)
			tc.way.fl.Tenant = "acme"
			done, err := consent(t, f, s, tc.way)
			require.NoError(t, err)
			assert.Equal(t, tc.pending, done.ChangePending)
			assert.Len(t, s.PendingChanges(), map[bool]int{true: 1}[tc.pending])
			after, err := s.Lookup("acme")
			require.NoError(t, err)
			if tc.pending {
				assert.Same(t, before, after)
				return
			}
			assert.Equal(t, tc.way.org, after.Org().ID)
			assert.Equal(t, "main", after.Org().Client)
			assert.NotEmpty(t, done.Last4)
		})
	}
}

func TestADisconnectedTenantConnectsAnywhere(t *testing.T) {
	t.Parallel()
	f, s, _ := connectedTo(t, nil)
	_, err := consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "operator"))
	assert.Empty(t, s.PendingChanges())
	require.ErrorIs(t, s.ConfirmChange(t.Context(), "acme", "", "operator"), grant.ErrRefused)
	done, err := consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	assert.False(t, done.ChangePending)
	cred, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, granttest.OrgB, cred.Org().ID)
}

func TestASecondPendingChangeReplacesTheFirst(t *testing.T) {
	t.Parallel()
	f, s, before := connectedTo(t, nil)
	_, err := consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	_, err = consent(t, f, s, way{at: site.US1(), org: granttest.OrgB, fl: grant.Flow{Tenant: "acme"}})
	require.NoError(t, err)
	pending := s.PendingChanges()
	require.Len(t, pending, 1)
	assert.Equal(t, "datadoghq.com", pending[0].Site)
	tokens := revoked(t, f, s)
	assert.Contains(t, tokens, accessTokens(f)[1])
	assert.NotContains(t, tokens, accessTokens(f)[2])

	require.NoError(t, s.RejectChange(t.Context(), "acme", "operator"))
	assert.Empty(t, s.PendingChanges())
	assert.Contains(t, revoked(t, f, s), accessTokens(f)[2])
	require.ErrorIs(t, s.RejectChange(t.Context(), "acme", "operator"), grant.ErrRefused)
	require.ErrorIs(t, s.RejectChange(t.Context(), "nobody", "operator"), grant.ErrRefused)
	after, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Same(t, before, after)
}

func TestAnUnreadablePendingChangeStopsNobody(t *testing.T) {
	t.Parallel()
	decide := map[string]func(*testing.T, *granttest.Fixture, *grant.Service){
		"it is refused": func(t *testing.T, f *granttest.Fixture, s *grant.Service) {
			require.ErrorIs(t, s.ConfirmChange(t.Context(), "acme", "", "operator"), grant.ErrRefused)
			require.NoError(t, s.RejectChange(t.Context(), "acme", "operator"))
			_, err := f.Store().Get(t.Context(), store.KindPending, "acme")
			require.ErrorIs(t, err, store.ErrNotFound)
		},
		"another consent replaces it": func(t *testing.T, f *granttest.Fixture, s *grant.Service) {
			_, err := consent(t, f, s, elsewhere(t))
			require.NoError(t, err)
			require.NoError(t, s.ConfirmChange(t.Context(), "acme", granttest.OrgB, "operator"))
		},
	}
	for name, then := range decide {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s, _ := connectedTo(t, nil)
			_, err := f.Connect(s, "other", site.US1(), granttest.OrgB)
			require.NoError(t, err)
			_, err = consent(t, f, s, elsewhere(t))
			require.NoError(t, err)
			rec, err := f.Store().Get(t.Context(), store.KindPending, "acme")
			require.NoError(t, err)
			rec.Value[len(rec.Value)-1] ^= 1
			require.NoError(t, f.Store().Apply(t.Context(), store.Change{Record: rec}))
			s = f.Restart(s)
			for _, tenant := range []string{"acme", "other"} {
				_, err := s.Lookup(tenant)
				require.NoError(t, err, tenant)
			}
			then(t, f, s)
		})
	}
}

func TestTokensOfAConsentThatLedToNothingAreRevoked(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	f.Datadog.Answer(currentPath, granttest.Status(403, ``))
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	assert.Contains(t, revoked(t, f, s), accessTokens(f)[0])
}
