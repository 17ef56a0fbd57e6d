package grant_test

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestRefresh(t *testing.T) {
	t.Parallel()
	for name, rotate := range map[string]bool{"with rotation": true, "without rotation": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			s := f.Start()
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			require.NoError(t, err)
			f.Datadog.SetRotation(rotate)
			first, err := s.AccessToken(t.Context(), "acme")
			require.NoError(t, err)
			for range 3 {
				f.Clock.Advance(56 * time.Minute) // inside the last five minutes
				next, err := s.AccessToken(t.Context(), "acme")
				require.NoError(t, err)
				assert.NotEqual(t, first, next)
				first = next
				s = f.Restart(s) // what was used is what was stored
				same, err := s.AccessToken(t.Context(), "acme")
				require.NoError(t, err)
				assert.Equal(t, next, same)
			}
			assert.Len(t, f.Datadog.Calls(tokenPath), 4)
		})
	}
}

func TestAThousandCallersShareOneRefresh(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			_, err := s.AccessToken(t.Context(), "acme")
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Len(t, f.Datadog.Calls(tokenPath), 2)
}

func TestKeepAliveOnceADay(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(17 * time.Hour)
	s.Pass(t.Context())
	assert.Len(t, f.Datadog.Calls(tokenPath), 1)
	f.Clock.Advance(7 * time.Hour)
	s.Pass(t.Context())
	s.Pass(t.Context())
	assert.Len(t, f.Datadog.Calls(tokenPath), 2)
}

func TestRevokedGrantGoesOnSending(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Datadog.Revoke(granttest.OrgA)
	f.Clock.Advance(25 * time.Hour)
	s.Pass(t.Context())
	st := facts(t, s, "acme")
	assert.Equal(t, grant.TokenReauthorise, st.Facts.Token)
	assert.Contains(t, st.TokenReason, "revoked")
	assert.True(t, st.Sending)
	_, err = s.Lookup("acme")
	require.NoError(t, err)
	calls := len(f.Datadog.Calls(tokenPath))
	f.Clock.Advance(48 * time.Hour)
	s.Pass(t.Context())
	_, err = s.AccessToken(t.Context(), "acme")
	require.Error(t, err)
	assert.Len(t, f.Datadog.Calls(tokenPath), calls, "a dead grant is never tried again")

	f.Stop(s, f.Store().(*store.Bolt))
	f.Edit = func(o *grant.Options) { o.StopWithToken = true }
	s = f.Start()
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrPaused)
}

func TestALostRotationEndsInANamedState(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	f.Datadog.Answer(tokenPath, f.Datadog.Lost)
	_, err = s.AccessToken(t.Context(), "acme")
	require.Error(t, err)
	assert.Equal(t, grant.TokenFailing, facts(t, s, "acme").Facts.Token)
	s = f.Restart(s)
	f.Clock.Advance(time.Hour)
	s.Pass(t.Context())
	st := facts(t, s, "acme")
	assert.Equal(t, grant.TokenReauthorise, st.Facts.Token)
	assert.Contains(t, st.TokenReason, "refresh outcome unknown")
	assert.True(t, st.Sending)
}

func TestTokenEndpointDownForHours(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(25 * time.Hour)
	for range 50 {
		f.Datadog.Answer(tokenPath, granttest.Status(503, ""))
	}
	before := len(f.Datadog.Calls(tokenPath))
	for range 6 * 60 * 2 { // six hours of passes
		f.Clock.Advance(30 * time.Second)
		s.Pass(t.Context())
	}
	tries := len(f.Datadog.Calls(tokenPath)) - before
	assert.Greater(t, tries, 5)
	assert.Less(t, tries, 20)
	st := facts(t, s, "acme")
	assert.Equal(t, grant.TokenFailing, st.Facts.Token)
	assert.True(t, st.Sending)
	for len(f.Datadog.Calls(tokenPath))-before < 50 {
		f.Clock.Advance(time.Hour)
		s.Pass(t.Context())
	}
	f.Clock.Advance(2 * time.Hour)
	s.Pass(t.Context())
	assert.Equal(t, grant.TokenOK, facts(t, s, "acme").Facts.Token)
}

func TestRejectedClientStopsItsTokenCallsAndNoGrant(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	var troubles []error
	var mu sync.Mutex
	f.Edit = func(o *grant.Options) {
		o.Observer.Trouble = func(err error) { mu.Lock(); troubles = append(troubles, err); mu.Unlock() }
	}
	s := f.Start()
	tenants := []string{"a", "b", "c", "d", "e"}
	for _, tenant := range tenants {
		_, err := f.Connect(s, tenant, eu(t), granttest.OrgA)
		require.NoError(t, err)
	}
	f.Datadog.SetSecret("another-secret-0123456789")
	f.Clock.Advance(25 * time.Hour)
	before := len(f.Datadog.Calls(tokenPath))
	for range 20 { // ten minutes
		s.Pass(t.Context())
		f.Clock.Advance(30 * time.Second)
	}
	calls := len(f.Datadog.Calls(tokenPath)) - before
	assert.GreaterOrEqual(t, calls, 2)
	assert.LessOrEqual(t, calls, 25)
	for _, tenant := range tenants {
		st := facts(t, s, tenant)
		assert.Equal(t, grant.TokenOK, st.Facts.Token, "no grant changes")
		assert.True(t, st.Sending)
	}
	require.Error(t, s.ClientReady("main"))
	mu.Lock()
	require.NotEmpty(t, troubles)
	assert.ErrorContains(t, troubles[len(troubles)-1], "client_secret_file")
	mu.Unlock()

	require.NoError(t, os.WriteFile(f.SecretFile, []byte("another-secret-0123456789\n"), 0o600))
	require.NoError(t, s.ClientReady("main"))
	s.Pass(t.Context())
	s.Pass(t.Context())
	for _, tenant := range tenants {
		assert.Equal(t, f.Clock.Now().UTC(), facts(t, s, tenant).RefreshedAt.UTC(), tenant)
	}
	mu.Lock()
	assert.NoError(t, troubles[len(troubles)-1])
	mu.Unlock()
}

// replacing lets another write of a token come between the last reading of it and the intent.
type replacing struct {
	store.Store
	before atomic.Pointer[func()]
}

func (r *replacing) Apply(ctx context.Context, changes ...store.Change) error {
	for _, c := range changes {
		if c.Kind == store.KindToken {
			if do := r.before.Swap(nil); do != nil {
				(*do)()
			}
		}
	}
	return r.Store.Apply(ctx, changes...)
}

func TestATokenReplacedJustBeforeItsRefreshIsTaken(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	core, logs := observer.New(zap.WarnLevel)
	f.Logger = zap.New(core)
	r := &replacing{}
	f.Edit = func(o *grant.Options) { r.Store = o.Store; o.Store = r }
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	consents := func() {
		_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
		assert.NoError(t, err)
	}
	r.before.Store(&consents)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	assert.Len(t, f.Datadog.Calls(tokenPath), 2, "two consents, and no refresh")
	assert.Zero(t, logs.Len(), "that is no fault")
}
