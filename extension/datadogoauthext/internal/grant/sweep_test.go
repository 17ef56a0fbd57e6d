package grant_test

import (
	"context"
	"errors"
	"sync/atomic"
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

// Datadog ends a consent with a wrong client_id or redirect_uri on a page of its own, so only the flow's end in time tells of it.
func TestConsentsThatNeverComeBackAreCountedAndSaidOnce(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	core, logs := observer.New(zap.WarnLevel)
	f.Logger = zap.New(core)
	var abandoned atomic.Int64
	f.Edit = func(o *grant.Options) {
		o.Observer.Abandoned = func(_ context.Context, n int) { abandoned.Add(int64(n)) }
		// The second replica shares all but its clients' configuration.
		o.Clients[0].Stage = "test"
	}
	a, b := replicas(t, f)
	begin := func(tenants ...string) (state string) {
		for _, tenant := range tenants {
			var err error
			state, err = a.BeginFlow(t.Context(), grant.Flow{Tenant: tenant, Client: "main"})
			require.NoError(t, err)
		}
		return state
	}
	begin("one", "two", "three")
	_, err := a.ConsumeFlow(t.Context(), begin("came back"))
	require.NoError(t, err)
	f.Clock.Advance(grant.FlowLife - time.Second)
	a.Pass(t.Context())
	assert.Zero(t, abandoned.Load())
	f.Clock.Advance(time.Second)
	a.Pass(t.Context())
	b.Pass(t.Context())
	a.Pass(t.Context())
	assert.Equal(t, int64(3), abandoned.Load())

	begin("four")
	f.Clock.Advance(grant.FlowLife)
	a.Pass(t.Context())
	assert.Equal(t, int64(4), abandoned.Load())
	said := logs.FilterMessageSnippet("did not come back")
	require.Equal(t, 1, said.Len(), "once per client in a while, not once per flow")
	fields := said.All()[0].ContextMap()
	assert.Equal(t, "…"+granttest.ClientID[len(granttest.ClientID)-4:], fields["client_id"])
	assert.Equal(t, granttest.RedirectURL, fields["redirect_url"])
	assert.Equal(t, "test", fields["stage"])
	assert.Contains(t, fields["check"], "Mismatching redirect URI")
	assert.Contains(t, fields["check"], "Invalid client_id parameter value")
	f.Clock.Advance(2 * time.Hour)
	begin("five")
	f.Clock.Advance(grant.FlowLife)
	a.Pass(t.Context())
	assert.Equal(t, 2, logs.FilterMessageSnippet("did not come back").Len())
}

// A customer who began a minute before the link ran out may finish.
func TestAnInvitationOutlivesTheConsentThatBeganWithIt(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, inv, err := s.Invite(t.Context(), "acme", "", time.Hour, "operator")
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	s.Pass(t.Context())
	w := elsewhere(t)
	w.fl.Invitation = inv.Hash
	_, err = consent(t, f, s, w)
	require.NoError(t, err)
	_, err = f.Store().Get(t.Context(), store.KindInvitation, inv.Hash)
	require.ErrorIs(t, err, store.ErrNotFound, "a completed connection consumes it")

	_, inv, err = s.Invite(t.Context(), "acme", "", time.Hour, "operator")
	require.NoError(t, err)
	f.Clock.Advance(time.Hour + grant.FlowLife)
	s.Pass(t.Context())
	_, err = f.Store().Get(t.Context(), store.KindInvitation, inv.Hash)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestARecordThatDoesNotOpenStopsNoSweepAndGoesInTheEnd(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	state, err := s.BeginFlow(t.Context(), grant.Flow{Tenant: "acme", Client: "main"})
	require.NoError(t, err)
	id, err := s.BeginLogin(t.Context(), grant.Login{BrowserHash: "b", AppOrigin: "https://app.datadoghq.eu", Partition: "commercial"})
	require.NoError(t, err)
	_, inv, err := s.Invite(t.Context(), "acme", "", time.Hour, "operator")
	require.NoError(t, err)
	spoiled := map[store.Kind]string{store.KindFlow: grant.Hash(state), store.KindLogin: grant.Hash(id), store.KindInvitation: inv.Hash}
	spoil := func(kind store.Kind, key string) {
		rec, err := f.Store().Get(t.Context(), kind, key)
		require.NoError(t, err)
		rec.Value[len(rec.Value)-1] ^= 1
		require.NoError(t, f.Store().Apply(t.Context(), store.Change{Record: rec}))
	}
	for kind, key := range spoiled {
		spoil(kind, key)
	}
	f.Clock.Advance(25 * time.Hour)
	s.Pass(t.Context())
	_, err = f.Store().Get(t.Context(), store.KindPending, "acme")
	require.ErrorIs(t, err, store.ErrNotFound, "a change that ran out")
	f.Clock.Advance(time.Hour)
	s.Pass(t.Context())
	for _, kind := range []store.Kind{store.KindFlow, store.KindLogin} {
		_, err = f.Store().Get(t.Context(), kind, spoiled[kind])
		require.ErrorIs(t, err, store.ErrNotFound, kind)
	}
	_, err = f.Store().Get(t.Context(), store.KindInvitation, inv.Hash)
	require.NoError(t, err, "its keyset may come back while the link would be good")
	f.Clock.Advance(grant.MaxInvitationLife)
	s.Pass(t.Context())
	_, err = f.Store().Get(t.Context(), store.KindInvitation, inv.Hash)
	require.ErrorIs(t, err, store.ErrNotFound)

	_, err = consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	spoil(store.KindPending, "acme")
	s = f.Restart(s)
	require.ErrorContains(t, s.Trouble(), "1 change(s) of organisation that cannot be read")
	f.Clock.Advance(time.Hour)
	s.Pass(t.Context())
	f.Clock.Advance(grant.PendingLife)
	require.Eventually(t, func() bool { // the background may be at it, and then a pass leaves it to that
		f.Clock.Advance(10 * time.Minute)
		s.Pass(t.Context())
		_, err = f.Store().Get(t.Context(), store.KindPending, "acme")
		return errors.Is(err, store.ErrNotFound)
	}, propagation, 10*time.Millisecond)
	assert.Contains(t, whats(of(t, s, "acme")), "record deleted")
}
