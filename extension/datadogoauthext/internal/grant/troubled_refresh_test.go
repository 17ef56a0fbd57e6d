package grant_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestAnUnreadableSecretFileIsTrouble(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	core, logs := observer.New(zap.ErrorLevel)
	f.Logger = zap.New(core)
	var mu sync.Mutex
	var trouble error
	f.Edit = func(o *grant.Options) {
		o.Observer.Trouble = func(err error) { mu.Lock(); trouble = err; mu.Unlock() }
	}
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	require.NoError(t, os.Remove(f.SecretFile))
	f.Clock.Advance(25 * time.Hour)
	for range 5 {
		s.Pass(t.Context())
	}
	mu.Lock()
	require.ErrorContains(t, trouble, "client_secret_file")
	mu.Unlock()
	assert.Equal(t, 1, logs.Len(), "once per change of state")
	require.NoError(t, os.WriteFile(f.SecretFile, []byte(granttest.Secret), 0o600))
	s.Pass(t.Context())
	mu.Lock()
	require.NoError(t, trouble)
	mu.Unlock()
	assert.Len(t, f.Datadog.Calls(tokenPath), 2)
}

// unleasing gives no lease while broken says why.
type unleasing struct {
	store.Store
	mu     sync.Mutex // guards the rest
	broken error
	tries  int
}

func (u *unleasing) Lease(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.broken != nil {
		if name != "can it be written?" { // which each pass tries
			u.tries++
		}
		return nil, u.broken
	}
	return u.Store.Lease(ctx, name, ttl)
}

func TestARefreshThatCannotBeginIsLoggedOnceAndWaits(t *testing.T) {
	t.Parallel()
	const hour = 120 // passes
	cases := map[string]func(*granttest.Fixture) (breakIt, mend func()){
		"the disk is full": func(f *granttest.Fixture) (breakIt, mend func()) {
			b := &breaking{kind: store.KindToken}
			b.left.Store(unlimited)
			f.Edit = func(o *grant.Options) { b.Store = o.Store; o.Store = b }
			return func() { b.left.Store(0) }, func() { b.left.Store(unlimited) }
		},
		"no lease": func(f *granttest.Fixture) (breakIt, mend func()) {
			u := &unleasing{}
			f.Edit = func(o *grant.Options) { u.Store = o.Store; o.Store = u }
			set := func(err error) func() { return func() { u.mu.Lock(); u.broken = err; u.mu.Unlock() } }
			t.Cleanup(func() { assert.Less(t, u.tries, 20, "it waits between tries") })
			return set(store.ErrFull), set(nil)
		},
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			core, logs := observer.New(zap.WarnLevel)
			f.Logger = zap.New(core)
			breakIt, mend := prepare(f)
			s := f.Start()
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			require.NoError(t, err)
			f.Clock.Advance(25 * time.Hour)
			breakIt()
			for range hour {
				s.Pass(t.Context())
				f.Clock.Advance(30 * time.Second)
			}
			assert.Equal(t, 1, logs.FilterMessageSnippet("cannot be refreshed").Len())
			assert.Len(t, f.Datadog.Calls(tokenPath), 1)
			mend()
			f.Clock.Advance(2 * time.Hour)
			s.Pass(t.Context())
			assert.Len(t, f.Datadog.Calls(tokenPath), 2)
		})
	}
}

func TestADatabaseThatIsBackIsUsedAtOnce(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	core, logs := observer.New(zap.ErrorLevel)
	f.Logger = zap.New(core)
	u := &unleasing{}
	f.Edit = func(o *grant.Options) { u.Store = o.Store; o.Store = u }
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	set := func(err error) { u.mu.Lock(); u.broken = err; u.mu.Unlock() }
	set(store.ErrUnreachable)
	for range 20 {
		for range 3 {
			_, err = s.AccessToken(t.Context(), "acme")
			require.Error(t, err)
		}
		f.Clock.Advance(2 * time.Second)
	}
	assert.Equal(t, 20, u.tries, "it waits between tries, and never longer")
	assert.Equal(t, 1, logs.FilterMessageSnippet("cannot be refreshed").Len())
	set(nil)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
}

func TestAnUnreadableTokenStopsNothingAndAConsentReplacesIt(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	rec, err := f.Store().Get(t.Context(), store.KindToken, "acme")
	require.NoError(t, err)
	rec.Value[len(rec.Value)-1] ^= 1
	require.NoError(t, f.Store().Apply(t.Context(), store.Change{Record: rec}))
	s = f.Restart(s)
	s.Pass(t.Context())
	_, err = s.Lookup("acme")
	require.NoError(t, err)
	st := facts(t, s, "acme")
	assert.Equal(t, grant.Facts{Token: grant.TokenReauthorise, Key: grant.KeyFresh, Hold: grant.HoldNone}, st.Facts)
	assert.Contains(t, st.TokenReason, "cannot be read")
	_, err = s.AccessToken(t.Context(), "acme")
	require.ErrorContains(t, err, "cannot be read")
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	s = f.Restart(s)
	assert.Equal(t, grant.TokenOK, facts(t, s, "acme").Facts.Token)
}

func TestBearerCallsSpareAFailingTokenEndpoint(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	old, err := s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	for range 10 {
		f.Datadog.Answer(tokenPath, granttest.Status(503, ""))
	}
	f.Clock.Advance(56 * time.Minute) // inside the last five minutes
	for range 10 {
		token, err := s.AccessToken(t.Context(), "acme")
		require.NoError(t, err)
		assert.Equal(t, old, token, "good until it runs out")
	}
	assert.Len(t, f.Datadog.Calls(tokenPath), 2)
	f.Clock.Advance(5 * time.Minute)
	for range 10 {
		_, err = s.AccessToken(t.Context(), "acme")
		require.Error(t, err)
	}
	assert.Len(t, f.Datadog.Calls(tokenPath), 3)
}

func TestBearerRepeatsOnceAfter401(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	rt := s.Bearer("acme", f.Datadog.Client().Transport)
	var bodies []string
	post := func(statuses ...int) int {
		for _, status := range statuses {
			f.Datadog.Answer("/incidents", func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				bodies = append(bodies, string(body))
				w.WriteHeader(status)
			})
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.datadoghq.eu/incidents", strings.NewReader("{}"))
		require.NoError(t, err)
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	assert.Equal(t, 200, post(401, 200))
	assert.Equal(t, []string{"{}", "{}"}, bodies)
	calls := f.Datadog.Calls("/incidents")
	assert.NotEqual(t, calls[0].Header.Get("Authorization"), calls[1].Header.Get("Authorization"))
	assert.Len(t, f.Datadog.Calls(tokenPath), 2)
	for range 10 {
		assert.Equal(t, 401, post(401), "an endpoint that takes no OAuth token")
	}
	assert.Len(t, f.Datadog.Calls(tokenPath), 2, "no refresh for each of its answers")
	f.Clock.Advance(6 * time.Minute)
	assert.Equal(t, 401, post(401, 401), "once")
	assert.Len(t, f.Datadog.Calls(tokenPath), 3)
}

func TestAKeyWithoutAVerdictIsNotReplaced(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Datadog.Answer(validatePath, granttest.Status(403, ``))
	f.Datadog.Answer(v1Path, granttest.Status(403, ``))
	require.NoError(t, s.JudgeKey(t.Context(), "acme"))
	require.Equal(t, grant.KeyRefused, facts(t, s, "acme").Facts.Key)
	f.Datadog.Answer(validatePath, granttest.Status(503, ``))
	f.Datadog.Answer(v1Path, granttest.Status(503, ``))
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.ErrorContains(t, err, "could not be checked")
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
	assert.Equal(t, grant.KeyRefused, facts(t, s, "acme").Facts.Key)
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err, "the key was good all the time")
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
}
