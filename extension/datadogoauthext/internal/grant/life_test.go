package grant_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestNothingMakesTheServiceReadyButLoading(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.New()
	_, err := s.ConsumeFlow(t.Context(), "state")
	require.ErrorIs(t, err, credential.ErrNotReady)
	_, err = s.BeginFlow(t.Context(), grant.Flow{Tenant: "acme", Client: "main"})
	require.ErrorIs(t, err, credential.ErrNotReady)
	_, err = s.Invitation(t.Context(), "secret")
	require.ErrorIs(t, err, credential.ErrNotReady)
	_, err = s.Connect(t.Context(), grant.Flow{Tenant: "acme", Client: "main"}, eu(t), "code")
	require.ErrorIs(t, err, credential.ErrNotReady)
	s.ApplyNothing()
	assert.False(t, s.Ready())
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrNotReady)
	assert.Empty(t, f.Datadog.Calls(""))
}

func TestShutdownWaitsForTheAnswerThatIsTheOnlyCopy(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		path    string
		connect bool // before the call that is under way
		begin   func(*granttest.Fixture, *grant.Service) error
	}{
		"a rotated refresh token": {tokenPath, true, func(f *granttest.Fixture, s *grant.Service) error {
			f.Clock.Advance(time.Hour)
			_, err := s.AccessToken(f.TB.Context(), "acme")
			return err
		}},
		"a minted key": {mintPath, false, func(f *granttest.Fixture, s *grant.Service) error {
			_, err := f.Connect(s, "acme", eu(f.TB), granttest.OrgA)
			return err
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			s := f.Start()
			if tc.connect {
				_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
				require.NoError(t, err)
			}
			entered, release := f.Datadog.Held(tc.path)
			result, closed := make(chan error, 1), make(chan error, 1)
			go func() { result <- tc.begin(f, s) }()
			<-entered
			go func() { closed <- s.Close(context.Background()) }()
			<-s.Stopping()
			release()
			require.NoError(t, <-closed)
			require.NoError(t, <-result)
			f.Stop(s, f.Store().(*store.Bolt))
			s = f.Start()
			st := facts(t, s, "acme")
			assert.Equal(t, grant.TokenOK, st.Facts.Token)
			assert.True(t, st.Sending)
			f.Clock.Advance(time.Hour)
			_, err := s.AccessToken(t.Context(), "acme")
			require.NoError(t, err, "the stored refresh token is the current one")
		})
	}
}

func TestShutdownCancelsACallWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	entered, release := f.Datadog.Held(tokenPath)
	defer release()
	result := make(chan error, 1)
	go func() { _, err := s.AccessToken(context.Background(), "acme"); result <- err }()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Close(ctx), context.Canceled)
	require.Error(t, <-result)
	assert.Equal(t, grant.TokenFailing, facts(t, s, "acme").Facts.Token, "the outcome is written down even then")
}
