package grant_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// sandbox is a test client beside the published one.
var sandbox = granttest.Client{ID: "1e1e1e1e-client-5678", Secret: "another-s3cr3t-of-the-sandbox", RedirectURL: "https://connect.partner.example/sandbox/callback"}

func withSandbox(f *granttest.Fixture) {
	f.Datadog.AddClient(sandbox)
	f.Edit = func(o *grant.Options) {
		o.Clients = append(o.Clients, grant.ClientConfig{
			Name: "sandbox", ClientID: sandbox.ID, Stage: "test", RedirectURL: sandbox.RedirectURL, Secret: f.SecretFileOf(sandbox, "sandbox-secret"),
		})
	}
}

// inSandbox is a consent of a tenant through the test client.
func inSandbox(at site.Site, org, tenant string) way {
	return way{at: at, org: org, fl: grant.Flow{Tenant: tenant, Client: "sandbox"}}
}

// credentialsOf are the distinct pairs of id and secret of calls.
func credentialsOf(calls []granttest.Call) (all [][2]string) {
	for _, c := range calls {
		if pair := [2]string{c.Form.Get("client_id"), c.Form.Get("client_secret")}; !slices.Contains(all, pair) {
			all = append(all, pair)
		}
	}
	return all
}

// twoClients begins with one organisation that two tenants connected through two clients.
func twoClients(t *testing.T) (*granttest.Fixture, *grant.Service) {
	t.Helper()
	f := granttest.NewFixture(t)
	withSandbox(f)
	f.Datadog.LetManageKeys()
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = consent(t, f, s, inSandbox(eu(t), granttest.OrgA, "acme-test"))
	require.NoError(t, err)
	return f, s
}

func TestTwoClientsOfOneOrganisationShareNothing(t *testing.T) {
	t.Parallel()
	f, s := twoClients(t)
	main, test := [2]string{granttest.ClientID, granttest.Secret}, [2]string{sandbox.ID, sandbox.Secret}
	since := func(path string, from int) []granttest.Call { return f.Datadog.Calls(path)[from:] }

	exchanges := f.Datadog.Calls(tokenPath)
	require.Len(t, exchanges, 2)
	for i, want := range []granttest.Client{{ID: granttest.ClientID, Secret: granttest.Secret, RedirectURL: granttest.RedirectURL}, sandbox} {
		assert.Equal(t, want, granttest.Client{ID: exchanges[i].Form.Get("client_id"), Secret: exchanges[i].Form.Get("client_secret"), RedirectURL: exchanges[i].Form.Get("redirect_uri")})
	}
	one, err := s.Lookup("acme")
	require.NoError(t, err)
	two, err := s.Lookup("acme-test")
	require.NoError(t, err)
	assert.NotEqual(t, keyIn(t, one), keyIn(t, two))
	assert.NotEqual(t, one.Org(), two.Org())
	require.Len(t, f.Datadog.KeyIDs(eu(t), granttest.OrgA), 2)

	f.Clock.Advance(time.Hour)
	for tenant, want := range map[string][2]string{"acme": main, "acme-test": test} {
		from := len(f.Datadog.Calls(tokenPath))
		_, err := s.AccessToken(t.Context(), tenant)
		require.NoError(t, err)
		require.Equal(t, [][2]string{want}, credentialsOf(since(tokenPath, from)), tenant)
	}

	_, had, err := s.Stored(t.Context(), "acme-test")
	require.NoError(t, err)
	tok, kept, err := s.Stored(t.Context(), "acme")
	require.NoError(t, err)
	f.Clock.Advance(2 * time.Hour) // so that the deletion needs a refresh
	tokens, from := len(f.Datadog.Calls(tokenPath)), len(f.Datadog.Calls(""))
	require.NoError(t, s.Disconnect(t.Context(), "acme-test", "", "ops"))
	require.Empty(t, open(t, s))
	assert.Equal(t, [][2]string{test}, credentialsOf(since(tokenPath, tokens)))
	assert.Equal(t, [][2]string{test}, credentialsOf(f.Datadog.Calls(revokePath)))
	deleted := 0
	for _, c := range since("", from) {
		assert.NotEqual(t, "Bearer "+tok.AccessToken, c.Header.Get("Authorization"), c.Path)
		if c.Method == "DELETE" {
			deleted++
			assert.Equal(t, keysPath+"/"+had.KeyID, c.Path)
		}
	}
	assert.Equal(t, 1, deleted)
	assert.Equal(t, []string{kept.KeyID}, f.Datadog.KeyIDs(eu(t), granttest.OrgA), "the other client's key stays")
	after, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, keyIn(t, one), keyIn(t, after))
	require.NoError(t, s.JudgeKey(t.Context(), "acme"))
	_, err = s.Lookup("acme")
	require.NoError(t, err)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err, "and so do its tokens")
}

func TestARejectedClientStopsNoOther(t *testing.T) {
	t.Parallel()
	f, s := twoClients(t)
	f.Datadog.AddClient(granttest.Client{ID: sandbox.ID, Secret: "replaced at Datadog", RedirectURL: sandbox.RedirectURL})
	f.Clock.Advance(time.Hour)
	_, err := s.AccessToken(t.Context(), "acme-test")
	require.Error(t, err)
	require.ErrorContains(t, s.ClientReady("sandbox"), "client sandbox")
	calls := len(f.Datadog.Calls(tokenPath))
	_, err = s.AccessToken(t.Context(), "acme-test")
	require.Error(t, err)
	assert.Len(t, f.Datadog.Calls(tokenPath), calls, "its calls stop")

	require.NoError(t, s.ClientReady("main"))
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	_, err = f.Connect(s, "globex", eu(t), granttest.OrgB)
	require.NoError(t, err)
	require.NoError(t, s.Disconnect(t.Context(), "globex", "", "ops"))
	require.Empty(t, open(t, s))
	for _, tenant := range []string{"acme", "acme-test"} {
		_, err = s.Lookup(tenant)
		require.NoError(t, err, "keys go on")
		assert.Equal(t, grant.TokenOK, facts(t, s, tenant).Facts.Token)
	}
}

func TestRFC9700_ATenantIsHeldToItsClient(t *testing.T) {
	t.Parallel()
	f, s := twoClients(t)
	late := grant.Flow{Tenant: "late", Client: "main", Verifier: oauth2.GenerateVerifier(), Partition: string(eu(t).Partition()), AllowChange: true}
	lateState, err := s.BeginFlow(t.Context(), late) // nobody holds the tenant yet
	require.NoError(t, err)
	_, err = consent(t, f, s, inSandbox(eu(t), granttest.OrgB, "late"))
	require.NoError(t, err)

	calls := len(f.Datadog.Calls(""))
	for _, allow := range []bool{false, true} {
		for tenant, client := range map[string]string{"acme-test": "main", "acme": "sandbox"} {
			for _, org := range []string{granttest.OrgA, granttest.OrgB} {
				_, err := consent(t, f, s, way{at: eu(t), org: org, fl: grant.Flow{Tenant: tenant, Client: client, AllowChange: allow}})
				require.ErrorIs(t, err, grant.ErrRefused, "%s through %s", tenant, client)
				require.ErrorContains(t, err, "disconnect the tenant first")
			}
			_, _, err := s.Invite(t.Context(), tenant, client, time.Hour, "ops")
			require.ErrorIs(t, err, grant.ErrBadInvitation)
			require.ErrorContains(t, err, "disconnect the tenant first")
		}
	}
	_, inv, err := s.Invite(t.Context(), "newcomer", "sandbox", time.Hour, "ops")
	require.NoError(t, err)
	for name, fl := range map[string]grant.Flow{
		"another client": {Tenant: "newcomer", Client: "main", Invitation: inv.Hash}, "another tenant": {Tenant: "somebody", Client: "sandbox", Invitation: inv.Hash},
	} {
		_, err = s.BeginFlow(t.Context(), fl)
		require.ErrorIs(t, err, grant.ErrRefused, "a link for %s", name)
	}
	require.NoError(t, f.Store().List(t.Context(), store.KindPending, func(store.Record) error { t.Error("a change is pending"); return nil }))
	assert.Len(t, f.Datadog.Calls(""), calls, "nobody was asked")

	// One that began while nobody held the tenant is refused before anything of it is stored; its tokens are revoked.
	require.ErrorIs(t, s.MayConnect(t.Context(), "late", "main"), grant.ErrRefused)
	fl, err := s.ConsumeFlow(t.Context(), lateState)
	require.NoError(t, err)
	_, err = s.Connect(t.Context(), fl, eu(t), f.Datadog.Code(eu(t), granttest.OrgA, oauth2.S256ChallengeFromVerifier(late.Verifier)))
	require.ErrorContains(t, err, "connected through client sandbox")
	assert.Empty(t, s.PendingChanges())
	cred, err := s.Lookup("late")
	require.NoError(t, err)
	assert.Equal(t, "sandbox", cred.Org().Client)
	assert.Len(t, revoked(t, f, s), 2)

	// The hold ends with the connection.
	require.NoError(t, s.Disconnect(t.Context(), "acme-test", "", "ops"))
	_, err = consent(t, f, s, way{at: eu(t), org: granttest.OrgA, fl: grant.Flow{Tenant: "acme-test", Client: "main"}})
	require.NoError(t, err)
	cred, err = s.Lookup("acme-test")
	require.NoError(t, err)
	assert.Equal(t, "main", cred.Org().Client)
}
