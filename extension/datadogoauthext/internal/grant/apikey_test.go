package grant_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

const keysPath = "/api/v2/api_keys"

// deletedKeys are the ids that were asked to be deleted.
func deletedKeys(f *granttest.Fixture) (ids []string) {
	for _, call := range f.Datadog.Calls("") {
		if call.Method == http.MethodDelete {
			ids = append(ids, call.Path[len(keysPath)+1:])
		}
	}
	return ids
}

func TestAMintThatDatadogAnswersWith409(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		older   bool // another installation made a key an hour ago
		newer   bool // and here one while our answer was lost
		answers []http.HandlerFunc
		allowed bool
		after   grant.KeyFact
		deleted int
		says    string
	}{
		"the lost key is deleted":                     {answers: []http.HandlerFunc{nil}, allowed: true, after: grant.KeyFresh, deleted: 1},
		"it may not be":                               {answers: []http.HandlerFunc{nil}, after: grant.KeyExistsUnknown, says: "lost on the way"},
		"an older key is never deleted":               {older: true, allowed: true, after: grant.KeyExistsUnknown, says: "another installation"},
		"not after an answer that is missing, either": {older: true, answers: []http.HandlerFunc{granttest.Drop}, allowed: true, after: grant.KeyExistsUnknown, says: "none is surely the one"},
		"two that could be it":                        {newer: true, answers: []http.HandlerFunc{nil}, allowed: true, after: grant.KeyExistsUnknown, says: "none is surely the one"},
		"the second mint ends in 409 too": {
			answers: []http.HandlerFunc{nil, granttest.Status(409, ""), granttest.Status(409, "")}, allowed: true, after: grant.KeyExistsUnknown, deleted: 1, says: "after it was deleted",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			if tc.allowed {
				f.Datadog.LetManageKeys()
			}
			s := f.Start()
			var foreign string
			if tc.older {
				foreign = f.Datadog.AddKey(eu(t), granttest.OrgA, f.Clock.Now().Add(-time.Hour))
			}
			for _, h := range tc.answers {
				if h == nil {
					h = func(w http.ResponseWriter, r *http.Request) {
						if tc.newer {
							f.Datadog.AddKey(eu(t), granttest.OrgA, f.Clock.Now())
							f.Datadog.AddKey(eu(t), granttest.OrgA, f.Clock.Now())
							granttest.Drop(w, r)
						}
						f.Datadog.Lost(w, r)
					}
				}
				f.Datadog.Answer(mintPath, h)
			}
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			st := facts(t, s, "acme")
			assert.Equal(t, tc.after, st.Facts.Key, "%v", err)
			assert.Len(t, deletedKeys(f), tc.deleted)
			if tc.older {
				assert.Equal(t, []string{foreign}, f.Datadog.KeyIDs(eu(t), granttest.OrgA))
			}
			if tc.after == grant.KeyFresh {
				require.NoError(t, err)
				assert.Len(t, f.Datadog.KeyIDs(eu(t), granttest.OrgA), 1)
				return
			}
			for _, part := range []string{tc.says, "https://app.datadoghq.eu/organization-settings/api-keys", "OAuth Client API Key", "mint again"} {
				assert.Contains(t, st.KeyReason, part)
			}
			// The customer follows the steps, and the operator tries again.
			f.Datadog.RevokeKey(eu(t), granttest.OrgA)
			require.NoError(t, s.MintAgain(t.Context(), "acme", "ops"))
			assert.True(t, facts(t, s, "acme").Sending)
		})
	}
}

func TestAKeyLostInACrashIsFoundByTheFirstIntent(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindOrg, 2)
	f.Datadog.LetManageKeys()
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	lost := f.Datadog.KeyIDs(eu(t), granttest.OrgA)
	b.left.Store(unlimited)
	f.Clock.Advance(5 * time.Hour)
	s = f.Crash(s)
	s.Pass(t.Context())
	assert.Equal(t, grant.KeyFresh, facts(t, s, "acme").Facts.Key)
	assert.Equal(t, lost, deletedKeys(f))
}

func TestAnUnknownOutcomeIsRememberedForTheNextTry(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	f.Datadog.Answer(mintPath, f.Datadog.Lost)
	f.Datadog.Answer(mintPath, granttest.Status(500, ""))
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.ErrorContains(t, err, "twice")
	lost := f.Datadog.KeyIDs(eu(t), granttest.OrgA)
	f.Clock.Advance(30 * time.Minute)
	require.ErrorContains(t, s.MintAgain(t.Context(), "acme", "ops"), "403", "keys may not be listed")
	f.Datadog.LetManageKeys()
	f.Clock.Advance(30 * time.Minute)
	require.NoError(t, s.MintAgain(t.Context(), "acme", "ops"))
	assert.Equal(t, lost, deletedKeys(f))
	assert.True(t, facts(t, s, "acme").Sending)
}

// Between two attempts without an answer another installation made the key that it uses.
func TestAKeyMadeBetweenTwoLostAttemptsIsNotTheLostOne(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Datadog.LetManageKeys()
	s := f.Start()
	for range 2 {
		f.Datadog.Answer(mintPath, granttest.Status(500, ""))
	}
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.ErrorContains(t, err, "twice")
	f.Clock.Advance(5 * time.Hour)
	other := f.Datadog.AddKey(eu(t), granttest.OrgA, f.Clock.Now())
	f.Clock.Advance(5 * time.Hour)
	f.Datadog.Answer(mintPath, granttest.Status(500, ""))
	require.ErrorContains(t, s.MintAgain(t.Context(), "acme", "ops"), "none is surely the one")
	assert.Equal(t, []string{other}, f.Datadog.KeyIDs(eu(t), granttest.OrgA))
	_, o, err := s.Stored(t.Context(), "acme")
	require.NoError(t, err)
	assert.Len(t, o.Mint.Lost, 2, "each attempt is remembered by itself")
}

// An order ends in a state that the records name, and whoever gave it is told which, with the steps to recover.
func TestAnOrderToMintTellsTheStateThatItEndedIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(t *testing.T, f *granttest.Fixture)
		state grant.KeyFact
		says  string
	}{
		"no answer": {func(_ *testing.T, f *granttest.Fixture) {
			f.Datadog.Answer(mintPath, granttest.Status(500, ""))
			f.Datadog.Answer(mintPath, granttest.Status(500, ""))
		}, grant.KeyNone, "twice; open the connect link again"},
		"a key exists": {func(t *testing.T, f *granttest.Fixture) { f.Datadog.AddKey(eu(t), granttest.OrgA, f.Clock.Now()) }, grant.KeyExistsUnknown, "a key exists already"},
		"forbidden":    {func(_ *testing.T, f *granttest.Fixture) { f.Datadog.Answer(mintPath, granttest.Status(403, "")) }, grant.KeyNone, "403"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			s := f.Start()
			f.Datadog.Answer(mintPath, granttest.Status(403, ""))
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			require.Error(t, err)
			c.spoil(t, f)
			err = s.MintAgain(t.Context(), "acme", "ops")
			require.ErrorIs(t, err, grant.ErrRefused)
			require.ErrorContains(t, err, c.says)
			assert.Equal(t, c.state, facts(t, s, "acme").Facts.Key)
		})
	}
	f, b := breakingFixture(t, store.KindOrg, unlimited)
	s := f.Start()
	f.Datadog.Answer(mintPath, granttest.Status(403, ""))
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	b.left.Store(0)
	err = s.MintAgain(t.Context(), "acme", "ops")
	require.Error(t, err)
	require.NotErrorIs(t, err, grant.ErrRefused, "the store's trouble is no answer")
}

func TestMintAgainReplacesARefusedKeyAndKeepsAGoodOne(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	require.NoError(t, s.MintAgain(t.Context(), "acme", "ops"))
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
	f.Clock.Advance(time.Hour)
	s.Pass(t.Context())
	f.Datadog.RevokeKey(eu(t), granttest.OrgA)
	require.NoError(t, s.JudgeKey(t.Context(), "acme"))
	require.Equal(t, grant.KeyRefused, facts(t, s, "acme").Facts.Key)
	require.NoError(t, s.MintAgain(t.Context(), "acme", "ops"))
	cred, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, uint64(2), cred.Generation())

	f.Datadog.RevokeKey(eu(t), granttest.OrgA)
	f.Datadog.Revoke(granttest.OrgA)
	f.Clock.Advance(25 * time.Hour)
	s.Pass(t.Context())
	require.ErrorIs(t, s.MintAgain(t.Context(), "acme", "ops"), grant.ErrRefused, "no token is good")
	assert.Len(t, f.Datadog.Calls(mintPath), 2)
}

func TestAnAnswerThatComesAfterAnotherTookOver(t *testing.T) {
	t.Parallel()
	const id, key = "0a0a0a0a-1111-2222-3333-444455556666", "0123456789abcdef0123456789abcdef"
	cases := map[string]struct {
		edit  func(*grant.Org)
		taken bool
	}{
		"it is the one that exists":             {func(o *grant.Org) { o.Key = grant.KeyExistsUnknown }, true},
		"the other gave up":                     {func(o *grant.Org) { o.Key = grant.KeyNone }, true},
		"the other is still at it":              {func(o *grant.Org) { o.Key = grant.KeyMinting }, true},
		"the other deleted it as lost":          {func(o *grant.Org) { o.Key, o.Mint.Deleted = grant.KeyNone, id }, false},
		"the other has a key":                   {func(o *grant.Org) { o.Key, o.APIKey, o.Generation = grant.KeyOK, "another", 1 }, false},
		"the other had one, and it was dropped": {func(o *grant.Org) { o.Key, o.Generation = grant.KeyNone, 1 }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			s := f.Start()
			f.Datadog.Answer(mintPath, granttest.Status(403, ""))
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			require.Error(t, err)
			require.NoError(t, s.EditOrg(t.Context(), "acme", func(o *grant.Org) { o.Mint.Fence = 7; tc.edit(o) }))
			_, before, err := s.Stored(t.Context(), "acme")
			require.NoError(t, err)
			err = s.StoreKey(t.Context(), "acme", id, key, 6, 0)
			_, after, readErr := s.Stored(t.Context(), "acme")
			require.NoError(t, readErr)
			if !tc.taken {
				require.ErrorContains(t, err, "took over")
				assert.Equal(t, before, after)
				return
			}
			require.ErrorIs(t, err, grant.ErrAnsweredLate)
			assert.Equal(t, key, after.APIKey)
			assert.Equal(t, grant.KeyMinting, after.Key, "whoever has the right to mint checks it")
			assert.Equal(t, uint64(7), after.Mint.Fence)
		})
	}
}

func TestAProcessThatWasStoppedBeyondItsLeaseLosesNoKey(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	entered, release := f.Datadog.Held(mintPath)
	result := make(chan error, 1)
	go func() { _, err := f.Connect(s, "acme", eu(f.TB), granttest.OrgA); result <- err }()
	<-entered
	f.Clock.Advance(5 * time.Minute) // its lease is over
	lease, err := f.Store().Lease(t.Context(), "mint/main/datadoghq.eu/"+granttest.OrgA, time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.EditOrg(t.Context(), "acme", func(o *grant.Org) { o.Key, o.Mint = grant.KeyExistsUnknown, grant.MintJournal{Fence: lease.Fence()} }))
	require.NoError(t, lease.Release(t.Context()))
	release()
	require.ErrorIs(t, <-result, grant.ErrAnsweredLate)
	s.Pass(t.Context())
	assert.Equal(t, grant.KeyFresh, facts(t, s, "acme").Facts.Key)
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
}

func TestAKeyThatDatadogAssignsToAnotherOrgStopsServing(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, o, err := s.Stored(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, f.Clock.Now().UTC(), o.ValidatedAt.UTC())
	f.Clock.Advance(time.Hour)
	require.NoError(t, s.JudgeKey(t.Context(), "acme"))
	_, o, err = s.Stored(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, f.Clock.Now().UTC(), o.ValidatedAt.UTC())
	f.Datadog.Answer(validatePath, granttest.Status(200, `{"data":{"id":"`+granttest.OrgB+`"}}`))
	require.NoError(t, s.JudgeKey(t.Context(), "acme"))
	st := facts(t, s, "acme")
	assert.Equal(t, grant.KeyRefused, st.Facts.Key)
	assert.Contains(t, st.KeyReason, "another organisation")
}
