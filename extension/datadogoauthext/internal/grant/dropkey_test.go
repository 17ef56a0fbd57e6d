package grant_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

const orgKeyA = "main/datadoghq.eu/" + granttest.OrgA

// spoil flips a bit of a record.
func spoil(t *testing.T, f *granttest.Fixture, kind store.Kind, key string) {
	t.Helper()
	rec, err := f.Store().Get(t.Context(), kind, key)
	require.NoError(t, err)
	rec.Value[len(rec.Value)-1] ^= 1
	require.NoError(t, f.Store().Apply(t.Context(), store.Change{Record: rec}))
}

// The tenant whose record cannot be opened since the start may be of any organisation, so no key is deleted until that is known.
func TestAnUnreadableTenantKeepsEveryKey(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Datadog.LetManageKeys()
	s := f.Start()
	for _, tenant := range []string{"one", "two"} {
		_, err := f.Connect(s, tenant, eu(t), granttest.OrgA)
		require.NoError(t, err)
	}
	good, err := f.Store().Get(t.Context(), store.KindGrant, "two")
	require.NoError(t, err)
	spoil(t, f, store.KindGrant, "two")
	s = f.Restart(s)
	require.NoError(t, s.Disconnect(t.Context(), "one", "", "ops"))
	left := open(t, s)
	require.Len(t, left, 1)
	assert.Contains(t, left[0].Reason, "tenant two")
	f.Clock.Advance(time.Hour)
	left = open(t, s)
	require.Len(t, left, 1, "the key waits")
	assert.Contains(t, left[0].Reason, "restore the record")
	assert.Len(t, f.Datadog.Calls(revokePath), 2, "the tokens do not")
	assert.Len(t, f.Datadog.KeyIDs(eu(t), granttest.OrgA), 1)

	require.NoError(t, f.Store().Import(t.Context(), good)) // a backup
	s = f.Restart(s)
	f.Clock.Advance(2 * time.Hour)
	assert.Empty(t, open(t, s))
	_, err = s.Lookup("two")
	require.NoError(t, err)
	assert.Len(t, f.Datadog.KeyIDs(eu(t), granttest.OrgA), 1)
}

func TestTokensAreRevokedThoughTheirOrgCannotBeRead(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	spoil(t, f, store.KindOrg, orgKeyA)
	s = f.Restart(s)
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "ops"))
	require.Len(t, open(t, s), 1)
	f.Clock.Advance(2 * time.Hour)
	left := open(t, s)
	require.Len(t, left, 1, "for the key, should the record come back")
	assert.Contains(t, left[0].Reason, "the record that holds it")
	assert.True(t, left[0].DropKey)
	assert.Zero(t, f.Datadog.Tokens(granttest.OrgA))
	assert.Len(t, f.Datadog.Calls(revokePath), 2)
	f.Clock.Advance(2 * time.Hour)
	open(t, s)
	assert.Len(t, f.Datadog.Calls(revokePath), 2, "once")
}

// meeting lets two changes of grants pass only together.
type meeting struct {
	store.Store
	on  atomic.Bool
	two sync.WaitGroup
}

func (m *meeting) Apply(ctx context.Context, changes ...store.Change) error {
	for _, c := range changes {
		if c.Kind == store.KindGrant && m.on.Load() {
			m.two.Done()
			m.two.Wait()
			break
		}
	}
	return m.Store.Apply(ctx, changes...)
}

func TestTheLastTwoTenantsOfAnOrgLeaveAtOnce(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Datadog.LetManageKeys()
	m := &meeting{}
	f.Edit = func(o *grant.Options) { m.Store, o.Store = o.Store, m }
	s := f.Start()
	for _, tenant := range []string{"one", "two"} {
		_, err := f.Connect(s, tenant, eu(t), granttest.OrgA)
		require.NoError(t, err)
	}
	m.two.Add(2)
	m.on.Store(true)
	left := make(chan error, 2)
	for _, tenant := range []string{"one", "two"} {
		go func() { left <- s.Disconnect(context.WithoutCancel(t.Context()), tenant, "", "ops") }()
	}
	require.NoError(t, <-left)
	require.NoError(t, <-left)
	m.on.Store(false)
	assert.Empty(t, open(t, s))
	assert.Empty(t, f.Datadog.KeyIDs(eu(t), granttest.OrgA))
	assert.Contains(t, facts(t, s, "one").KeyReason, "was deleted")
}

func TestADisconnectionDuringAConfirmationLeavesNoKey(t *testing.T) {
	t.Parallel()
	f, s, _ := connectedTo(t, nil)
	f.Datadog.LetManageKeys()
	w := elsewhere(t)
	_, err := consent(t, f, s, w)
	require.NoError(t, err)
	minting, release := f.Datadog.Answered(mintPath)
	confirmed := make(chan error, 1)
	go func() { confirmed <- s.ConfirmChange(context.WithoutCancel(t.Context()), "acme", "", "operator") }()
	<-minting
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "operator"))
	release()
	err = <-confirmed
	require.ErrorIs(t, err, grant.ErrRefused)
	require.ErrorContains(t, err, "was ended or replaced")
	assert.Empty(t, open(t, s))
	assert.Empty(t, f.Datadog.KeyIDs(w.at, w.org))
	assert.Empty(t, f.Datadog.KeyIDs(eu(t), granttest.OrgA))
}

// Whoever ended the change looked for its key before that was there.
func TestAChangeThatEndsBeforeItsKeyIsMintedLeavesNone(t *testing.T) {
	t.Parallel()
	f, s, _ := connectedTo(t, nil)
	f.Datadog.LetManageKeys()
	w := elsewhere(t)
	_, err := consent(t, f, s, w)
	require.NoError(t, err)
	entered, release := f.Datadog.Answered(mintPath)
	confirmed := make(chan error, 1)
	go func() { confirmed <- s.ConfirmChange(context.WithoutCancel(t.Context()), "acme", "", "operator") }()
	<-entered
	rec, err := f.Store().Get(t.Context(), store.KindPending, "acme")
	require.NoError(t, err)
	require.NoError(t, f.Store().Apply(t.Context(), store.Change{Record: rec, Delete: true})) // its revocation is done
	release()
	require.ErrorContains(t, <-confirmed, "was ended or replaced")
	assert.Empty(t, open(t, s))
	assert.Empty(t, f.Datadog.KeyIDs(w.at, w.org))
}

// listing counts how often all records of a kind are read.
type listing struct {
	store.Store
	grants atomic.Int64
}

func (l *listing) List(ctx context.Context, kind store.Kind, yield func(store.Record) error) error {
	if kind == store.KindGrant {
		l.grants.Add(1)
	}
	return l.Store.List(ctx, kind, yield)
}

func TestADisconnectionReadsNoGrantOfOthers(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Datadog.LetManageKeys()
	l := &listing{}
	f.Edit = func(o *grant.Options) { l.Store, o.Store = o.Store, l }
	s := f.Start()
	for i := range 3 {
		_, err := f.Connect(s, grant.SeedTenant(i), eu(t), grant.SeedOrg(i))
		require.NoError(t, err)
	}
	before := l.grants.Load()
	for i := range 3 {
		require.NoError(t, s.Disconnect(t.Context(), grant.SeedTenant(i), "", "ops"))
	}
	assert.Empty(t, open(t, s))
	assert.Equal(t, before, l.grants.Load(), "nobody else writes to this store, so memory knows who uses an organisation")
	for i := range 3 {
		assert.Empty(t, f.Datadog.KeyIDs(eu(t), grant.SeedOrg(i)))
	}
}

func TestARevocationThatCannotBeDoneEnds(t *testing.T) {
	t.Parallel()
	const life = 30 * 24 * time.Hour
	forbidden := granttest.Status(http.StatusForbidden, `{"errors":["Forbidden"]}`)
	cases := map[string]struct {
		later func(*grant.Options) // from the restart on
		says  string
	}{
		"Datadog refuses it":       {nil, "403"},
		"its client does not come": {func(o *grant.Options) { o.Clients[0].Name = "other" }, "client main is not in the configuration"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			for range 3 {
				f.Datadog.Answer(revokePath, forbidden)
			}
			s := f.Start()
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			require.NoError(t, err)
			require.NoError(t, s.Disconnect(t.Context(), "acme", "contract ended", "ops"))
			require.Len(t, open(t, s), 1)
			f.Edit = tc.later
			s = f.Restart(s)
			f.Clock.Advance(life - time.Hour)
			require.Len(t, open(t, s), 1)
			f.Clock.Advance(2 * time.Hour)
			assert.Empty(t, open(t, s))
			st := facts(t, s, "acme")
			assert.Equal(t, grant.StateDisconnected, st.State)
			for _, part := range []string{"contract ended", "given up after 30 days", "remove the authorisation", tc.says} {
				assert.Contains(t, st.HoldReason, part)
			}
		})
	}
}

// deaf hears of nothing that other processes write.
type deaf struct{ *granttest.Shared }

func (deaf) Changes(_ context.Context, after store.Cursor, _ []store.Kind, _ func(store.Record) error) (store.Cursor, error) {
	return after, nil
}

func TestAReplicaDeletesNoKeyOfATenantThatItHasNotHeardOf(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Datadog.LetManageKeys()
	f.Edit = func(o *grant.Options) { o.Store = deaf{granttest.NewShared(o.Store.(*store.Bolt))} }
	a, b := replicas(t, f)
	_, err := f.Connect(a, "one", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = f.Connect(b, "two", eu(t), granttest.OrgA)
	require.NoError(t, err)
	require.NoError(t, a.Disconnect(t.Context(), "one", "", "ops"))
	assert.Empty(t, open(t, a))
	assert.Len(t, f.Datadog.KeyIDs(eu(t), granttest.OrgA), 1)
	_, err = b.Lookup("two")
	require.NoError(t, err)

	_, err = f.Connect(b, "one", eu(t), granttest.OrgA) // in a's memory "one" is gone, and "two" was never there
	require.NoError(t, err)
	require.NoError(t, b.Disconnect(t.Context(), "two", "", "ops"))
	require.NoError(t, b.Disconnect(t.Context(), "one", "", "ops"))
	assert.Empty(t, open(t, b))
	assert.Empty(t, f.Datadog.KeyIDs(eu(t), granttest.OrgA))
}
