package grant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestAFullDiskLosesNoKey(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindOrg, 2)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	s.Pass(t.Context())
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	assert.Len(t, f.Datadog.Calls(mintPath), 1, "no second key is asked for while the first is in memory")
	b.left.Store(unlimited)
	s.Pass(t.Context())
	assert.Equal(t, grant.KeyFresh, facts(t, s, "acme").Facts.Key)
	s = f.Restart(s)
	assert.True(t, facts(t, s, "acme").Sending)
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
}

func TestAFullDiskLosesNoRefreshToken(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindToken, unlimited)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	b.left.Store(1)
	_, err = s.AccessToken(t.Context(), "acme")
	require.Error(t, err)
	s.Pass(t.Context())
	b.left.Store(unlimited)
	f.Clock.Advance(time.Hour)
	token, err := s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	assert.NotEmpty(t, token)
	s = f.Restart(s)
	assert.Equal(t, grant.TokenOK, facts(t, s, "acme").Facts.Token)
}
