package grant_test

import (
	"slices"
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

// restored has n grants, of which the first stale ones hold refresh tokens that were replaced after the backup was made.
func restored(t *testing.T, n, stale int) (*granttest.Fixture, *granttest.Shared) {
	t.Helper()
	f := granttest.NewFixture(t)
	st := f.Shared()
	seeder := startOn(f, st)
	d := seed(f, n)
	issued, left := d.Refresh, stale
	d.Refresh = func(org string) string {
		if left--; left >= 0 {
			return "replaced-since"
		}
		return issued(org)
	}
	require.NoError(t, d.Write(t.Context(), seeder))
	f.Clock.Advance(time.Hour)
	require.NoError(t, seeder.Quarantined(t.Context(), f.Clock.Now()))
	require.NoError(t, seeder.Close(t.Context()))
	return f, st
}

func TestARestoredKeyServesOnceItIsValidated(t *testing.T) {
	t.Parallel()
	f, st := restored(t, 20, 0)
	f.Datadog.RevokeKey(eu(t), grant.SeedOrg(3))
	entered, release := f.Datadog.Held(validatePath)
	sidecar := f.NewOn(st, sending(nil, grant.SeedTenant(1)))
	granttest.AwaitReady(t, sidecar)
	_, err := sidecar.Lookup(grant.SeedTenant(1))
	require.ErrorIs(t, err, credential.ErrKeyMissing, "its data is put aside, and takes no worker of a queue's")
	s := f.NewOn(st, nil)
	granttest.AwaitReady(t, s)
	<-entered
	_, err = s.Lookup("nobody")
	require.ErrorIs(t, err, credential.ErrUnknownTenant)
	release()
	for i := range 20 {
		want := error(nil)
		if i == 3 {
			want = credential.ErrKeyRefused
		}
		within(t, propagation, s, grant.SeedTenant(i), want)
	}
	within(t, propagation, sidecar, grant.SeedTenant(1), nil)
}

func TestARestoredStoreSpendsThreeGrantsAtMost(t *testing.T) {
	t.Parallel()
	const grants = 500
	f, st := restored(t, grants, grants)
	a, b := startOn(f, st), startOn(f, st)
	done := make(chan struct{})
	go func() { defer close(done); b.Pass(t.Context()) }()
	a.Pass(t.Context())
	<-done
	for range 3 {
		a.Pass(t.Context())
		b.Pass(t.Context())
		_, err := a.AccessToken(t.Context(), grant.SeedTenant(grants-1))
		require.Error(t, err)
	}
	assert.Len(t, f.Datadog.Calls(tokenPath), 3)
	dead := 0
	for i := range grants {
		within(t, propagation, a, grant.SeedTenant(i), nil) // no key is lost
	}
	for _, st := range a.Tenants() {
		if st.Facts.Token == grant.TokenReauthorise {
			dead++
		}
	}
	assert.LessOrEqual(t, dead, 3)
	require.Eventually(t, func() bool {
		return strings.Contains(a.Trouble().Error(), "Restore a later backup, or send the customers connect links")
	}, propagation, 10*time.Millisecond, "whichever of them spent the third")
	_, err := st.Get(t.Context(), store.KindQuarantine, grant.QuarantineKey)
	require.NoError(t, err)

	require.NoError(t, a.EndQuarantine(t.Context(), "test"))
	require.ErrorIs(t, a.EndQuarantine(t.Context(), "test"), grant.ErrRefused)
	f.Clock.Advance(25 * time.Hour)
	a.RefreshDue(t.Context())
	assert.Len(t, f.Datadog.Calls(tokenPath), grants, "the others are tried too")
}

func TestAQuarantineEndsByItself(t *testing.T) {
	t.Parallel()
	f, st := restored(t, 30, 2)
	var counts counting
	f.Edit = func(o *grant.Options) { o.Observer.Refreshed = counts.refreshed }
	s := startOn(f, st)
	require.Eventually(t, func() bool {
		_, err := st.Get(t.Context(), store.KindQuarantine, grant.QuarantineKey)
		_, inView := s.Quarantine()
		return err != nil && !inView
	}, propagation, 10*time.Millisecond, "the first pass does all of it")
	q, _ := s.Quarantine()
	assert.Zero(t, q, "a store in no quarantine has stopped nothing")
	counts.mu.Lock()
	assert.Equal(t, map[string]int{"refreshed": 28, "revoked": 2}, counts.n)
	counts.mu.Unlock()
	require.NoError(t, s.Trouble(), "two tenants have to consent again, and the others are well")
}

func TestAStoppedQuarantineStopsNoGrantMadeSince(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	for i := range 5 {
		_, err := f.Connect(s, grant.SeedTenant(i), eu(t), grant.SeedOrg(i))
		require.NoError(t, err)
		f.Datadog.Revoke(grant.SeedOrg(i))
	}
	f.Clock.Advance(time.Minute)
	require.NoError(t, s.Quarantined(t.Context(), f.Clock.Now()))
	f.Clock.Advance(2 * time.Hour)
	for range 3 {
		s.Pass(t.Context())
		f.Clock.Advance(time.Minute)
	}
	q, _ := s.Quarantine()
	require.True(t, q.Stopped)
	_, err := f.Connect(s, grant.SeedTenant(0), eu(t), grant.SeedOrg(0)) // as the trouble says
	require.NoError(t, err)
	f.Clock.Advance(2 * time.Hour)
	_, err = s.AccessToken(t.Context(), grant.SeedTenant(0))
	require.NoError(t, err)
	f.Clock.Advance(25 * time.Hour)
	s.Pass(t.Context())
	assert.Equal(t, f.Clock.Now().UTC(), facts(t, s, grant.SeedTenant(0)).RefreshedAt.UTC())
}

// A backup may be opened beside the store that it was taken from.
func TestAQuarantinedStoreEndsNothingOnAccountOfTheBackup(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Datadog.LetManageKeys()
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = f.Connect(s, "gone", site.US1(), granttest.OrgB)
	require.NoError(t, err)
	_, err = consent(t, f, s, elsewhere(t)) // a change that nobody confirmed
	require.NoError(t, err)
	f.Datadog.Answer(revokePath, granttest.Status(503, ""))
	f.Datadog.Answer(keysPath, granttest.Status(503, ""))
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "ops"))
	require.Eventually(t, func() bool {
		left, err := s.Revocations(t.Context())
		return err == nil && slices.ContainsFunc(left, func(r grant.Revocation) bool { return r.Attempts > 0 }) &&
			!slices.ContainsFunc(left, func(r grant.Revocation) bool { return r.Attempts == 0 })
	}, propagation, 5*time.Millisecond, "each was tried once, in vain")
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	f.Clock.Advance(time.Second) // nothing is due again yet
	require.NoError(t, s.Quarantined(t.Context(), f.Clock.Now()))
	revoked, deleted := len(f.Datadog.Calls(revokePath)), len(deletedKeys(f))
	f.Datadog.Revoke(granttest.OrgA) // so that the quarantine lasts
	f.Clock.Advance(25 * time.Hour)
	for range 3 {
		f.Datadog.Answer(tokenPath, granttest.Status(503, ""))
		f.Datadog.Answer(tokenPath, granttest.Status(503, ""))
		s.Pass(t.Context())
	}
	_, ok := s.Quarantine()
	require.True(t, ok)
	assert.Len(t, f.Datadog.Calls(revokePath), revoked)
	assert.Len(t, deletedKeys(f), deleted)
	_, err = f.Store().Get(t.Context(), store.KindPending, "acme")
	require.NoError(t, err, "it is not decided yet that nobody confirmed it")
	require.NoError(t, s.EndQuarantine(t.Context(), "ops"))
	s.Pass(t.Context())
	assert.Greater(t, len(f.Datadog.Calls(revokePath)), revoked)
}
