package grant_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestAPromotedKeySealsWhatIsThereWhileItServes(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	s.Pass(t.Context())
	ids := map[string]uint32{}
	for _, path := range []string{f.TokensKeyset(), f.KeysKeyset()} {
		id, err := seal.Add(path)
		require.NoError(t, err)
		require.NoError(t, seal.Promote(path, id))
		ids[path] = id
	}
	s.Pass(t.Context())
	for kind, path := range map[store.Kind]string{store.KindOrg: f.KeysKeyset(), store.KindGrant: f.KeysKeyset(), store.KindToken: f.TokensKeyset()} {
		require.NoError(t, f.Store().List(t.Context(), kind, func(r store.Record) error {
			id, ok := seal.KeyID(r.Value)
			assert.True(t, ok)
			assert.Equal(t, ids[path], id, "%s record", kind)
			assert.Equal(t, r.Version, s.Seen(kind, r.Key), "memory knows the version that sealing made")
			return nil
		}))
	}
	_, err = s.Lookup("acme")
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	s = f.Restart(s)
	assert.True(t, facts(t, s, "acme").Sending)
}

// unlisted cannot list while broken.
type unlisted struct {
	store.Store
	broken atomic.Bool
}

func (u *unlisted) List(ctx context.Context, kind store.Kind, yield func(store.Record) error) error {
	if u.broken.Load() {
		return store.ErrUnreachable
	}
	return u.Store.List(ctx, kind, yield)
}

func TestEverythingIsReadAgainAfterAKeysetChangeHoweverLongThatFails(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	u := &unlisted{}
	f.Edit = func(o *grant.Options) { u.Store = o.Store; o.Store = u }
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	rec, err := f.Store().Get(t.Context(), store.KindGrant, "acme")
	require.NoError(t, err)
	tok, err := f.Store().Get(t.Context(), store.KindToken, "acme")
	require.NoError(t, err)
	require.NoError(t, f.Store().Apply(t.Context(), store.Change{Record: rec, Delete: true}, store.Change{Record: tok, Delete: true})) // memory does not know
	id, err := seal.Add(f.KeysKeyset())
	require.NoError(t, err)
	require.NoError(t, seal.Promote(f.KeysKeyset(), id))
	u.broken.Store(true)
	s.Pass(t.Context())
	require.NotEmpty(t, s.Tenants())
	u.broken.Store(false)
	s.Pass(t.Context())
	assert.Empty(t, s.Tenants())
}
