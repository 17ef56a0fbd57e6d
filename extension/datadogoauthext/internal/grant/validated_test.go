package grant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

// TestWhenARefusedKeyWasCalledValidIsKnown, by a collector that holds grants and by one that only sends.
func TestWhenARefusedKeyWasCalledValidIsKnown(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := f.Shared()
	full := startOn(f, st)
	_, err := f.Connect(full, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	sidecar := f.NewOn(st, sending(nil, "acme"))
	granttest.AwaitReady(t, sidecar)
	f.Clock.Advance(2 * time.Minute)
	for name, s := range map[string]*grant.Service{"full": full, "sidecar": sidecar} {
		assert.Zero(t, s.Validated("acme", 1), name)
		s.Refused("acme", 1)
		require.Eventually(t, func() bool { return !s.Validated("acme", 1).IsZero() }, 10*time.Second, time.Millisecond, name)
		assert.Equal(t, f.Clock.Now().UTC(), s.Validated("acme", 1).UTC(), name)
		assert.Zero(t, s.Validated("acme", 2), "%s: another generation", name)
		assert.Zero(t, s.Validated("globex", 1), "%s: another tenant", name)
	}
	f.Clock.Advance(61 * time.Minute)
	assert.Zero(t, full.Validated("acme", 1), "that is too long ago")

	full.Refused("acme", 1)
	require.Eventually(t, func() bool { return !full.Validated("acme", 1).IsZero() }, 10*time.Second, time.Millisecond)
	f.Datadog.RevokeKey(eu(t), granttest.OrgA)
	f.Clock.Advance(2 * time.Minute)
	require.NoError(t, full.JudgeKey(t.Context(), "acme"))
	assert.Zero(t, full.Validated("acme", 1), "the key is refused itself")
}
