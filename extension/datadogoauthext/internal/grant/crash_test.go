package grant_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// breaking refuses to write records of one kind, or of any where it is "", once left writes of it were done: a process that ends there, or a full disk.
type breaking struct {
	store.Store
	kind store.Kind
	left atomic.Int64
}

func (b *breaking) Apply(ctx context.Context, changes ...store.Change) error {
	touches := b.kind == "" || slices.ContainsFunc(changes, func(c store.Change) bool { return c.Kind == b.kind })
	if touches && b.left.Add(-1) < 0 {
		return errors.New("no space left on device")
	}
	return b.Store.Apply(ctx, changes...)
}

func breakingFixture(t *testing.T, kind store.Kind, writes int64) (*granttest.Fixture, *breaking) {
	f := granttest.NewFixture(t)
	b := &breaking{kind: kind}
	b.left.Store(writes)
	f.Edit = func(o *grant.Options) {
		b.Store = o.Store
		o.Store = b
	}
	return f, b
}

const unlimited = 1 << 40

// The writes of an organisation's record on the way to a key: with the grant and what its consent asks for, the intent, the key, its
// admission.
func TestACrashDuringMint(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		writes int64
		before grant.KeyFact // "" when no grant was stored
		after  grant.KeyFact
		mints  int // in all
		says   string
		waits  time.Duration // before the pass after the restart
	}{
		"before anything is stored":                  {0, "", "", 0, "", 0},
		"before the intent: no call is made":         {1, grant.KeyMinting, grant.KeyFresh, 1, "", 2 * time.Minute}, // by then the consent had its time
		"after the answer, before the key is stored": {2, grant.KeyMinting, grant.KeyExistsUnknown, 2, "lost on the way", 0},
		"after the key is stored, before it is used": {3, grant.KeyMinting, grant.KeyFresh, 1, "", 0},
		"after all of it: a restart changes nothing": {unlimited, grant.KeyFresh, grant.KeyFresh, 1, "", 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, b := breakingFixture(t, store.KindOrg, tc.writes)
			s := f.Start()
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			assert.Equal(t, tc.writes == unlimited, err == nil)
			if tc.before == "" {
				assert.Empty(t, s.Tenants())
				return
			}
			assert.Equal(t, tc.before, facts(t, s, "acme").Facts.Key)
			b.left.Store(unlimited)
			f.Clock.Advance(tc.waits)
			s = f.Crash(s)
			s.Pass(t.Context())
			st := facts(t, s, "acme")
			assert.Equal(t, tc.after, st.Facts.Key)
			assert.Contains(t, st.KeyReason, tc.says)
			s.Pass(t.Context())
			assert.Len(t, f.Datadog.Calls(mintPath), tc.mints, "never a loop")
			assert.Equal(t, tc.after == grant.KeyFresh, st.Sending)
		})
	}
}

func TestACrashDuringMintAndThenARevocation(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindOrg, 2)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	require.Equal(t, grant.KeyMinting, facts(t, s, "acme").Facts.Key)
	f.Datadog.Revoke(granttest.OrgA)
	b.left.Store(unlimited)
	f.Clock.Advance(2 * time.Hour)
	s = f.Crash(s)
	s.Pass(t.Context())
	st := facts(t, s, "acme")
	assert.Equal(t, grant.TokenReauthorise, st.Facts.Token)
	assert.Equal(t, grant.KeyNone, st.Facts.Key)
	assert.Contains(t, st.KeyReason, "no grant of the organisation is left")
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
}

func TestAnOlderFenceBeginsNoMint(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	require.NoError(t, s.BeginMint(t.Context(), "acme", 1<<62))
	require.ErrorContains(t, s.BeginMint(t.Context(), "acme", 1<<62-1), "took over")
}

func TestACrashDuringRefresh(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		writes int64 // of the token's record, after the connection
		after  grant.TokenFact
		calls  int // of the refresh, in all
	}{
		"before the intent: no call is made":          {0, grant.TokenOK, 1},
		"after the answer, before it is stored":       {1, grant.TokenReauthorise, 2},
		"after it is stored: a restart has the token": {2, grant.TokenOK, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, b := breakingFixture(t, store.KindToken, unlimited)
			s := f.Start()
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			require.NoError(t, err)
			old, err := s.AccessToken(t.Context(), "acme")
			require.NoError(t, err)
			f.Clock.Advance(time.Hour)
			b.left.Store(tc.writes)
			token, err := s.AccessToken(t.Context(), "acme")
			assert.Equal(t, tc.writes == 2, err == nil, "a token is handed out only once it is stored")
			assert.NotEqual(t, old, token)
			b.left.Store(unlimited)
			s = f.Crash(s)
			f.Clock.Advance(time.Hour)
			s.Pass(t.Context())
			if tc.writes == 0 {
				_, err = s.AccessToken(t.Context(), "acme")
				require.NoError(t, err)
			}
			st := facts(t, s, "acme")
			assert.Equal(t, tc.after, st.Facts.Token, st.TokenReason)
			assert.True(t, st.Sending)
			assert.Len(t, f.Datadog.Calls(tokenPath), 1+tc.calls)
		})
	}
}
