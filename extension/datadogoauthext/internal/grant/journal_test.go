package grant_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestCollectorsShareAJournal(t *testing.T) {
	t.Parallel()
	sharedStores(t, func(t *testing.T, f *granttest.Fixture, open func() store.Shared, _ func(...store.Record)) {
		a, b := startOn(f, open()), startOn(f, open())
		ctx, until := t.Context(), f.Clock.Now().Add(time.Hour)
		org := credential.Org{Client: "main", Site: "datadoghq.eu", ID: granttest.OrgA}
		none, err := a.ReadEntry(ctx, org, "order/42")
		require.NoError(t, err)
		assert.Equal(t, credential.JournalEntry{Org: org, Key: "order/42"}, none)

		won := race(t, a, b, credential.ErrJournalConflict, func(s *grant.Service) error {
			_, err := s.WriteEntry(ctx, credential.JournalEntry{Org: org, Key: "order/42", Value: []byte("one"), Until: until})
			return err
		})
		assert.Equal(t, 1, won)
		got, err := b.ReadEntry(ctx, org, "order/42")
		require.NoError(t, err)
		assert.Equal(t, "one", string(got.Value))
		got.Value = []byte("two")
		version, err := b.WriteEntry(ctx, got)
		require.NoError(t, err)
		_, err = a.WriteEntry(ctx, got)
		require.ErrorIs(t, err, credential.ErrJournalConflict)

		// The same key of another organisation is another entry.
		other := credential.JournalEntry{Org: credential.Org{Client: "main", Site: "datadoghq.eu", ID: granttest.OrgB}, Key: "order/42", Value: []byte("three"), Until: until}
		_, err = a.WriteEntry(ctx, other)
		require.NoError(t, err)
		seen := map[string]string{}
		require.NoError(t, a.EachEntry(ctx, func(e credential.JournalEntry) error {
			seen[e.Org.ID+" "+e.Key] = string(e.Value)
			return nil
		}))
		assert.Equal(t, map[string]string{granttest.OrgA + " order/42": "two", granttest.OrgB + " order/42": "three"}, seen)

		got.Value, got.Version = nil, version
		_, err = a.WriteEntry(ctx, got)
		require.NoError(t, err)
		got, err = b.ReadEntry(ctx, org, "order/42")
		require.NoError(t, err)
		assert.Zero(t, got.Version)
	})
}

func TestJournalEntriesAreForgottenInTheEnd(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	org := credential.Org{Client: "main", Site: "datadoghq.eu", ID: granttest.OrgA}
	for i := range 2 {
		_, err := s.WriteEntry(t.Context(), credential.JournalEntry{Org: org, Key: fmt.Sprint(i), Value: []byte("x"), Until: f.Clock.Now().Add(time.Duration(i+1) * time.Hour)})
		require.NoError(t, err)
	}
	keys := func() (all []string) {
		require.NoError(t, s.EachEntry(t.Context(), func(e credential.JournalEntry) error {
			all = append(all, e.Key)
			return nil
		}))
		return all
	}
	s.Pass(t.Context())
	assert.Equal(t, []string{"0", "1"}, keys())
	f.Clock.Advance(time.Hour + time.Second)
	s.Pass(t.Context())
	// The service's own pass, which comes right after the start, may have begun to sweep a moment earlier.
	assert.Eventually(t, func() bool { return slices.Equal(keys(), []string{"1"}) }, 5*time.Second, time.Millisecond)
}

func TestACollectorThatOnlySendsKeepsNoJournal(t *testing.T) {
	t.Parallel()
	sharedStores(t, func(t *testing.T, f *granttest.Fixture, open func() store.Shared, _ func(...store.Record)) {
		startOn(f, open())
		s := f.NewOn(open(), sending(nil, "acme"))
		granttest.AwaitReady(t, s)
		_, err := s.WriteEntry(t.Context(), credential.JournalEntry{Key: "x", Value: []byte("x")})
		require.ErrorIs(t, err, credential.ErrNoJournal)
		require.ErrorIs(t, s.EachEntry(t.Context(), nil), credential.ErrNoJournal)
	})
}

func TestAJournalEntryIsBounded(t *testing.T) {
	t.Parallel()
	_, err := granttest.NewFixture(t).New().ReadEntry(t.Context(), credential.Org{}, "x")
	require.ErrorIs(t, err, credential.ErrNotReady)
	_, err = granttest.NewFixture(t).Start().WriteEntry(t.Context(), credential.JournalEntry{Key: "x", Value: make([]byte, credential.MaxJournalBytes+1)})
	require.ErrorContains(t, err, "limit")
}
