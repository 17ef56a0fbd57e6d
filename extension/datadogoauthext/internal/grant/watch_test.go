package grant_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

// sharedStores are the kinds of stores that several collectors can use. open gives a handle for one collector. rollBack does what a
// failover to a database that lacked the latest writes does.
func sharedStores(t *testing.T, test func(t *testing.T, f *granttest.Fixture, open func() store.Shared, rollBack func(...store.Record))) {
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		f := granttest.NewFixture(t)
		st := f.Shared()
		test(t, f, func() store.Shared { return st }, func(old ...store.Record) {
			require.NoError(t, st.Bolt.Import(t.Context(), old...))
			st.ForgetChanges()
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		f := granttest.NewFixture(t)
		db := pgtest.Shared(t).Database(t)
		test(t, f, func() store.Shared {
			st, err := store.OpenPostgres(store.PostgresOptions{DSN: db.Writer})
			require.NoError(t, err)
			t.Cleanup(func() { _ = st.Close() })
			return st
		}, func(old ...store.Record) {
			for _, r := range old {
				pgtest.Exec(t, db.Admin, `UPDATE datadogoauth.records SET version = $3, value = $4 WHERE kind = $1 AND key = $2`, string(r.Kind), []byte(r.Key), int64(r.Version), r.Value)
			}
			pgtest.Exec(t, db.Admin, `DELETE FROM datadogoauth.commits WHERE position > (SELECT min(position) FROM datadogoauth.commits)`)
		})
	})
}

// within waits until a lookup of a tenant ends with an error, or with none.
func within(t *testing.T, limit time.Duration, s *grant.Service, tenant string, want error) {
	t.Helper()
	end := time.After(limit)
	for {
		changed := s.Changes()
		_, err := s.Lookup(tenant)
		if want == nil && err == nil || want != nil && errors.Is(err, want) {
			return
		}
		select {
		case <-changed:
		case <-end:
			t.Fatalf("tenant %s: still %v after %s", tenant, err, limit)
		}
	}
}

func startOn(f *granttest.Fixture, st store.Store) *grant.Service {
	s := f.NewOn(st, f.Edit)
	granttest.AwaitReady(f.TB, s)
	return s
}

const propagation = 5 * time.Second

func TestCollectorsFollowEachOther(t *testing.T) {
	t.Parallel()
	sharedStores(t, func(t *testing.T, f *granttest.Fixture, open func() store.Shared, _ func(...store.Record)) {
		first := open()
		a, b := startOn(f, first), startOn(f, open())
		_, err := f.Connect(a, "acme", eu(t), granttest.OrgA)
		require.NoError(t, err)
		_, err = f.Connect(a, "other", eu(t), granttest.OrgB)
		require.NoError(t, err)
		within(t, propagation, b, "acme", nil)
		within(t, propagation, b, "other", nil)
		token, err := a.AccessToken(t.Context(), "acme")
		require.NoError(t, err)
		same, err := b.AccessToken(t.Context(), "acme")
		require.NoError(t, err)
		assert.Equal(t, token, same)

		// A flipped byte stops its tenant and no other, until it is put right.
		good, err := first.Get(t.Context(), store.KindGrant, "acme")
		require.NoError(t, err)
		bad := good
		bad.Value = append([]byte{}, good.Value...)
		bad.Value[len(bad.Value)-1] ^= 1
		bad.Version++
		require.NoError(t, first.Import(t.Context(), bad))
		within(t, propagation, b, "acme", credential.ErrPaused)
		assert.Equal(t, grant.HoldUnreadable, facts(t, b, "acme").Facts.Hold)
		within(t, propagation, b, "other", nil)
		require.NoError(t, first.Import(t.Context(), good))
		within(t, propagation, b, "acme", nil)

		require.NoError(t, a.Disconnect(t.Context(), "acme", "the contract ended", "test"))
		within(t, propagation, b, "acme", credential.ErrDisconnected)
		within(t, propagation, b, "other", nil)

		rec, err := first.Get(t.Context(), store.KindGrant, "other")
		require.NoError(t, err)
		require.NoError(t, first.Apply(t.Context(), store.Change{Record: rec, Delete: true}))
		tok, err := first.Get(t.Context(), store.KindToken, "other")
		require.NoError(t, err)
		require.NoError(t, first.Apply(t.Context(), store.Change{Record: tok, Delete: true}))
		within(t, propagation, b, "other", credential.ErrUnknownTenant)
	})
}

func TestRFC9700_ARolledBackRecordIsNotBelieved(t *testing.T) {
	t.Parallel()
	sharedStores(t, func(t *testing.T, f *granttest.Fixture, open func() store.Shared, rollBack func(...store.Record)) {
		first := open()
		a, b := startOn(f, first), startOn(f, open())
		_, err := f.Connect(a, "acme", eu(t), granttest.OrgA)
		require.NoError(t, err)
		_, err = f.Connect(a, "other", eu(t), granttest.OrgB)
		require.NoError(t, err)
		old, err := first.Get(t.Context(), store.KindGrant, "acme")
		require.NoError(t, err)
		oldToken, err := first.Get(t.Context(), store.KindToken, "other")
		require.NoError(t, err)
		require.NoError(t, a.Pause(t.Context(), "acme", "unpaid", "test"))
		require.NoError(t, a.Resume(t.Context(), "acme", "test"))
		f.Clock.Advance(time.Hour)
		_, err = a.AccessToken(t.Context(), "other")
		require.NoError(t, err)
		within(t, propagation, b, "acme", nil)
		calls := len(f.Datadog.Calls(tokenPath))
		awaitVersion(t, first, b, "acme")

		rollBack(old, oldToken)
		for _, s := range []*grant.Service{a, b} {
			within(t, propagation, s, "acme", credential.ErrPaused)
			st := facts(t, s, "acme")
			assert.Equal(t, grant.StateUnreadable, st.State)
			assert.Contains(t, st.HoldReason, grant.ErrRolledBack.Error())
			within(t, propagation, s, "other", nil)
		}
		f.Clock.Advance(time.Hour)
		_, err = a.AccessToken(t.Context(), "other")
		require.Error(t, err)
		a.Pass(t.Context())
		b.Pass(t.Context())
		assert.Len(t, f.Datadog.Calls(tokenPath), calls, "an older refresh token is sent by nobody")
		require.ErrorIs(t, a.Disconnect(t.Context(), "acme", "", "test"), grant.ErrRolledBack, "nothing is written over it")
		_, err = f.Connect(a, "acme", eu(t), granttest.OrgA)
		require.ErrorIs(t, err, grant.ErrRolledBack)

		c := startOn(f, open()) // the way out that the error names
		_, err = c.Lookup("acme")
		require.NoError(t, err)
	})
}

// awaitVersion waits until a collector knows the latest version of a tenant's grant.
func awaitVersion(t *testing.T, st store.Store, s *grant.Service, tenant string) {
	t.Helper()
	rec, err := st.Get(t.Context(), store.KindGrant, tenant)
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return s.Seen(store.KindGrant, tenant) == rec.Version }, propagation, 10*time.Millisecond)
}

func TestChangesThatAreKeptNoMoreAreReadAgain(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := f.Shared()
	a, b := startOn(f, st), startOn(f, st)
	for tenant, org := range map[string]string{"acme": granttest.OrgA, "other": granttest.OrgB} {
		_, err := f.Connect(a, tenant, eu(t), org)
		require.NoError(t, err)
		within(t, propagation, b, tenant, nil)
	}
	var drop []store.Change
	for _, kind := range []store.Kind{store.KindGrant, store.KindToken} {
		rec, err := st.Get(t.Context(), kind, "acme")
		require.NoError(t, err)
		drop = append(drop, store.Change{Record: rec, Delete: true})
	}
	require.NoError(t, st.Bolt.Apply(t.Context(), drop...)) // no change tells of it
	_, err := b.Lookup("acme")
	require.NoError(t, err)
	st.ForgetChanges()
	within(t, propagation, b, "acme", credential.ErrUnknownTenant)
	_, err = b.Lookup("other")
	require.NoError(t, err)
}

func TestMemoryServesWhileTheDatabaseIsDown(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := f.Shared()
	a := startOn(f, st)
	troubles := make(chan error, 100)
	f.Edit = func(o *grant.Options) { o.Observer.Trouble = func(err error) { troubles <- err } }
	b := startOn(f, st)
	_, err := f.Connect(a, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	within(t, propagation, b, "acme", nil)
	st.SetDown(true)
	require.ErrorContains(t, <-troubles, "does not answer since")
	_, err = b.Lookup("acme")
	require.NoError(t, err)
	_, err = b.Lookup("nobody")
	require.ErrorIs(t, err, credential.ErrUnknownTenant)
	_, err = b.AccessToken(t.Context(), "acme")
	require.NoError(t, err, "the token is good for an hour")
	st.SetDown(false)
	require.NoError(t, <-troubles)
	require.NoError(t, a.Pause(t.Context(), "acme", "unpaid", "test"))
	within(t, propagation, b, "acme", credential.ErrPaused)
}

func TestTheDatabaseIsDownForTenMinutesAtStart(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	bolt := f.Shared().Bolt
	before := f.NewOn(bolt, nil)
	granttest.AwaitReady(t, before)
	_, err := f.Connect(before, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	require.NoError(t, before.Close(t.Context()))
	synctest.Test(t, func(t *testing.T) {
		st := granttest.NewShared(bolt)
		troubles := make(chan string, 100)
		var prepared atomic.Int64
		s := f.NewOn(st, func(o *grant.Options) {
			o.Now, o.After = nil, nil
			o.Prepare = func(ctx context.Context) error {
				prepared.Add(1)
				_, err := st.Get(ctx, store.KindCanary, "keys")
				return err
			}
			o.Observer.Trouble = func(err error) {
				if err != nil {
					troubles <- err.Error()
				}
			}
		})
		st.SetDown(true)
		changed := s.Changes()
		s.Start()
		for range 10 * 60 {
			time.Sleep(time.Second)
			synctest.Wait()
			_, err := s.Lookup("acme")
			require.ErrorIs(t, err, credential.ErrNotReady)
			_, err = s.Lookup("nobody")
			require.ErrorIs(t, err, credential.ErrNotReady)
			_, err = s.Org("acme")
			require.ErrorIs(t, err, credential.ErrNotReady)
		}
		require.Len(t, troubles, 1)
		trouble := <-troubles
		assert.Contains(t, trouble, store.ErrUnreachable.Error())
		assert.Contains(t, trouble, "cannot be loaded since")
		assert.Greater(t, prepared.Load(), int64(50))
		st.SetDown(false)
		select {
		case <-changed:
		case <-time.After(time.Minute):
			t.Fatal("not ready")
		}
		_, err := s.Lookup("acme")
		require.NoError(t, err)
		_, err = s.Lookup("nobody")
		require.ErrorIs(t, err, credential.ErrUnknownTenant)
		require.NoError(t, s.Close(t.Context()))
	})
}
