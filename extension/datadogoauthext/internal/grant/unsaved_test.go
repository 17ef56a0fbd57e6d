package grant_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestAFullDiskLosesNoKey(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindOrg, 2)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	s.Pass(t.Context())
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	assert.Len(t, f.Datadog.Calls(mintPath), 1, "no second key is asked for while the first is in memory")
	b.left.Store(unlimited)
	s.Pass(t.Context())
	assert.Equal(t, grant.KeyFresh, facts(t, s, "acme").Facts.Key)
	s = f.Restart(s)
	assert.True(t, facts(t, s, "acme").Sending)
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
}

func TestAFullDiskLosesNoRefreshToken(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindToken, unlimited)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	b.left.Store(1)
	_, err = s.AccessToken(t.Context(), "acme")
	require.Error(t, err)
	s.Pass(t.Context())
	b.left.Store(unlimited)
	f.Clock.Advance(time.Hour)
	token, err := s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	assert.NotEmpty(t, token)
	s = f.Restart(s)
	assert.Equal(t, grant.TokenOK, facts(t, s, "acme").Facts.Token)
}

// The store lost its latest writes, as a database that failed over to a late copy does. What Datadog answered is newer than both.
func TestAnAnswerOutlivesALossOfTheStoresLatestWrites(t *testing.T) {
	t.Parallel()
	t.Run("a rotated refresh token", func(t *testing.T) {
		t.Parallel()
		f := granttest.NewFixture(t)
		s := f.Start()
		_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
		require.NoError(t, err)
		old, err := f.Store().Get(t.Context(), store.KindToken, "acme")
		require.NoError(t, err)
		f.Clock.Advance(time.Hour)
		entered, release := f.Datadog.Answered(tokenPath)
		refreshed := make(chan error, 1)
		go func() {
			_, err := s.AccessToken(context.WithoutCancel(t.Context()), "acme")
			refreshed <- err
		}()
		<-entered
		seen := s.Seen(store.KindToken, "acme")
		require.Greater(t, seen, old.Version)
		require.NoError(t, f.Store().Import(t.Context(), old))
		release()
		require.NoError(t, <-refreshed)
		rec, err := f.Store().Get(t.Context(), store.KindToken, "acme")
		require.NoError(t, err)
		assert.Greater(t, rec.Version, seen, "every collector believes it")
		s = f.Restart(s)
		f.Clock.Advance(time.Hour)
		_, err = s.AccessToken(t.Context(), "acme")
		require.NoError(t, err)
	})
	t.Run("a key", func(t *testing.T) {
		t.Parallel()
		f := granttest.NewFixture(t)
		s := f.Start()
		f.Datadog.Answer(mintPath, granttest.Status(403, ""))
		_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
		require.Error(t, err)
		old, err := f.Store().Get(t.Context(), store.KindOrg, "main/datadoghq.eu/"+granttest.OrgA)
		require.NoError(t, err)
		entered, release := f.Datadog.Answered(mintPath)
		minted := make(chan error, 1)
		go func() { minted <- s.MintAgain(context.WithoutCancel(t.Context()), "acme", "ops") }()
		<-entered
		require.NoError(t, f.Store().Import(t.Context(), old))
		release()
		require.NoError(t, <-minted)
		s = f.Restart(s)
		assert.True(t, facts(t, s, "acme").Sending)
	})
}

// A record does not open for a moment, as with a keyset file that was replaced too early.
func TestAnAnswerWaitsForARecordThatDoesNotOpen(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindToken, unlimited)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	b.left.Store(1)
	_, err = s.AccessToken(t.Context(), "acme")
	require.Error(t, err)
	rec, err := f.Store().Get(t.Context(), store.KindToken, "acme")
	require.NoError(t, err)
	good := slices.Clone(rec.Value)
	rec.Value[len(rec.Value)-1] ^= 1
	require.NoError(t, f.Store().Import(t.Context(), rec))
	b.left.Store(unlimited)
	s.Pass(t.Context())
	rec.Value = good
	require.NoError(t, f.Store().Import(t.Context(), rec))
	f.Clock.Advance(2 * time.Hour)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
}

func TestAnOrderlyEndStoresWhatIsInMemoryOnly(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindToken, unlimited)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	b.left.Store(1)
	_, err = s.AccessToken(t.Context(), "acme")
	require.Error(t, err)
	require.ErrorContains(t, s.Close(t.Context()), "refresh/acme", "what is lost is named")
	b.left.Store(unlimited)
	s = f.Restart(s)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
}

// gated stops one reading of a token on its way.
type gated struct {
	breaking
	block atomic.Bool
	in    chan struct{}
	out   chan struct{}
}

func (g *gated) Get(ctx context.Context, kind store.Kind, key string) (store.Record, error) {
	if kind == store.KindToken && g.block.CompareAndSwap(true, false) {
		close(g.in)
		<-g.out
	}
	return g.breaking.Get(ctx, kind, key)
}

func TestSavingAnAnswerDropsNoLaterOne(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	g := &gated{in: make(chan struct{}), out: make(chan struct{})}
	g.kind = store.KindToken
	g.left.Store(unlimited)
	f.Edit = func(o *grant.Options) { g.Store = o.Store; o.Store = g }
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	g.left.Store(1)
	_, err = s.AccessToken(t.Context(), "acme")
	require.Error(t, err) // the first answer is in memory only
	g.left.Store(2)       // it can be saved, and the next intent too; the answer to that cannot
	g.block.Store(true)
	passed, again := make(chan struct{}), make(chan error, 1)
	go func() { s.Pass(context.WithoutCancel(t.Context())); close(passed) }()
	<-g.in // the pass is about to save it
	f.Clock.Advance(2 * time.Hour)
	go func() {
		_, err := s.AccessToken(context.WithoutCancel(t.Context()), "acme")
		again <- err
	}()
	close(g.out)
	<-passed
	<-again
	g.left.Store(unlimited)
	f.Clock.Advance(2 * time.Hour)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, grant.TokenOK, facts(t, s, "acme").Facts.Token)
}
