package grant_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const (
	tokenPath    = "/oauth2/v1/token"
	mintPath     = "/api/v2/api_keys/marketplace"
	validatePath = "/api/v2/validate"
	v1Path       = "/api/v1/validate"
)

func eu(t testing.TB) site.Site {
	s, ok := site.ByDomain("datadoghq.eu")
	require.True(t, ok)
	return s
}

func facts(t testing.TB, s *grant.Service, tenant string) grant.TenantStatus {
	t.Helper()
	for _, st := range s.Tenants() {
		if st.Tenant == tenant {
			return st
		}
	}
	t.Fatalf("no tenant %s", tenant)
	return grant.TenantStatus{}
}

func TestConnectMintsAKeyAndARestartKeepsIt(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.New()
	_, err := s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrNotReady)
	f.Stop(s, f.Store().(*store.Bolt))
	s = f.Start()
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrUnknownTenant)

	changed := s.Changes()
	done, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	<-changed
	assert.Equal(t, "Org aaaa", done.OrgName)
	cred, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, credential.Org{Client: "main", Site: "datadoghq.eu", ID: granttest.OrgA}, cred.Org())
	assert.True(t, cred.Fresh())
	assert.Equal(t, uint64(1), cred.Generation())
	assert.Equal(t, grant.Facts{Token: grant.TokenOK, Key: grant.KeyFresh, Hold: grant.HoldNone}, facts(t, s, "acme").Facts)
	for _, call := range f.Datadog.Calls("") {
		assert.Equal(t, "api.datadoghq.eu", call.Host, call.Path)
	}

	f.Clock.Advance(time.Minute)
	assert.False(t, cred.Fresh())
	s.Pass(t.Context())
	assert.Equal(t, grant.KeyOK, facts(t, s, "acme").Facts.Key)

	s = f.Restart(s)
	again, err := s.Lookup("acme")
	require.NoError(t, err)
	req := func(c *credential.Credential) string {
		r, err := c.NewRequest(t.Context(), site.Endpoints{}, http.MethodPost, site.HostAPI, "/x", nil)
		require.NoError(t, err)
		return r.Header.Get("DD-API-KEY")
	}
	assert.Equal(t, req(cred), req(again))
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
}

func TestTwoTenantsOfOneOrgShareItsKey(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "one", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = f.Connect(s, "two", eu(t), granttest.OrgA)
	require.NoError(t, err)
	one, err := s.Lookup("one")
	require.NoError(t, err)
	two, err := s.Lookup("two")
	require.NoError(t, err)
	assert.Equal(t, one.OrgText(), two.OrgText())
	assert.Equal(t, one.Generation(), two.Generation())
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
}

func TestWhatCanGoWrongWhenConnecting(t *testing.T) {
	t.Parallel()
	leaky := `{"error":"invalid_grant","error_description":"bad \u0007\u001b[31m ` + granttest.Secret + ` ` + strings.Repeat("x", 500) + `"}`
	cases := map[string]struct {
		path    string
		answers []http.HandlerFunc
		outcome string
		key     grant.KeyFact // "" when no grant is stored
		says    string
	}{
		"invalid_grant":                      {tokenPath, []http.HandlerFunc{granttest.Status(400, leaky)}, grant.OutcomeExchangeRefused, "", "domain of the callback: datadoghq.eu"},
		"invalid_client":                     {tokenPath, []http.HandlerFunc{granttest.Status(400, `{"error":"invalid_client"}`)}, grant.OutcomeClientRejected, "", "client_secret_file"},
		"a bare 401":                         {tokenPath, []http.HandlerFunc{granttest.Status(401, ``)}, grant.OutcomeClientRejected, "", "client_secret_file"},
		"token endpoint 500":                 {tokenPath, []http.HandlerFunc{granttest.Status(500, `<html>`)}, grant.OutcomeExchangeUnanswered, "", "500"},
		"token endpoint 429":                 {tokenPath, []http.HandlerFunc{granttest.Status(429, `{"errors":["x"]}`)}, grant.OutcomeExchangeUnanswered, "", "429"},
		"token endpoint redirects":           {tokenPath, []http.HandlerFunc{redirect}, grant.OutcomeExchangeRefused, "", "never followed"},
		"token endpoint answers with HTML":   {tokenPath, []http.HandlerFunc{granttest.Status(200, `<html>secret`)}, grant.OutcomeExchangeUnanswered, "", "no token set"},
		"token endpoint hangs up":            {tokenPath, []http.HandlerFunc{granttest.Drop}, grant.OutcomeExchangeUnanswered, "", "api.datadoghq.eu"},
		"current_user 403":                   {"/api/v2/current_user", []http.HandlerFunc{granttest.Status(403, ``)}, grant.OutcomeOrgUnknown, "", "403"},
		"current_user without org":           {"/api/v2/current_user", []http.HandlerFunc{granttest.Status(200, `{}`)}, grant.OutcomeOrgUnknown, "", "names no organisation"},
		"mint 403":                           {mintPath, []http.HandlerFunc{granttest.Status(403, `{"errors":["Forbidden"]}`)}, grant.OutcomeScopeMissing, grant.KeyNone, "api_keys_write"},
		"mint 409":                           {mintPath, []http.HandlerFunc{granttest.Status(409, `{"errors":["exists"]}`)}, grant.OutcomeKeyExists, grant.KeyExistsUnknown, "OAuth Client API Key"},
		"mint 500 twice":                     {mintPath, []http.HandlerFunc{granttest.Status(500, ``), granttest.Status(500, ``)}, grant.OutcomeMintFailed, grant.KeyNone, "twice"},
		"mint answer lost, then 409":         {mintPath, []http.HandlerFunc{nil}, grant.OutcomeKeyExists, grant.KeyExistsUnknown, "lost on the way"},
		"the key belongs to another org":     {validatePath, []http.HandlerFunc{granttest.Status(200, `{"data":{"id":"`+granttest.OrgB+`"}}`)}, grant.OutcomeMintFailed, grant.KeyRefused, "belongs to organisation " + granttest.OrgB},
		"mint redirects":                     {mintPath, []http.HandlerFunc{redirect}, grant.OutcomeMintFailed, grant.KeyNone, "307"},
		"mint 201 with another kind of body": {mintPath, []http.HandlerFunc{granttest.Status(201, `{}`), granttest.Status(409, ``)}, grant.OutcomeKeyExists, grant.KeyExistsUnknown, "lost on the way"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			s := f.Start()
			for _, h := range tc.answers {
				if h == nil {
					h = f.Datadog.Lost
				}
				f.Datadog.Answer(tc.path, h)
			}
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			var why *grant.ConnectError
			require.ErrorAs(t, err, &why)
			assert.Equal(t, tc.outcome, why.Outcome)
			assert.Contains(t, err.Error(), tc.says)
			for _, call := range f.Datadog.Calls(tokenPath) {
				for _, field := range []string{"client_secret", "code", "code_verifier"} {
					assert.NotContains(t, err.Error(), call.Form.Get(field), field)
				}
			}
			assert.Less(t, len(err.Error()), 1500)
			assert.NotContains(t, err.Error(), "\x1b")
			assert.Len(t, f.Datadog.Calls(tokenPath), 1, "a code is exchanged once")
			_, err = s.Lookup("acme")
			if tc.key == "" {
				require.ErrorIs(t, err, credential.ErrUnknownTenant)
				return
			}
			require.Error(t, err)
			assert.Contains(t, err.Error(), tc.says)
			assert.Equal(t, tc.key, facts(t, s, "acme").Facts.Key)
			// The state survives a restart as it is, and nothing is minted by itself.
			minted := len(f.Datadog.Calls(mintPath))
			s = f.Restart(s)
			s.Pass(t.Context())
			assert.Equal(t, tc.key, facts(t, s, "acme").Facts.Key)
			assert.Len(t, f.Datadog.Calls(mintPath), minted)
		})
	}
}

func redirect(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "https://evil.example/steal", http.StatusTemporaryRedirect)
}

func TestConnectingAgainAfterTheOldKeyWasRevoked(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	f.Datadog.Answer(mintPath, granttest.Status(409, ""))
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = s.Lookup("acme")
	require.NoError(t, err)
}

func TestAPreviewEndpointThatFailsIsTolerated(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 500} {
		f := granttest.NewFixture(t)
		s := f.Start()
		f.Datadog.Answer(validatePath, granttest.Status(status, ""))
		_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
		require.NoError(t, err)
		assert.Len(t, f.Datadog.Calls(v1Path), 1)
	}
}

func TestARefusedKeyIsValidatedAndNeverMintedAgain(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	validations := func() int { return len(f.Datadog.Calls(validatePath)) }
	base := validations()
	s.Refused("acme", 1)
	assert.Equal(t, base, validations(), "a fresh key is not judged")
	f.Clock.Advance(time.Hour)
	s.Pass(t.Context())
	require.NoError(t, s.JudgeKey(t.Context(), "acme"))
	assert.Equal(t, grant.KeyOK, facts(t, s, "acme").Facts.Key, "the key is good: one intake's opinion changes nothing")

	f.Datadog.RevokeKey(eu(t), granttest.OrgA)
	base = validations()
	changed := s.Changes()
	for range 100 {
		s.Refused("acme", 1)
		s.Refused("acme", 7) // another generation
	}
	<-changed
	assert.Equal(t, base+1, validations())
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrKeyRefused)
	f.Clock.Advance(24 * time.Hour)
	s.Pass(t.Context())
	s = f.Restart(s)
	s.Pass(t.Context())
	assert.Len(t, f.Datadog.Calls(mintPath), 1)

	_, err = f.Connect(s, "acme", eu(t), granttest.OrgA) // the customer wants it again
	require.NoError(t, err)
	cred, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, uint64(2), cred.Generation())
}

func TestOneUnreadableRecordStopsOneTenant(t *testing.T) {
	t.Parallel()
	for _, kind := range []store.Kind{store.KindGrant, store.KindOrg} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			s := f.Start()
			_, err := f.Connect(s, "bad", eu(t), granttest.OrgA)
			require.NoError(t, err)
			_, err = f.Connect(s, "good", site.US1(), granttest.OrgB)
			require.NoError(t, err)
			key := "bad"
			if kind == store.KindOrg {
				key = "main/datadoghq.eu/" + granttest.OrgA
			}
			rec, err := f.Store().Get(t.Context(), kind, key)
			require.NoError(t, err)
			rec.Value[len(rec.Value)-1] ^= 1
			require.NoError(t, f.Store().Apply(t.Context(), store.Change{Record: rec}))
			s = f.Restart(s)
			_, err = s.Lookup("good")
			require.NoError(t, err)
			_, err = s.Lookup("bad")
			require.ErrorIs(t, err, credential.ErrPaused)
			assert.Equal(t, grant.HoldUnreadable, facts(t, s, "bad").Facts.Hold)
		})
	}
}

func TestChangingTheClientIDKeepsTheKeys(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Stop(s, f.Store().(*store.Bolt))
	f.Edit = func(o *grant.Options) { o.Clients[0].ClientID = "another-id" }
	s = f.New()
	s.Start()
	require.Eventually(t, func() bool {
		return s.Ready() && facts(t, s, "acme").Facts.Token == grant.TokenReauthorise
	}, 10*time.Second, time.Millisecond)
	assert.Contains(t, facts(t, s, "acme").TokenReason, "client_id")
	_, err = s.Lookup("acme")
	require.NoError(t, err)
}

func TestBearerGoesToItsOwnAPIHostOnly(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	rt := s.Bearer("acme", f.Datadog.Client().Transport)
	do := func(url string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		resp, err := rt.RoundTrip(req)
		assert.Empty(t, req.Header.Get("Authorization"), "the caller's request stays as it was")
		return resp, err
	}
	resp, err := do("https://api.datadoghq.eu/api/v2/current_user")
	require.NoError(t, err)
	assert.Equal(t, 200, resp.StatusCode)
	_ = resp.Body.Close()
	before := len(f.Datadog.Calls(""))
	for _, url := range []string{
		"http://api.datadoghq.eu/x", "https://api.datadoghq.com/x", "https://http-intake.logs.datadoghq.eu/x", "https://api.datadoghq.eu:8443/x", "https://evil.example/x",
	} {
		_, err := do(url)
		require.Error(t, err, url)
	}
	assert.Len(t, f.Datadog.Calls(""), before)
	f.Datadog.Answer("/away", redirect)
	_, err = do("https://api.datadoghq.eu/away")
	require.ErrorContains(t, err, "307")
}

func TestFlowsAreSingleUseLimitedAndShortLived(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	begin := func(tenant string) (string, error) {
		return s.BeginFlow(t.Context(), grant.Flow{Tenant: tenant, Client: "main"})
	}
	state, err := begin("acme")
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(state), 43)
	_, err = s.ConsumeFlow(t.Context(), state)
	require.NoError(t, err)
	_, err = s.ConsumeFlow(t.Context(), state)
	require.ErrorIs(t, err, grant.ErrNoFlow)

	state, err = begin("acme")
	require.NoError(t, err)
	for err == nil {
		_, err = begin("acme")
	}
	require.ErrorIs(t, err, grant.ErrTooManyFlows)
	_, err = begin("other")
	require.NoError(t, err)
	s = f.Restart(s)
	_, err = begin("acme")
	require.ErrorIs(t, err, grant.ErrTooManyFlows, "the limit outlives a restart")

	f.Clock.Advance(grant.FlowLife)
	_, err = s.ConsumeFlow(t.Context(), state)
	require.ErrorIs(t, err, grant.ErrNoFlow)
	s.Pass(t.Context())
	require.NoError(t, f.Store().List(t.Context(), store.KindFlow, func(store.Record) error { return errors.New("a flow is left") }))
	_, err = begin("acme")
	require.NoError(t, err)
}

func TestInvitations(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	secret, _, err := s.Invite(t.Context(), "acme", "", time.Hour, "operator")
	require.NoError(t, err)
	inv, err := s.Invitation(t.Context(), secret)
	require.NoError(t, err)
	assert.Equal(t, "acme", inv.Tenant)
	assert.Equal(t, "main", inv.Client)
	require.NoError(t, f.Store().List(t.Context(), store.KindInvitation, func(r store.Record) error {
		assert.NotContains(t, r.Key+string(r.Value), secret)
		return nil
	}))
	_, err = s.Invitation(t.Context(), secret+"x")
	require.ErrorIs(t, err, grant.ErrNoInvitation)
	f.Clock.Advance(time.Hour)
	_, err = s.Invitation(t.Context(), secret)
	require.ErrorIs(t, err, grant.ErrNoInvitation)
	for _, tenant := range []string{"", "a\nb", strings.Repeat("x", 300), "\xff", ".", "..", " acme", "acme "} {
		_, _, err = s.Invite(t.Context(), tenant, "", time.Hour, "operator")
		require.ErrorIs(t, err, grant.ErrBadInvitation)
	}
	for _, tenant := range []string{"...", ".acme", "a..b", "a c me", "../acme"} { // their pages are found
		_, _, err = s.Invite(t.Context(), tenant, "", time.Hour, "operator")
		require.NoError(t, err)
	}
	_, _, err = s.Invite(t.Context(), "acme", "nobody", time.Hour, "operator")
	require.ErrorIs(t, err, grant.ErrBadInvitation)
	_, _, err = s.Invite(t.Context(), "acme", "", 0, "operator")
	require.ErrorIs(t, err, grant.ErrBadInvitation)
}

func TestLookupDoesNotAllocate(t *testing.T) {
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		_, _ = s.Lookup("acme")
		_, _ = s.Lookup("nobody")
	}))
}

func BenchmarkLookup(b *testing.B) {
	f := granttest.NewFixture(b)
	s := f.Start()
	if _, err := f.Connect(s, "acme", eu(b), granttest.OrgA); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Lookup("acme"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestShutdownWithoutStart(t *testing.T) {
	t.Parallel()
	s := granttest.NewFixture(t).New()
	require.NoError(t, s.Close(context.Background()))
	require.NoError(t, s.Close(context.Background()))
}
