package grant_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// What one collector learns of a client's secret the others know, so that none of them sends a customer to Datadog in vain.
func TestCollectorsShareTheVerdictOnAClientSecret(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := f.Shared()
	a, b := startOn(f, st), startOn(f, st)
	_, err := f.Connect(a, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	within(t, propagation, b, "acme", nil)
	f.Datadog.SetSecret("another")
	f.Clock.Advance(time.Hour)
	before := len(f.Datadog.Calls(tokenPath))
	_, err = a.AccessToken(t.Context(), "acme")
	require.ErrorContains(t, err, "rejects the credentials")
	require.Eventually(t, func() bool { return b.ClientReady("main") != nil }, propagation, 5*time.Millisecond, "the other collector knows")
	_, err = b.AccessToken(t.Context(), "acme")
	require.ErrorContains(t, err, "rejects the credentials")
	assert.Len(t, f.Datadog.Calls(tokenPath), before+1, "no call of the other")

	f.Datadog.SetSecret(granttest.Secret)
	f.Clock.Advance(31 * time.Second)
	_, err = b.AccessToken(t.Context(), "acme")
	require.NoError(t, err, "a probe")
	require.Eventually(t, func() bool { return a.ClientReady("main") == nil }, propagation, 5*time.Millisecond, "the first knows that it is good again")
}

// Ten minutes of a wrong secret with grants due: all collectors together make no more token calls than one.
func TestCollectorsProbeAClientTogether(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := f.Shared()
	seeder := startOn(f, st)
	require.NoError(t, seed(f, 200).Write(t.Context(), seeder))
	require.NoError(t, seeder.Close(t.Context()))
	services := []*grant.Service{startOn(f, st), startOn(f, st), startOn(f, st)}
	f.Datadog.SetSecret("another")
	f.Clock.Advance(25 * time.Hour)
	for range 600 / 10 {
		var passes sync.WaitGroup
		for _, s := range services {
			passes.Go(func() { s.RefreshDue(t.Context()) })
		}
		passes.Wait()
		f.Clock.Advance(10 * time.Second)
	}
	calls := len(f.Datadog.Calls(tokenPath))
	t.Logf("%d token calls", calls)
	assert.LessOrEqual(t, calls, 25)
	assert.GreaterOrEqual(t, calls, 15, "it is probed all the same")
}

// Customers who are at Datadog when the secret goes wrong come back with codes, which are not redeemed one after the other in vain.
func TestCallbacksOfARejectedClientMakeNoTokenCalls(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	type back struct {
		state, code string
	}
	var customers []back
	for i := range 50 {
		fl := grant.Flow{Tenant: grant.SeedTenant(i), Client: "main", Verifier: oauth2.GenerateVerifier(), Partition: string(eu(t).Partition())}
		state, err := s.BeginFlow(t.Context(), fl)
		require.NoError(t, err)
		customers = append(customers, back{state, f.Datadog.Code(eu(t), granttest.OrgA, oauth2.S256ChallengeFromVerifier(fl.Verifier))})
	}
	f.Datadog.SetSecret("another")
	connect := func(b back, at site.Site) error {
		fl, err := s.ConsumeFlow(context.WithoutCancel(t.Context()), b.state)
		if err != nil {
			return err
		}
		_, err = s.Connect(context.WithoutCancel(t.Context()), fl, at, b.code)
		return err
	}
	var all sync.WaitGroup
	for _, b := range customers[:49] {
		all.Go(func() {
			var refused *grant.ConnectError
			if assert.ErrorAs(t, connect(b, eu(t)), &refused) {
				assert.Equal(t, grant.OutcomeClientRejected, refused.Outcome)
			}
		})
	}
	all.Wait()
	assert.Len(t, f.Datadog.Calls(tokenPath), 1, "one call goes ahead of all others")

	require.NoError(t, os.WriteFile(f.SecretFile, []byte("another"), 0o600))
	require.NoError(t, connect(customers[49], eu(t)), "a code that was not sent is still good")
}
