package grant_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
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
	require.ErrorIs(t, err, credential.ErrNotReady)
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
		return err != nil
	}, propagation, 10*time.Millisecond, "the first pass does all of it")
	counts.mu.Lock()
	assert.Equal(t, map[string]int{"refreshed": 28, "revoked": 2}, counts.n)
	counts.mu.Unlock()
	require.ErrorContains(t, s.Trouble(), fmt.Sprintf("2 tenant(s) in state %q", grant.StateReauthorise))
	require.NotContains(t, s.Trouble().Error(), "restored")
}
