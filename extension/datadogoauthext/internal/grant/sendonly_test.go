package grant_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// sending makes the options of a sidecar that sends for tenants. copied may be nil.
func sending(copied store.Store, tenants ...string) func(*grant.Options) {
	return func(o *grant.Options) {
		o.SendOnly, o.Tenants, o.Copy = true, tenants, copied
		o.Tokens, o.Clients = nil, nil
	}
}

func openCopy(f *granttest.Fixture) *store.Bolt {
	f.TB.Helper()
	bolt, err := store.OpenBolt(filepath.Join(f.Dir, "copy.db"), store.BoltOptions{})
	require.NoError(f.TB, err)
	f.TB.Cleanup(func() { _ = bolt.Close() })
	return bolt
}

func TestASidecarServesItsTenantsOnly(t *testing.T) {
	t.Parallel()
	sharedStores(t, func(t *testing.T, f *granttest.Fixture, open func() store.Shared, _ func(...store.Record)) {
		st := open()
		full := startOn(f, st)
		_, err := f.Connect(full, "other", eu(t), granttest.OrgB)
		require.NoError(t, err)
		s := f.NewOn(open(), sending(nil, "acme", "late"))
		granttest.AwaitReady(t, s)
		for _, tenant := range []string{"acme", "other", "nobody"} {
			_, err = s.Lookup(tenant)
			require.ErrorIs(t, err, credential.ErrUnknownTenant)
		}
		_, err = f.Connect(full, "acme", eu(t), granttest.OrgA)
		require.NoError(t, err)
		within(t, propagation, s, "acme", nil)
		cred, err := s.Lookup("acme")
		require.NoError(t, err)
		assert.Equal(t, granttest.OrgA, cred.Org().ID)
		_, err = f.Connect(full, "late", eu(t), granttest.OrgB) // an organisation that was there before
		require.NoError(t, err)
		within(t, propagation, s, "late", nil)
		_, err = s.Lookup("other")
		require.ErrorIs(t, err, credential.ErrUnknownTenant)

		before := len(f.Datadog.Calls(""))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.datadoghq.eu/api/v2/incidents", nil)
		require.NoError(t, err)
		_, err = s.Bearer("acme", f.Datadog.Client().Transport).RoundTrip(req) //nolint:bodyclose // there is none
		require.ErrorIs(t, err, grant.ErrSendOnly)
		require.ErrorIs(t, s.Pause(t.Context(), "acme", "unpaid", "test"), grant.ErrSendOnly)
		require.ErrorIs(t, s.Disconnect(t.Context(), "acme", "over", "test"), grant.ErrSendOnly)
		s.SendingPass(t.Context())
		assert.Len(t, f.Datadog.Calls(""), before)

		require.NoError(t, full.Disconnect(t.Context(), "acme", "over", "test"))
		within(t, propagation, s, "acme", credential.ErrDisconnected)
	})
}

func TestASidecarRemembersWhatDatadogRefused(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := f.Shared()
	full := startOn(f, st)
	_, err := f.Connect(full, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	s := f.NewOn(st, sending(nil, "acme"))
	granttest.AwaitReady(t, s)
	f.Clock.Advance(2 * time.Minute)
	f.Datadog.RevokeKey(eu(t), granttest.OrgA)
	before := len(f.Datadog.Calls(validatePath))
	for range 5 {
		s.Refused("acme", 1)
	}
	within(t, propagation, s, "acme", credential.ErrKeyRefused)
	assert.Len(t, f.Datadog.Calls(validatePath), before+1, "one question per window")
	_, err = full.Lookup("acme")
	require.NoError(t, err, "nothing was written")

	// Another generation is another key.
	_, err = f.Connect(full, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	within(t, propagation, s, "acme", nil)
	cred, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, uint64(2), cred.Generation())

	// And a no may have been a fault of Datadog's.
	f.Clock.Advance(2 * time.Minute)
	f.Datadog.Answer(validatePath, granttest.Status(403, `{}`))
	f.Datadog.Answer(v1Path, granttest.Status(403, `{}`))
	s.Refused("acme", 2)
	within(t, propagation, s, "acme", credential.ErrKeyRefused)
	f.Clock.Advance(11 * time.Minute)
	s.SendingPass(t.Context())
	within(t, 0, s, "acme", nil)
}

func TestASidecarStartsFromItsCopy(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := f.Shared()
	copied := openCopy(f)
	full := startOn(f, st)
	for tenant, org := range map[string]string{"acme": granttest.OrgA, "gone": granttest.OrgB, "foreign": granttest.OrgB} {
		_, err := f.Connect(full, tenant, eu(t), org)
		require.NoError(t, err)
	}
	sidecar := func(down bool) (*grant.Service, *observer.ObservedLogs) {
		st.SetDown(false)
		core, logs := observer.New(zap.WarnLevel)
		s := f.NewOn(st, func(o *grant.Options) {
			sending(copied, "acme", "gone")(o)
			o.Logger = zap.New(core)
		})
		st.SetDown(down)
		granttest.AwaitReady(t, s)
		return s, logs
	}
	s, _ := sidecar(false)
	require.NoError(t, full.Disconnect(t.Context(), "gone", "over", "test"))
	within(t, propagation, s, "gone", credential.ErrDisconnected)
	awaitCopy(t, st, copied, store.KindGrant, "gone")
	require.NoError(t, s.Close(t.Context()))
	for _, kind := range store.Kinds() {
		require.NoError(t, copied.List(t.Context(), kind, func(r store.Record) error {
			assert.Contains(t, []store.Kind{store.KindCanary, store.KindOrg, store.KindGrant}, r.Kind)
			assert.NotEqual(t, "foreign", r.Key)
			original, err := st.Bolt.Get(t.Context(), r.Kind, r.Key)
			assert.NoError(t, err)
			assert.Equal(t, original, r, "sealed as it was")
			return nil
		}))
	}

	f.Clock.Advance(time.Hour)
	s, logs := sidecar(true)
	_, err := s.Lookup("acme")
	require.NoError(t, err)
	_, err = s.Lookup("gone")
	require.ErrorIs(t, err, credential.ErrDisconnected, "the copy knows")
	_, err = s.Lookup("foreign")
	require.ErrorIs(t, err, credential.ErrUnknownTenant)
	require.Eventually(t, func() bool { // the copy serves a moment before what is wrong with the store is noted
		err := s.Trouble()
		return err != nil && strings.Contains(err.Error(), "the local copy of ")
	}, propagation, 10*time.Millisecond)
	said := logs.FilterMessageSnippet("the local copy serves").All()
	require.Len(t, said, 1)
	assert.InDelta(t, time.Hour, said[0].ContextMap()["age"], float64(2*time.Minute))

	require.NoError(t, s.Close(t.Context()))
	s, _ = sidecar(false)
	require.Eventually(t, func() bool { return s.Trouble() == nil }, propagation, 10*time.Millisecond)
	require.NoError(t, full.Pause(t.Context(), "acme", "unpaid", "test"))
	within(t, propagation, s, "acme", credential.ErrPaused)
}

// awaitCopy waits until the copy holds what the store holds.
func awaitCopy(t *testing.T, st *granttest.Shared, copied store.Store, kind store.Kind, key string) {
	t.Helper()
	want, err := st.Bolt.Get(t.Context(), kind, key)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		have, err := copied.Get(t.Context(), kind, key)
		return err == nil && have.Version == want.Version
	}, propagation, 10*time.Millisecond)
}

func TestACopyThatDoesNotOpenServesNothing(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := f.Shared()
	copied := openCopy(f)
	full := startOn(f, st)
	_, err := f.Connect(full, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	first := f.NewOn(st, sending(copied, "acme"))
	granttest.AwaitReady(t, first)
	require.Eventually(t, func() bool {
		_, err := copied.Get(t.Context(), store.KindGrant, "acme")
		return err == nil
	}, propagation, 10*time.Millisecond)
	require.NoError(t, first.Close(t.Context()))
	other := filepath.Join(f.Dir, "other.json")
	require.NoError(t, seal.CreateFile(other))
	keys, err := seal.Load(other)
	require.NoError(t, err)
	core, logs := observer.New(zap.WarnLevel)
	s := f.NewOn(st, func(o *grant.Options) {
		sending(copied, "acme")(o)
		o.Keys, o.Logger = keys, zap.New(core)
	})
	st.SetDown(true)
	s.Start()
	require.Eventually(t, func() bool { return logs.FilterMessageSnippet("does not open").Len() == 1 }, propagation, 10*time.Millisecond)
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrNotReady)
}
