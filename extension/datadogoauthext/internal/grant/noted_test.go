package grant_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// journalStore is one whose journal may not be readable. It can keep what is written for one Import.
type journalStore struct {
	store.Store
	down  atomic.Bool
	keeps bool
	kept  []store.Record
}

func (s *journalStore) List(ctx context.Context, kind store.Kind, yield func(store.Record) error) error {
	if kind == store.KindJournal && s.down.Load() {
		return errors.New("no answer")
	}
	return s.Store.List(ctx, kind, yield)
}

func (s *journalStore) Apply(ctx context.Context, changes ...store.Change) error {
	if !s.keeps || changes[0].Kind != store.KindJournal {
		return s.Store.Apply(ctx, changes...)
	}
	for _, c := range changes {
		c.Version++
		s.kept = append(s.kept, c.Record)
	}
	return nil
}

func orgOf(id string) credential.Org {
	return credential.Org{Client: "main", Site: "datadoghq.eu", ID: id}
}

func noteDown(t *testing.T, s *grant.Service, org credential.Org, key string, note credential.JournalNote) {
	t.Helper()
	_, err := s.WriteEntry(t.Context(), credential.JournalEntry{Org: org, Key: key, Value: []byte("the sender's own"), Note: note, Until: time.Now().Add(time.Hour)})
	require.NoError(t, err)
}

func TestWhatTheJournalSaysToPeople(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	since := f.Clock.Now().UTC().Truncate(time.Second)
	unknown := credential.JournalNote{Tenant: "acme", State: credential.JournalUnknown, Since: since}
	later := credential.JournalNote{Tenant: "globex", State: credential.JournalUnknown, Since: since.Add(time.Minute)}
	noteDown(t, s, orgOf(granttest.OrgA), "checkout", unknown)
	noteDown(t, s, orgOf(granttest.OrgB), "checkout", later)
	for key, state := range map[string]credential.JournalState{
		"w": credential.JournalWaiting, "s1": credential.JournalSearching, "s2": credential.JournalSearching, "d": credential.JournalDone, "of an earlier build": "",
	} {
		noteDown(t, s, orgOf(granttest.OrgA), key, credential.JournalNote{Tenant: "acme", State: state})
	}
	got, err := s.ReadEntry(t.Context(), orgOf(granttest.OrgA), "checkout")
	require.NoError(t, err)
	assert.Equal(t, unknown, got.Note)

	n, err := s.Noted(t.Context())
	require.NoError(t, err)
	name := s.Tenants()[0].OrgName
	require.NotEmpty(t, name)
	assert.Equal(t, &grant.Noted{Waiting: 1, Searching: 2, Unknown: 2, At: f.Clock.Now(), Latest: []grant.NotedEntry{
		{Org: orgOf(granttest.OrgB), Key: "checkout", JournalNote: later},
		{Org: orgOf(granttest.OrgA), OrgName: name, Key: "checkout", JournalNote: unknown},
	}}, n)

	// What is settled leaves the list, once the journal is read again.
	got.Note.State = credential.JournalDone
	_, err = s.WriteEntry(t.Context(), got)
	require.NoError(t, err)
	f.Clock.Advance(10 * time.Second)
	n, err = s.Noted(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, n.Unknown)
	assert.Len(t, n.Latest, 1)
}

// TestManyEntriesCostOneReading has more than are kept, and more people than readings.
func TestManyEntriesCostOneReading(t *testing.T) {
	t.Parallel()
	const entries = 10_000
	f := granttest.NewFixture(t)
	shared := f.Shared()
	st := &journalStore{Store: shared.Bolt, keeps: true}
	s := startOn(f, st)
	since := f.Clock.Now().UTC().Truncate(time.Second)
	for i := range entries {
		noteDown(t, s, orgOf(granttest.OrgA), fmt.Sprint(i), credential.JournalNote{State: credential.JournalUnknown, Since: since.Add(time.Duration(i) * time.Second)})
	}
	require.NoError(t, shared.Import(t.Context(), st.kept...))

	var people sync.WaitGroup
	readings := make([]*grant.Noted, 20)
	for i := range readings {
		people.Go(func() {
			n, err := s.Noted(t.Context())
			assert.NoError(t, err)
			readings[i] = n
		})
	}
	people.Wait()
	first := readings[0]
	require.NotNil(t, first)
	assert.Equal(t, entries, first.Unknown)
	require.Len(t, first.Latest, grant.MaxNoted)
	for i, e := range first.Latest {
		assert.Equal(t, fmt.Sprint(entries-1-i), e.Key)
	}
	for _, other := range readings[1:] {
		assert.Same(t, first, other, "all of them at once cost one reading")
	}
	again := func(later time.Duration) *grant.Noted {
		f.Clock.Advance(later)
		n, err := s.Noted(t.Context())
		require.NoError(t, err)
		return n
	}
	assert.Same(t, first, again(9*time.Second))
	second := again(time.Second)
	assert.NotSame(t, first, second)
	assert.Equal(t, f.Clock.Now(), second.At)
	st.down.Store(true)
	assert.Same(t, second, again(time.Hour), "while the store does not answer, what was read before is shown, with its time")
}

func TestWhoCannotReadTheJournalSaysSo(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	_, err := f.New().Noted(t.Context())
	require.ErrorIs(t, err, credential.ErrNotReady)

	f = granttest.NewFixture(t)
	st := &journalStore{Store: f.Shared().Bolt}
	s := startOn(f, st)
	st.down.Store(true)
	_, err = s.Noted(t.Context())
	require.ErrorContains(t, err, "no answer")

	_, err = f.NewOn(st, sending(nil, "acme")).Noted(t.Context())
	require.ErrorIs(t, err, grant.ErrSendOnly)
}
