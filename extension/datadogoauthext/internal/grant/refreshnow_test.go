package grant_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

func TestAnOperatorRefreshesBeforeItIsDue(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	before, err := s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	f.Clock.Advance(time.Minute)
	require.NoError(t, s.RefreshNow(grant.WithActor(t.Context(), operator), "acme", "ops"))
	records := of(t, s, "acme")
	last := records[len(records)-1]
	assert.Equal(t, "token refreshed", last.What)
	assert.Equal(t, operator, last.Actor)
	assert.False(t, last.Routine, "what was ordered is known for longer than a week")
	assert.True(t, last.Minor)
	after, err := s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	assert.NotEqual(t, before, after)
	assert.Equal(t, f.Clock.Now(), facts(t, s, "acme").RefreshedAt)
	assert.Len(t, f.Datadog.Calls(tokenPath), 2)
}

func TestARefreshOnOrderForcesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(*testing.T, *granttest.Fixture, *grant.Service)
		says   string
		calls  int // of the token endpoint on account of the order
		after  grant.TokenFact
		judges bool // a check takes the refusal for a verdict
	}{
		"after a failure": {func(t *testing.T, f *granttest.Fixture, s *grant.Service) {
			f.Datadog.Answer(tokenPath, granttest.Status(503, ""))
			require.ErrorIs(t, s.RefreshNow(t.Context(), "acme", "ops"), grant.ErrRefused, "the answer itself is told too")
		}, "trying again at", 0, grant.TokenFailing, false},
		"while Datadog rejects the client": {func(t *testing.T, f *granttest.Fixture, s *grant.Service) {
			f.Datadog.SetSecret("another-secret-0123456789")
			require.ErrorIs(t, s.RefreshNow(t.Context(), "acme", "ops"), grant.ErrRefused)
		}, "client_secret_file", 0, grant.TokenOK, true},
		"when the customer has to authorise again": {func(t *testing.T, f *granttest.Fixture, s *grant.Service) {
			f.Datadog.Revoke(granttest.OrgA)
			require.ErrorContains(t, s.RefreshNow(t.Context(), "acme", "ops"), "invalid_grant")
		}, "send the connect link", 0, grant.TokenReauthorise, true},
		"when it is disconnected": {func(t *testing.T, _ *granttest.Fixture, s *grant.Service) {
			require.NoError(t, s.Disconnect(t.Context(), "acme", "", "ops"))
		}, "disconnected", 0, grant.TokenNone, true},
		"not when it is paused": {func(t *testing.T, _ *granttest.Fixture, s *grant.Service) {
			require.NoError(t, s.Pause(t.Context(), "acme", "", "ops"))
		}, "", 1, grant.TokenOK, true},
		"when the secret cannot be read": {func(t *testing.T, f *granttest.Fixture, _ *grant.Service) {
			require.NoError(t, os.Remove(f.SecretFile))
		}, "client_secret_file", 0, grant.TokenOK, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			s := f.Start()
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			require.NoError(t, err)
			c.before(t, f, s)
			calls := len(f.Datadog.Calls(tokenPath))
			err = s.RefreshNow(t.Context(), "acme", "ops")
			if c.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.says)
			}
			assert.Equal(t, c.judges, !grant.Unjudged(err))
			assert.Len(t, f.Datadog.Calls(tokenPath), calls+c.calls)
			assert.Equal(t, c.after, facts(t, s, "acme").Facts.Token)
		})
	}
}

func TestARefreshOnOrderLeavesWhatABackupBrought(t *testing.T) {
	t.Parallel()
	f, st := restored(t, 2, 0)
	entered, release := f.Datadog.Held(tokenPath) // the first of those that go by themselves, one after the other
	s := startOn(f, st)
	<-entered
	for i := range 2 {
		err := s.RefreshNow(t.Context(), grant.SeedTenant(i), "ops")
		require.ErrorIs(t, err, grant.ErrRefused)
		assert.ErrorContains(t, err, "came from a backup")
	}
	assert.Len(t, f.Datadog.Calls(tokenPath), 1)
	release()
}

func TestARefreshOnOrderLeavesItToAnotherCollector(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := f.Shared()
	a, b := startOn(f, st), startOn(f, st)
	_, err := f.Connect(a, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	within(t, propagation, b, "acme", nil)
	entered, release := f.Datadog.Held(tokenPath)
	first := make(chan error, 1)
	go func() { first <- a.RefreshNow(context.WithoutCancel(t.Context()), "acme", "ops") }()
	<-entered
	require.ErrorIs(t, b.RefreshNow(t.Context(), "acme", "ops"), grant.ErrRefused)
	release()
	require.NoError(t, <-first)
	assert.Len(t, f.Datadog.Calls(tokenPath), 2)
}

func TestNobodyIsRefreshedOnOrderBeforeTheGrantsAreLoaded(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.New()
	require.ErrorIs(t, s.RefreshNow(t.Context(), "acme", "ops"), credential.ErrNotReady)
}
