package grant_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// What RFC 9700 asks of a client behind the pages, as SECURITY.md lists it. Package flow has what a browser sees.

// wholeLife makes every call that the extension knows for a tenant at a site: code, organisation, mint, a key that was lost and is deleted,
// validation, refresh, bearer, revocation.
func wholeLife(t *testing.T, f *granttest.Fixture, s *grant.Service, tenant string, at site.Site) {
	t.Helper()
	f.Datadog.Answer(mintPath, f.Datadog.Lost)
	_, err := f.Connect(s, tenant, at, granttest.OrgA)
	require.NoError(t, err)
	f.Datadog.Answer(validatePath, granttest.Status(500, ""))
	require.NoError(t, s.JudgeKey(t.Context(), tenant))
	f.Clock.Advance(time.Hour)
	_, err = s.AccessToken(t.Context(), tenant)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+at.Hostname(site.HostAPI)+"/api/v1/events", nil)
	require.NoError(t, err)
	resp, err := s.Bearer(tenant, f.Datadog.Client().Transport).RoundTrip(req)
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.NoError(t, s.Disconnect(t.Context(), tenant, "the contract ended", "ops"))
	require.Empty(t, open(t, s))
}

// RFC 9700 §4.4, §4.9: no call of a tenant leaves the API host of its own site, and what is secret is in no address.
func TestRFC9700_CodesSecretsAndTokensGoToTheSitesAPIOnly(t *testing.T) {
	t.Parallel()
	for _, at := range site.Table() {
		t.Run(at.Domain(), func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			f.Datadog.LetManageKeys()
			wholeLife(t, f, f.Start(), "acme", at)
			var paths, secrets []string
			for _, call := range f.Datadog.Calls("") {
				assert.Equal(t, "api."+at.Domain(), call.Host, call.Path)
				paths = append(paths, call.Method+" "+call.Path)
				for _, name := range []string{"client_secret", "code", "code_verifier", "refresh_token", "token"} {
					secrets = append(secrets, call.Form[name]...)
				}
				secrets = append(secrets, strings.TrimPrefix(call.Header.Get("Authorization"), "Bearer "), call.Header.Get("DD-API-KEY"))
				assert.Empty(t, call.Header.Get("Referer"))
			}
			for _, dial := range f.Datadog.Dials() {
				assert.Equal(t, "api."+at.Domain()+":443", dial)
			}
			for _, path := range []string{
				"POST " + tokenPath, "POST " + revokePath, "GET /api/v2/current_user", "POST " + mintPath, "GET " + keysPath, "GET " + validatePath, "GET " + v1Path, "GET /api/v1/events",
			} {
				assert.Contains(t, paths, path)
			}
			assert.NotEmpty(t, deletedKeys(f))
			secrets = slices.DeleteFunc(secrets, func(s string) bool { return s == "" })
			assert.Greater(t, len(secrets), 10)
			for _, call := range f.Datadog.Calls("") {
				for _, secret := range secrets {
					assert.NotContains(t, call.Path+"?"+call.Query, secret)
				}
			}
		})
	}
}

// RFC 6749 §4.1.2: a code is good for one try. Whatever becomes of that try, nobody sends the code again.
func TestRFC9700_ACodeIsSentOnceWhateverTheAnswer(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"none": granttest.Drop, "503": granttest.Status(503, ""), "429": granttest.Status(429, ""), "400": granttest.Status(400, `{"error":"invalid_grant"}`),
		"401": granttest.Status(401, `{"error":"invalid_client"}`), "rubbish": granttest.Status(200, "<html>"), "an empty set": granttest.Status(200, "{}"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			s := f.Start()
			f.Datadog.Answer(tokenPath, answer)
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			require.Error(t, err)
			f.Clock.Advance(time.Hour)
			s.Pass(t.Context())
			s = f.Restart(s)
			s.Pass(t.Context())
			calls := f.Datadog.Calls(tokenPath)
			require.Len(t, calls, 1)
			assert.NotContains(t, err.Error(), calls[0].Form.Get("code"))
			assert.Empty(t, s.Tenants())
		})
	}
}

// An answer that sends on is not obeyed, whatever call it came to: the next host would get the credentials.
func TestRFC9700_NoCallFollowsARedirectWithCredentials(t *testing.T) {
	t.Parallel()
	disconnect := func(t *testing.T, _ *granttest.Fixture, s *grant.Service) {
		require.NoError(t, s.Disconnect(t.Context(), "acme", "the contract ended", "ops"))
		s.Pass(t.Context())
	}
	judge := func(t *testing.T, _ *granttest.Fixture, s *grant.Service) { _ = s.JudgeKey(t.Context(), "acme") }
	calls := map[string]struct {
		path func(f *granttest.Fixture) string
		lost bool // the key of the connection
		do   func(t *testing.T, f *granttest.Fixture, s *grant.Service)
	}{
		"refresh": {path: at(tokenPath), do: func(t *testing.T, f *granttest.Fixture, s *grant.Service) {
			f.Clock.Advance(time.Hour)
			_, err := s.AccessToken(t.Context(), "acme")
			require.Error(t, err)
		}},
		"revoke":      {path: at(revokePath), do: disconnect},
		"delete key":  {path: func(f *granttest.Fixture) string { return keysPath + "/" + f.Datadog.KeyIDs(eu(t), granttest.OrgA)[0] }, do: disconnect},
		"list keys":   {path: at(keysPath), lost: true, do: func(*testing.T, *granttest.Fixture, *grant.Service) {}},
		"validate":    {path: at(validatePath), do: judge},
		"validate v1": {path: at(v1Path), do: judge},
		"bearer": {path: at("/api/v1/events"), do: func(t *testing.T, f *granttest.Fixture, s *grant.Service) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.datadoghq.eu/api/v1/events", nil)
			require.NoError(t, err)
			resp, err := (&http.Client{Transport: s.Bearer("acme", f.Datadog.Client().Transport)}).Do(req) //nolint:bodyclose // there is none
			require.Error(t, err)
			assert.Nil(t, resp)
		}},
	}
	for name, tc := range calls {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(name+" "+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				f := granttest.NewFixture(t)
				f.Datadog.LetManageKeys()
				s := f.Start()
				var path string
				sendOn := func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, "https://evil.example"+r.URL.Path, status)
				}
				if tc.lost {
					path = tc.path(f)
					f.Datadog.Answer(mintPath, f.Datadog.Lost)
					f.Datadog.Answer(path, sendOn)
				}
				_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
				require.Equal(t, tc.lost, err != nil, "%v", err)
				if !tc.lost {
					path = tc.path(f)
					f.Datadog.Answer(path, sendOn)
				}
				if path == v1Path {
					f.Datadog.Answer(validatePath, granttest.Status(500, ""))
				}
				before := len(f.Datadog.Calls(path))
				tc.do(t, f, s)
				if !tc.lost {
					assert.Greater(t, len(f.Datadog.Calls(path)), before, "the call was made")
				} else {
					assert.Equal(t, 1, before, "the call was made")
				}
				for _, dial := range f.Datadog.Dials() {
					assert.Equal(t, "api.datadoghq.eu:443", dial)
				}
			})
		}
	}
}

func at(path string) func(*granttest.Fixture) string {
	return func(*granttest.Fixture) string { return path }
}

// RFC 9700 §4.10.2: what is not for the API host of the tenant's own site gets no access token.
func TestRFC9700_TheAccessTokenGoesToItsOwnSiteOnly(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	rt := s.Bearer("acme", f.Datadog.Client().Transport)
	var refused []string
	for _, other := range site.Table() {
		for _, host := range other.Hostnames() {
			if host != "api.datadoghq.eu" {
				refused = append(refused, "https://"+host+"/x")
			}
		}
	}
	refused = append(refused, "http://api.datadoghq.eu/x", "https://api.datadoghq.eu:8443/x", "https://api.datadoghq.eu.evil.example/x", "https://evil.example/x",
		"https://api.datadoghq.eu@evil.example/x", "https://api.datadoghq.eu./x", "https://127.0.0.1/x", "//api.datadoghq.eu/x")
	before := len(f.Datadog.Dials())
	for _, address := range refused {
		u, err := url.Parse(address)
		require.NoError(t, err)
		_, err = rt.RoundTrip((&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}).WithContext(t.Context())) //nolint:bodyclose // there is none
		require.ErrorContains(t, err, "refused to send the access token", address)
	}
	u, err := url.Parse("https://api.datadoghq.eu/x")
	require.NoError(t, err)
	_, err = rt.RoundTrip((&http.Request{Method: http.MethodGet, URL: u, Host: "evil.example", Header: http.Header{}}).WithContext(t.Context())) //nolint:bodyclose // there is none
	require.ErrorContains(t, err, "refused to send the access token", "another name in Host")
	assert.Len(t, f.Datadog.Dials(), before, "nothing was connected to")
	resp, err := rt.RoundTrip((&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}).WithContext(t.Context()))
	require.NoError(t, err)
	_ = resp.Body.Close()
	calls := f.Datadog.Calls("/x")
	require.Len(t, calls, 1)
	assert.NotEmpty(t, calls[0].Header.Get("Authorization"), "the right host gets it")
}

// RFC 9700 §4.14.2: where refresh tokens rotate, two refreshes at once would look like theft and end the grant.
func TestRFC9700_OneRefreshForAllCallersOfTwoCollectors(t *testing.T) {
	t.Parallel()
	sharedStores(t, func(t *testing.T, f *granttest.Fixture, open func() store.Shared, _ func(...store.Record)) {
		services := []*grant.Service{startOn(f, open()), startOn(f, open())}
		_, err := f.Connect(services[0], "acme", eu(t), granttest.OrgA)
		require.NoError(t, err)
		within(t, propagation, services[1], "acme", nil)
		for round := 1; round <= 3; round++ {
			f.Clock.Advance(time.Hour)
			var callers sync.WaitGroup
			tokens := make([]string, 200)
			for i := range tokens {
				callers.Go(func() {
					var err error
					tokens[i], err = services[i%2].AccessToken(t.Context(), "acme")
					assert.NoError(t, err)
				})
			}
			callers.Wait()
			assert.Len(t, slices.Compact(slices.Sorted(slices.Values(tokens))), 1, "all have the same one")
			sent := map[string]int{}
			for _, call := range f.Datadog.Calls(tokenPath)[1:] {
				sent[call.Form.Get("refresh_token")]++
			}
			assert.Len(t, sent, round)
			for _, n := range sent {
				assert.Equal(t, 1, n, "a refresh token was sent twice")
			}
		}
	})
}

// RFC 9700 §4.14.2: the token that takes the place of a refresh token is the only one that is good, so it is stored before what came with it
// is used. A store that refuses to write leaves the access token unused, and the old refresh token unsent.
func TestRFC9700_ARotatedTokenIsDurableBeforeUse(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindToken, unlimited)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	b.left.Store(1) // the intent can be written, and what comes of it cannot
	for range 3 {
		_, err = s.AccessToken(t.Context(), "acme")
		require.Error(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.datadoghq.eu/api/v1/events", nil)
		require.NoError(t, err)
		_, err = s.Bearer("acme", f.Datadog.Client().Transport).RoundTrip(req) //nolint:bodyclose // there is none
		require.Error(t, err)
	}
	assert.Empty(t, f.Datadog.Calls("/api/v1/events"), "nothing was sent with the token that is not stored")
	require.Len(t, f.Datadog.Calls(tokenPath), 2, "one exchange, one refresh")

	b.left.Store(1) // room for the answer that was kept, which goes before another intent
	f.Clock.Advance(30 * time.Minute)
	token, err := s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	b.left.Store(unlimited)
	stored, _, err := s.Stored(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, stored.AccessToken, token, "what is used is what is stored")
	assert.Len(t, f.Datadog.Calls(tokenPath), 2, "the answer that was kept")
	f.Clock.Advance(time.Hour)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	calls := f.Datadog.Calls(tokenPath)
	require.Len(t, calls, 3)
	assert.Equal(t, stored.RefreshToken, calls[2].Form.Get("refresh_token"))
	assert.NotEqual(t, calls[1].Form.Get("refresh_token"), calls[2].Form.Get("refresh_token"), "the old one is never sent again")
}
