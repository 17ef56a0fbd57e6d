package grant_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// replicas are two services on one store.
func replicas(t *testing.T, f *granttest.Fixture) (a, b *grant.Service) {
	t.Helper()
	var opts grant.Options
	edit := f.Edit
	f.Edit = func(o *grant.Options) {
		if edit != nil {
			edit(o)
		}
		opts = *o
	}
	a = f.Start()
	b = grant.New(opts)
	t.Cleanup(func() { require.NoError(t, b.Close(context.WithoutCancel(t.Context()))) })
	loaded := b.Changes()
	b.Start()
	<-loaded
	return a, b
}

// race calls try many times at once, half of them on each replica, and returns how many succeeded. Every other one must fail with want.
func race(t *testing.T, a, b *grant.Service, want error, try func(*grant.Service) error) (won int) {
	t.Helper()
	const each = 8
	errs := make([]error, 2*each)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = try([]*grant.Service{a, b}[i%2]) })
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		assert.ErrorIs(t, err, want)
	}
	return won
}

func TestAStateWorksOnceAcrossReplicas(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	a, b := replicas(t, f)
	state, err := a.BeginFlow(t.Context(), grant.Flow{Tenant: "acme", Client: "main"})
	require.NoError(t, err)
	won := race(t, a, b, grant.ErrNoFlow, func(s *grant.Service) error {
		_, err := s.ConsumeFlow(context.WithoutCancel(t.Context()), state)
		return err
	})
	assert.Equal(t, 1, won)

	state, err = a.BeginFlow(t.Context(), grant.Flow{Tenant: "acme", Client: "main", Verifier: "v"})
	require.NoError(t, err)
	fl, err := b.ConsumeFlow(t.Context(), state)
	require.NoError(t, err)
	_, err = b.Connect(t.Context(), fl, eu(t), "no-such-code")
	require.Error(t, err)
	for _, s := range []*grant.Service{a, b} {
		_, err = s.ConsumeFlow(t.Context(), state)
		require.ErrorIs(t, err, grant.ErrNoFlow, "a state is used up by a failure too")
	}

	state, err = a.BeginFlow(t.Context(), grant.Flow{Tenant: "acme", Client: "main"})
	require.NoError(t, err)
	f.Clock.Advance(grant.FlowLife)
	_, err = b.ConsumeFlow(t.Context(), state)
	require.ErrorIs(t, err, grant.ErrNoFlow)
}

func TestALoginTakesOneTicketAcrossReplicas(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	a, b := replicas(t, f)
	id, err := a.BeginLogin(t.Context(), grant.Login{BrowserHash: "b", AppOrigin: "https://app.datadoghq.eu", Tenant: "forged", TicketID: "forged"})
	require.NoError(t, err)
	require.NoError(t, f.Store().List(t.Context(), store.KindLogin, func(r store.Record) error {
		assert.NotContains(t, r.Key+string(r.Value), id)
		return nil
	}))
	l, err := b.Login(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, "b", l.BrowserHash)
	assert.Empty(t, l.Tenant+l.TicketID, "only a ticket says who it is")

	for name, bad := range map[string]func() error{
		"no tenant":       func() error { _, err := a.Admit(t.Context(), id, "", "main", "jti", false); return err },
		"a line break":    func() error { _, err := a.Admit(t.Context(), id, "ac\nme", "main", "jti", false); return err },
		"no jti":          func() error { _, err := a.Admit(t.Context(), id, "acme", "main", "", false); return err },
		"unknown client":  func() error { _, err := a.Admit(t.Context(), id, "acme", "nobody", "jti", false); return err },
		"unknown request": func() error { _, err := a.Admit(t.Context(), id+"x", "acme", "main", "jti", false); return err },
	} {
		err := bad()
		assert.True(t, errors.Is(err, grant.ErrRefused) || errors.Is(err, grant.ErrNoLogin), name)
	}

	won := race(t, a, b, grant.ErrNoLogin, func(s *grant.Service) error {
		_, err := s.Admit(context.WithoutCancel(t.Context()), id, "acme", "", "jti", true)
		return err
	})
	assert.Equal(t, 1, won)
	l, err = a.Login(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, grant.Login{
		Hash: grant.Hash(id), BrowserHash: "b", AppOrigin: "https://app.datadoghq.eu", Tenant: "acme", Client: "main", TicketID: "jti", AllowChange: true,
		Created: l.Created, Expires: l.Created.Add(grant.FlowLife),
	}, l)
}

func TestALoginRunsOut(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	id, err := s.BeginLogin(t.Context(), grant.Login{BrowserHash: "b"})
	require.NoError(t, err)
	f.Clock.Advance(grant.FlowLife)
	_, err = s.Login(t.Context(), id)
	require.ErrorIs(t, err, grant.ErrNoLogin)
	_, err = s.Admit(t.Context(), id, "acme", "main", "jti", false)
	require.ErrorIs(t, err, grant.ErrNoLogin)
	f.Clock.Advance(grant.FlowLife)
	s = f.Restart(s)
	s.Pass(t.Context())
	require.NoError(t, f.Store().List(t.Context(), store.KindLogin, func(store.Record) error { return errors.New("a login is left") }))
}

func TestADecisionOnAChangeCountsOnceAcrossReplicas(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	a, b := replicas(t, f)
	_, err := f.Connect(a, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = consent(t, f, a, elsewhere(t))
	require.NoError(t, err)
	won := race(t, a, b, grant.ErrRefused, func(s *grant.Service) error {
		return s.ConfirmChange(context.WithoutCancel(t.Context()), "acme", granttest.OrgB, "operator")
	})
	assert.Equal(t, 1, won)
	assert.Len(t, f.Datadog.Calls(mintPath), 2)
	_, err = a.Org("acme")
	require.NoError(t, err)
}

func TestReplicasFollowSeatsAndChanges(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Edit = func(o *grant.Options) { o.Store = granttest.NewShared(o.Store.(*store.Bolt)) }
	a, b := replicas(t, f)
	soon := func(ok func() bool) {
		t.Helper()
		require.Eventually(t, ok, 20*time.Second, 10*time.Millisecond)
	}
	begin := func(s *grant.Service) error {
		_, err := s.BeginFlow(t.Context(), grant.Flow{Tenant: "greedy", Client: "main"})
		return err
	}
	var err error
	for err == nil {
		err = begin(a)
	}
	soon(func() bool { return errors.Is(begin(b), grant.ErrTooManyFlows) })

	_, err = f.Connect(a, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = consent(t, f, a, elsewhere(t))
	require.NoError(t, err)
	soon(func() bool { return len(b.PendingChanges()) == 1 })
	require.NoError(t, b.ConfirmChange(t.Context(), "acme", granttest.OrgB, "operator"))
	soon(func() bool {
		cred, err := a.Lookup("acme")
		return err == nil && cred.Org().ID == granttest.OrgB && len(a.PendingChanges()) == 0
	})
}
