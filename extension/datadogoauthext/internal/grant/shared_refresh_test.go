package grant_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func seed(f *granttest.Fixture, n int) grant.Seed {
	at := eu(f.TB)
	return grant.Seed{
		N: n, Site: at, ClientID: granttest.ClientID, At: f.Clock.Now(),
		Refresh: func(org string) string { return f.Datadog.RefreshToken(at, org) },
		Key:     func(org string) string { return f.Datadog.Key(at, org) },
	}
}

// counting tells the refreshes of one service.
type counting struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counting) refreshed(_ context.Context, outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[outcome]++
}

func TestTwoCollectorsShareTheRefreshes(t *testing.T) {
	t.Parallel()
	sharedStores(t, func(t *testing.T, f *granttest.Fixture, open func() store.Shared, _ func(...store.Record)) {
		const grants = 500
		var counts [2]counting
		var services [2]*grant.Service
		first := open()
		seeder := startOn(f, first)
		require.NoError(t, seed(f, grants).Write(t.Context(), seeder))
		require.NoError(t, seeder.Close(t.Context()))
		for i := range services {
			f.Edit = func(o *grant.Options) { o.Observer.Refreshed = counts[i].refreshed }
			services[i] = startOn(f, open())
		}
		f.Clock.Advance(25 * time.Hour)
		var passes sync.WaitGroup
		for _, s := range services {
			passes.Go(func() { s.RefreshDue(t.Context()) })
		}
		passes.Wait()
		assert.Len(t, f.Datadog.Calls(tokenPath), grants, "each grant once")
		assert.Equal(t, grants, counts[0].n["refreshed"]+counts[1].n["refreshed"])
		for i := range counts {
			assert.GreaterOrEqual(t, counts[i].n["refreshed"], 100)
			assert.Len(t, counts[i].n, 1, "no other outcome: %v", counts[i].n)
		}
	})
}

func TestWhoeverNeedsATokenWaitsForTheOtherProcess(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := f.Shared()
	a, b := startOn(f, st), startOn(f, st)
	_, err := f.Connect(a, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	within(t, propagation, b, "acme", nil)
	f.Clock.Advance(25 * time.Hour)
	entered, release := f.Datadog.Held(tokenPath)
	type result struct {
		token string
		err   error
	}
	results := make(chan result, 2)
	ask := func(s *grant.Service) {
		token, err := s.AccessToken(t.Context(), "acme")
		results <- result{token, err}
	}
	go ask(a)
	<-entered
	b.RefreshDue(t.Context()) // waits for nobody
	go ask(b)
	release()
	one, other := <-results, <-results
	require.NoError(t, one.err)
	require.NoError(t, other.err)
	assert.Equal(t, one.token, other.token)
	assert.Len(t, f.Datadog.Calls(tokenPath), 2)
}

// stopped is a collector that was stopped in the middle of a refresh: Datadog has answered, and the answer is on its way.
func stopped(t *testing.T) (f *granttest.Fixture, a, b *grant.Service, goOn func() error) {
	f = granttest.NewFixture(t)
	st := f.Shared()
	a, b = startOn(f, st), startOn(f, st)
	_, err := f.Connect(a, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	within(t, propagation, b, "acme", nil)
	f.Clock.Advance(time.Hour)
	entered, release := f.Datadog.Answered(tokenPath)
	result := make(chan error, 1)
	go func() { _, err := a.AccessToken(context.Background(), "acme"); result <- err }()
	<-entered
	return f, a, b, func() error { release(); return <-result }
}

func TestAStoppedHolderGoesOnAfterItsLease(t *testing.T) {
	t.Parallel()
	f, a, b, goOn := stopped(t)
	f.Clock.Advance(5 * time.Minute) // the lease is over
	for range 3 {
		_, err := b.AccessToken(t.Context(), "acme")
		require.ErrorContains(t, err, "another process began it")
		require.ErrorContains(t, err, "it is tried again after 2")
		b.Pass(t.Context())
	}
	require.NoError(t, goOn())
	token, err := a.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	same, err := b.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, token, same)
	assert.Len(t, f.Datadog.Calls(tokenPath), 2, "the refresh token was sent once")
	f.Clock.Advance(time.Hour)
	_, err = b.AccessToken(t.Context(), "acme")
	require.NoError(t, err, "and what replaced it is stored")
}

func TestAnAnswerThatComesAfterTheTakeover(t *testing.T) {
	t.Parallel()
	f, a, b, goOn := stopped(t)
	f.Clock.Advance(grant.TakeoverAfter + time.Minute)
	_, err := b.AccessToken(t.Context(), "acme")
	require.ErrorContains(t, err, "authorise again")
	st := facts(t, b, "acme")
	assert.Equal(t, grant.TokenReauthorise, st.Facts.Token)
	assert.Contains(t, st.TokenReason, "outcome unknown")
	require.NoError(t, goOn())
	assert.Equal(t, grant.TokenFailing, facts(t, a, "acme").Facts.Token)
	f.Clock.Advance(time.Hour)
	_, err = a.AccessToken(t.Context(), "acme")
	require.NoError(t, err, "the late answer held the token that counts")
	assert.Equal(t, grant.TokenOK, facts(t, a, "acme").Facts.Token)
	within(t, propagation, b, "acme", nil)
}

func TestAnAnswerThatComesAfterAConsentIsSuperseded(t *testing.T) {
	t.Parallel()
	f, a, b, goOn := stopped(t)
	f.Clock.Advance(grant.TakeoverAfter + time.Minute)
	_, err := f.Connect(b, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	token, err := b.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	require.NoError(t, goOn())
	same, err := a.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, token, same)
}

func TestAnExclusiveStoreNeedsNoPatience(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindToken, unlimited)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	f.Datadog.Answer(tokenPath, granttest.Drop)
	b.left.Store(1) // the intent, and not the end
	_, err = s.AccessToken(t.Context(), "acme")
	require.Error(t, err)
	b.left.Store(unlimited)
	s = f.Crash(s)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
}

func TestAMintOfAStoppedProcessIsLeftAlone(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := f.Shared()
	a, b := startOn(f, st), startOn(f, st)
	entered, release := f.Datadog.Answered(mintPath)
	result := make(chan error, 1)
	go func() { _, err := f.Connect(a, "acme", eu(t), granttest.OrgA); result <- err }()
	<-entered
	within(t, propagation, b, "acme", credential.ErrKeyMissing)
	f.Clock.Advance(5 * time.Minute)
	b.Pass(t.Context())
	_, err := f.Connect(b, "acme", eu(t), granttest.OrgA)
	require.ErrorContains(t, err, "another process began it")
	release()
	require.NoError(t, <-result)
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
	within(t, propagation, b, "acme", nil)
}
