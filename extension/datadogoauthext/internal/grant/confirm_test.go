package grant_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestAConfirmedChangeLeavesNoGap(t *testing.T) {
	t.Parallel()
	f, s, before := connectedTo(t, nil)
	_, err := consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	require.ErrorIs(t, s.ConfirmChange(t.Context(), "acme", granttest.OrgA, "operator"), grant.ErrRefused, "it is not what the operator was shown")

	entered, release := f.Datadog.Held(mintPath)
	confirmed := make(chan error)
	go func() { confirmed <- s.ConfirmChange(t.Context(), "acme", granttest.OrgB, "operator") }()
	<-entered
	during, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Same(t, before, during, "data goes to the old organisation until the new one has a key")
	release()
	require.NoError(t, <-confirmed)

	after, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, granttest.OrgB, after.Org().ID)
	assert.NotEqual(t, keyIn(t, before), keyIn(t, after))
	assert.Empty(t, s.PendingChanges())
	tokens := revoked(t, f, s)
	assert.Contains(t, tokens, accessTokens(f)[0], "the old tokens are revoked")
	assert.NotContains(t, tokens, accessTokens(f)[1])
	require.ErrorIs(t, s.ConfirmChange(t.Context(), "acme", "", "operator"), grant.ErrRefused)
	token, err := s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, accessTokens(f)[1], token)
	assert.Equal(t, 1, deletions(f), "nobody uses the key of the old organisation any more")

	s = f.Restart(s)
	after, err = s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, granttest.OrgB, after.Org().ID)
}

func deletions(f *granttest.Fixture) (n int) {
	for _, c := range f.Datadog.Calls("") {
		if c.Method == http.MethodDelete {
			n++
		}
	}
	return n
}

func TestAChangeKeepsTheKeyThatOthersUse(t *testing.T) {
	t.Parallel()
	f, s, _ := connectedTo(t, nil)
	_, err := f.Connect(s, "sister", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	require.NoError(t, s.ConfirmChange(t.Context(), "acme", "", "operator"))
	revoked(t, f, s)
	assert.Zero(t, deletions(f))
	_, err = s.Lookup("sister")
	require.NoError(t, err)
}

func TestAPausedTenantStaysPausedWhenItMoves(t *testing.T) {
	t.Parallel()
	f, s, _ := connectedTo(t, nil)
	require.NoError(t, s.Pause(t.Context(), "acme", "bill not paid", "operator"))
	_, err := consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	require.NoError(t, s.ConfirmChange(t.Context(), "acme", "", "operator"))
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrPaused)
	st := facts(t, s, "acme")
	assert.Equal(t, grant.HoldPaused, st.Facts.Hold)
	assert.Contains(t, st.HoldReason, "bill not paid")
	assert.Equal(t, granttest.OrgB, st.OrgID)
}

func TestAChangeWithoutAKeyStaysPending(t *testing.T) {
	t.Parallel()
	for name, allowed := range map[string]bool{"an operator confirms": false, "the ticket allows it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s, before := connectedTo(t, nil)
			w := elsewhere(t)
			w.fl.AllowChange = allowed
			f.Datadog.Answer(mintPath, granttest.Status(http.StatusForbidden, `{"errors":["Forbidden"]}`))
			_, err := consent(t, f, s, w)
			if !allowed {
				require.NoError(t, err)
				err = s.ConfirmChange(t.Context(), "acme", "", "operator")
			} else {
				var why *grant.ConnectError
				require.ErrorAs(t, err, &why)
				assert.Equal(t, grant.OutcomeScopeMissing, why.Outcome)
			}
			require.ErrorIs(t, err, grant.ErrRefused)
			require.ErrorContains(t, err, "api_keys_write")
			require.ErrorContains(t, err, "stays pending")
			assert.Len(t, s.PendingChanges(), 1)
			after, err := s.Lookup("acme")
			require.NoError(t, err)
			assert.Same(t, before, after)

			require.NoError(t, s.ConfirmChange(t.Context(), "acme", "", "operator"), "the scope was added")
			after, err = s.Lookup("acme")
			require.NoError(t, err)
			assert.Equal(t, granttest.OrgB, after.Org().ID)
		})
	}
}

// A change that begins with a key and is refused then leaves no key behind.
func TestARefusedChangeDropsTheKeyThatItsConfirmationMinted(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, "grant", unlimited)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	b.left.Store(0)
	require.Error(t, s.ConfirmChange(t.Context(), "acme", "", "operator"))
	b.left.Store(unlimited)
	require.Len(t, s.PendingChanges(), 1)
	require.Len(t, f.Datadog.Calls(mintPath), 2)
	require.NoError(t, s.RejectChange(t.Context(), "acme", "operator"))
	revoked(t, f, s)
	assert.Equal(t, 1, deletions(f))
}

func TestAPendingChangeIsRefreshedToBeConfirmed(t *testing.T) {
	t.Parallel()
	f, s, before := connectedTo(t, nil)
	_, err := consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	f.Clock.Advance(20 * time.Hour)
	f.Datadog.Answer(mintPath, granttest.Status(http.StatusForbidden, ``))
	require.ErrorIs(t, s.ConfirmChange(t.Context(), "acme", "", "operator"), grant.ErrRefused)
	sent := f.Datadog.Calls(tokenPath)[2].Form.Get("refresh_token")
	require.NotEmpty(t, sent)
	s = f.Restart(s) // the rotated token is stored, so that the first refresh is still good
	require.NoError(t, s.ConfirmChange(t.Context(), "acme", "", "operator"))
	for _, c := range f.Datadog.Calls(tokenPath)[3:] {
		assert.NotEqual(t, sent, c.Form.Get("refresh_token"))
	}
	mints := f.Datadog.Calls(mintPath)
	assert.Equal(t, mints[1].Header.Get("Authorization"), mints[2].Header.Get("Authorization"))
	assert.NotEqual(t, "Bearer "+accessTokens(f)[1], mints[2].Header.Get("Authorization"))

	f.Clock.Advance(2 * time.Hour) // what moved is a grant that refreshes on
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	after, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.NotEqual(t, before.Org(), after.Org())
}

func TestWhyAPendingChangeCannotBeConfirmed(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		spoil func(*granttest.Fixture)
		says  string
	}{
		"the customer revoked it":        {func(f *granttest.Fixture) { f.Datadog.Revoke(granttest.OrgB) }, "does not stand any more"},
		"the token endpoint is down":     {func(f *granttest.Fixture) { f.Datadog.Answer(tokenPath, granttest.Status(503, ``)) }, "503"},
		"the client's secret is refused": {func(f *granttest.Fixture) { f.Datadog.SetSecret("another") }, "client_secret_file"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s, before := connectedTo(t, nil)
			_, err := consent(t, f, s, elsewhere(t))
			require.NoError(t, err)
			f.Clock.Advance(2 * time.Hour)
			tc.spoil(f)
			err = s.ConfirmChange(t.Context(), "acme", "", "operator")
			require.ErrorIs(t, err, grant.ErrRefused)
			require.ErrorContains(t, err, tc.says)
			assert.Len(t, s.PendingChanges(), 1)
			assert.Len(t, f.Datadog.Calls(mintPath), 1)
			after, err := s.Lookup("acme")
			require.NoError(t, err)
			assert.Same(t, before, after)
		})
	}
}

// The writes of the other organisation's record on the way: its name, the intent, the key, its admission.
func TestACrashDuringAConfirmation(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		kind   store.Kind
		writes int64
		mints  int // in all, the one of the first organisation too
	}{
		"before anything is stored":                  {store.KindOrg, 0, 2},
		"before the intent to mint":                  {store.KindOrg, 1, 2},
		"after the answer, before the key is stored": {store.KindOrg, 2, 4}, // twice, found and deleted in between
		"after the key is stored, before it is used": {store.KindOrg, 3, 2},
		"before the tenant moved":                    {store.KindGrant, 0, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, b := breakingFixture(t, tc.kind, unlimited)
			f.Datadog.LetManageKeys()
			f.Datadog.SetNow(f.Clock.Now)
			s := f.Start()
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			require.NoError(t, err)
			_, err = consent(t, f, s, elsewhere(t))
			require.NoError(t, err)
			b.left.Store(tc.writes)
			require.Error(t, s.ConfirmChange(t.Context(), "acme", "", "operator"))
			b.left.Store(0)
			s = f.Crash(s)
			b.left.Store(unlimited)
			cred, err := s.Lookup("acme")
			require.NoError(t, err)
			assert.Equal(t, granttest.OrgA, cred.Org().ID)
			s.Pass(t.Context())
			require.NoError(t, s.ConfirmChange(t.Context(), "acme", "", "operator"))
			cred, err = s.Lookup("acme")
			require.NoError(t, err)
			assert.Equal(t, granttest.OrgB, cred.Org().ID)
			assert.Len(t, f.Datadog.Calls(mintPath), tc.mints)
		})
	}
}
