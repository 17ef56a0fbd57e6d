package grant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

func TestAClientThatAnOrgDisabled(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = f.Connect(s, "other", eu(t), granttest.OrgB)
	require.NoError(t, err)
	f.Datadog.DisableClient(granttest.OrgA)
	f.Clock.Advance(2 * time.Hour)
	_, err = s.AccessToken(t.Context(), "acme")
	require.ErrorContains(t, err, "developer platform")
	assert.Equal(t, grant.TokenFailing, facts(t, s, "acme").Facts.Token, "it may be the client")
	calls := len(f.Datadog.Calls(tokenPath))
	f.Clock.Advance(59 * time.Minute)
	s.Pass(t.Context())
	assert.Len(t, f.Datadog.Calls(tokenPath), calls, "once an hour")
	f.Clock.Advance(time.Minute)
	for range 3 {
		_, err = s.AccessToken(t.Context(), "other")
		require.NoError(t, err, "the client is good")
		assert.Equal(t, grant.TokenFailing, facts(t, s, "acme").Facts.Token, "a fault may be spreading")
		s.Pass(t.Context())
		f.Clock.Advance(time.Hour)
	}
	s.Pass(t.Context())
	st := facts(t, s, "acme")
	assert.Equal(t, grant.TokenReauthorise, st.Facts.Token)
	assert.Contains(t, st.TokenReason, "Mobile and Third-Party Access")
	assert.Contains(t, st.TokenReason, "connect link")
	assert.True(t, st.Sending, "the key goes on")
	assert.Equal(t, grant.TokenOK, facts(t, s, "other").Facts.Token)
	require.NoError(t, s.ClientReady("main"), "the client itself is good")
	calls = len(f.Datadog.Calls(tokenPath))
	f.Clock.Advance(2 * time.Hour)
	_, err = s.AccessToken(t.Context(), "acme")
	require.Error(t, err)
	assert.Len(t, f.Datadog.Calls(tokenPath), calls, "never tried again by itself")
}

// One mistake in the developer platform meets every grant of the client. None ends while it is mended within a day.
func TestABadHourOfTheDeveloperPlatformEndsNoGrant(t *testing.T) {
	t.Parallel()
	tenants := map[string]string{"a": granttest.OrgA, "b": granttest.OrgB, "c": granttest.OrgA}
	refusal := granttest.Status(400, `{"error":"unauthorized_client"}`)
	for name, tc := range map[string]struct {
		hours int
		want  grant.TokenFact
	}{"an hour": {1, grant.TokenOK}, "a day": {26, grant.TokenReauthorise}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			s := f.Start()
			for tenant, org := range tenants {
				_, err := f.Connect(s, tenant, eu(t), org)
				require.NoError(t, err)
			}
			f.Clock.Advance(25 * time.Hour)
			for range tc.hours {
				for range tenants {
					f.Datadog.Answer(tokenPath, refusal)
				}
				s.Pass(t.Context())
				f.Clock.Advance(time.Hour)
			}
			s.Pass(t.Context())
			for tenant := range tenants {
				assert.Equal(t, tc.want, facts(t, s, tenant).Facts.Token, facts(t, s, tenant).TokenReason)
			}
		})
	}
}

// A fault that meets one organisation after the other is not that of the first.
func TestAFaultThatSpreadsEndsNoGrant(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	for tenant, org := range map[string]string{"acme": granttest.OrgA, "other": granttest.OrgB} {
		_, err := f.Connect(s, tenant, eu(t), org)
		require.NoError(t, err)
	}
	refusal := granttest.Status(400, `{"error":"unauthorized_client"}`)
	f.Clock.Advance(2 * time.Hour)
	f.Datadog.Answer(tokenPath, refusal)
	_, err := s.AccessToken(t.Context(), "acme")
	require.Error(t, err)
	_, err = s.AccessToken(t.Context(), "other")
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	f.Datadog.Answer(tokenPath, refusal)
	s.Pass(t.Context())
	assert.Equal(t, grant.TokenFailing, facts(t, s, "acme").Facts.Token)
	f.Clock.Advance(2 * time.Hour)
	s.Pass(t.Context())
	assert.Equal(t, grant.TokenOK, facts(t, s, "acme").Facts.Token)
}

func TestScopesThatChangeAtARefresh(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	core, logs := observer.New(zap.WarnLevel)
	f.Logger = zap.New(core)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Datadog.SetRotation(false)
	answers := []struct{ scope, lacks, has string }{
		{`"api_keys_write events_read"`, "", ""},
		{`"api_keys_write"`, "lacks events_read", ""},
		{`"api_keys_write"`, "lacks events_read", ""},
		{`"api_keys_write metrics_read"`, "lacks events_read", "has metrics_read"},
		{`""`, "lacks events_read", "has metrics_read"},
		{`"api_keys_write events_read"`, "", ""},
	}
	news := []int{0, 1, 1, 2, 2, 3}
	for i, a := range answers {
		f.Clock.Advance(time.Hour)
		f.Datadog.Answer(tokenPath, granttest.Status(200, `{"access_token":"access-x-0123456789","token_type":"Bearer","scope":`+a.scope+`}`))
		_, err := s.AccessToken(t.Context(), "acme")
		require.NoError(t, err, "it works for what it still has")
		st := facts(t, s, "acme")
		assert.Equal(t, grant.TokenOK, st.Facts.Token)
		assert.Contains(t, st.TokenReason, a.lacks)
		assert.Contains(t, st.TokenReason, a.has)
		if a.lacks == "" {
			assert.Empty(t, st.TokenReason, "%d", i)
		}
		assert.Equal(t, news[i], logs.FilterMessageSnippet("scopes").Len(), "%d", i)
	}
	assert.Equal(t, f.Clock.Now().Add(time.Hour).UTC(), facts(t, s, "acme").TokenExpiry.UTC(), "a missing expires_in is an hour")
}
