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

// TestAKeyIsValidatedOncePerWindow has an intake refuse a good key many times in each of three minutes.
func TestAKeyIsValidatedOncePerWindow(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(2 * time.Minute) // it is fresh no more
	base := len(f.Datadog.Calls(validatePath))
	for window := 1; window <= 3; window++ {
		for range 100 {
			s.Refused("acme", 1)
		}
		require.Eventually(t, func() bool { return f.Clock.Now().Equal(s.Validated("acme", 1)) }, 10*time.Second, time.Millisecond, "window %d", window)
		for _, later := range []time.Duration{20, 20, 19} { // within the window
			f.Clock.Advance(later * time.Second)
			for range 100 {
				s.Refused("acme", 1)
			}
		}
		f.Clock.Advance(2 * time.Second)
	}
	s = f.Restart(s) // which waits for what is in the background
	assert.Len(t, f.Datadog.Calls(validatePath), base+3)
	_, err = s.Lookup("acme")
	require.NoError(t, err, "the key is good")
}
