package grant_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestPauseAndResumeSurviveARestart(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	require.NoError(t, s.Pause(t.Context(), "acme", "unpaid\nbill", "ops-token"))
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrPaused, "at once")
	s = f.Restart(s)
	st := facts(t, s, "acme")
	assert.Equal(t, grant.StatePaused, st.State)
	assert.Equal(t, "paused by ops-token: unpaid bill", st.HoldReason)
	require.NoError(t, s.Pause(t.Context(), "acme", "支払い待ち", "second"))
	assert.Equal(t, "paused by second: 支払い待ち", facts(t, s, "acme").HoldReason)
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrPaused, "a consent undoes no pause")

	require.NoError(t, s.Resume(t.Context(), "acme", "ops-token"))
	s = f.Restart(s)
	_, err = s.Lookup("acme")
	require.NoError(t, err)
	assert.Empty(t, facts(t, s, "acme").HoldReason)
	require.NoError(t, s.Resume(t.Context(), "acme", "ops-token"), "what is not paused stays as it is")
}

func TestWhatAnOperatorCannotHave(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	idle := f.New()
	require.ErrorIs(t, idle.Pause(t.Context(), "acme", "", "ops"), credential.ErrNotReady)
	f.Stop(idle, f.Store().(*store.Bolt))
	s := f.Start()
	_, err := f.Connect(s, "gone", eu(t), granttest.OrgA)
	require.NoError(t, err)
	require.NoError(t, s.Disconnect(t.Context(), "gone", "left", "ops"))
	require.NoError(t, s.Disconnect(t.Context(), "gone", "left again", "somebody"), "it stays as it is")
	assert.Equal(t, "disconnected by ops: left", facts(t, s, "gone").HoldReason)
	orders := map[string]func(context.Context, string) error{
		"pause":      func(ctx context.Context, t string) error { return s.Pause(ctx, t, "", "ops") },
		"resume":     func(ctx context.Context, t string) error { return s.Resume(ctx, t, "ops") },
		"disconnect": func(ctx context.Context, t string) error { return s.Disconnect(ctx, t, "", "ops") },
		"mint again": func(ctx context.Context, t string) error { return s.MintAgain(ctx, t, "ops") },
	}
	for name, order := range orders {
		err := order(t.Context(), "nobody")
		require.ErrorIs(t, err, grant.ErrRefused, name)
		assert.ErrorContains(t, err, "never connected", name)
		if name != "disconnect" {
			err = order(t.Context(), "gone")
			require.ErrorIs(t, err, grant.ErrRefused, name)
			assert.ErrorContains(t, err, "send the connect link", name)
		}
	}
}
