package grant_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

// audited are all records that a query chooses, the oldest first, read in pages.
func audited(t testing.TB, s *grant.Service, q grant.AuditQuery) (all []audit.Record) {
	t.Helper()
	for {
		page, next, err := s.Audit(t.Context(), q)
		require.NoError(t, err)
		for _, r := range page {
			if r.What != "client changed" { // the background finds the client in the configuration when it comes to that
				all = append(all, r)
			}
		}
		if next == "" {
			slices.Reverse(all)
			return all
		}
		q.Before = next
	}
}

// of are those records of a tenant, and of its organisation's key.
func of(t testing.TB, s *grant.Service, tenant string) []audit.Record {
	t.Helper()
	return audited(t, s, grant.AuditQuery{Tenant: tenant})
}

func whats(records []audit.Record) (all []string) {
	for _, r := range records {
		all = append(all, r.What)
	}
	return all
}

// since are those that came after the first n.
func sinceThen(t testing.TB, s *grant.Service, tenant string, n int) []audit.Record {
	t.Helper()
	return of(t, s, tenant)[n:]
}

func changeOf(r audit.Record, field string) (c audit.Change) {
	for _, c := range r.Changes {
		if c.Field == field {
			return c
		}
	}
	return c
}

// connectByLink takes a tenant through a consent that a connect link began.
func connectByLink(ctx context.Context, t *testing.T, f *granttest.Fixture, s *grant.Service, tenant string) {
	t.Helper()
	_, inv, err := s.Invite(ctx, tenant, "", time.Hour, "ops")
	require.NoError(t, err)
	verifier := oauth2.GenerateVerifier()
	state, err := s.BeginFlow(t.Context(), grant.Flow{
		Tenant: tenant, Client: "main", Invitation: inv.Hash, Verifier: verifier, AppOrigin: eu(t).AppOrigin(), Partition: string(eu(t).Partition()),
	})
	require.NoError(t, err)
	flow, err := s.ConsumeFlow(t.Context(), state)
	require.NoError(t, err)
	_, err = s.Connect(t.Context(), flow, eu(t), f.Datadog.Code(eu(t), granttest.OrgA, oauth2.S256ChallengeFromVerifier(verifier)))
	require.NoError(t, err)
}

var operator = grant.Actor{Kind: "operator", Name: "ops", Via: "api"}

func TestALifeIsRecorded(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	f.Datadog.LetManageKeys()
	s := f.Start()
	ctx := grant.WithActor(t.Context(), operator)
	connectByLink(ctx, t, f, s, "acme")
	records := of(t, s, "acme")
	assert.False(t, records[0].Routine)
	assert.Equal(t, []string{"invitation made", "key minting", "grant connected", "token ok", "key stored", "key fresh", "invitation ended"}, whats(records))
	connected := records[2]
	assert.Equal(t, "customer", connected.Actor.Kind)
	assert.Equal(t, "flow", connected.Actor.Via)
	assert.Equal(t, "invitation "+changeOf(records[0], "invitation").After, connected.Actor.Name)
	assert.Equal(t, connected.Actor, records[5].Actor, "the key was minted for that customer")
	assert.Equal(t, audit.Change{Field: "org", After: "main/datadoghq.eu/" + granttest.OrgA}, changeOf(connected, "org"))
	assert.Equal(t, "main", connected.Client)
	assert.Equal(t, "datadoghq.eu", connected.Site)
	assert.Equal(t, granttest.OrgA, connected.OrgID)
	assert.Regexp(t, "^hmac:", changeOf(records[3], "access_token").After)
	assert.Regexp(t, "^hmac:", changeOf(records[4], "api_key").After)
	assert.Equal(t, "1", changeOf(records[4], "generation").After)

	seen := len(records)
	expect := func(actor grant.Actor, whats ...string) []audit.Record {
		t.Helper()
		records := sinceThen(t, s, "acme", seen)
		seen += len(records)
		var got []string
		for _, r := range records {
			got = append(got, r.What)
			assert.Equal(t, actor, r.Actor, r.What)
		}
		assert.Equal(t, whats, got)
		return records
	}
	f.Clock.Advance(2 * time.Minute)
	s.Pass(t.Context())
	expect(grant.Actor{}, "key ok")
	require.NoError(t, s.Pause(ctx, "acme", "unpaid", "ops"))
	paused := expect(operator, "grant paused")[0]
	assert.Equal(t, "paused by ops: unpaid", paused.Reason)
	assert.Equal(t, []audit.Change{{Field: "hold", Before: "none", After: "paused"}}, paused.Changes)
	require.NoError(t, s.Pause(ctx, "acme", "still unpaid", "ops"))
	assert.Equal(t, []audit.Change{{Field: "hold_reason", Before: "paused by ops: unpaid", After: "paused by ops: still unpaid"}}, expect(operator, "hold reason changed")[0].Changes)
	require.NoError(t, s.Resume(ctx, "acme", "ops"))
	assert.Equal(t, "resumed by ops", expect(operator, "grant resumed")[0].Reason)
	require.NoError(t, s.Resume(ctx, "acme", "ops"))
	expect(operator) // nothing changed

	f.Clock.Advance(time.Hour)
	_, err := s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	refreshed := expect(grant.Actor{}, "token refreshed")[0]
	assert.True(t, refreshed.Routine)
	assert.Equal(t, changeOf(records[3], "refresh_token").After, changeOf(refreshed, "refresh_token").Before, "one secret has one fingerprint")
	assert.NotEqual(t, changeOf(refreshed, "refresh_token").Before, changeOf(refreshed, "refresh_token").After)
	f.Datadog.RevokeKey(eu(t), granttest.OrgA)
	require.NoError(t, s.JudgeKey(t.Context(), "acme"))
	expect(grant.Actor{Kind: "datadog"}, "key refused")
	require.NoError(t, s.MintAgain(ctx, "acme", "ops"))
	expect(operator, "key minting", "key stored", "key fresh")

	require.NoError(t, s.Disconnect(ctx, "acme", "contract ended", "ops"))
	require.Empty(t, open(t, s))
	var done []string
	for _, r := range sinceThen(t, s, "acme", seen) {
		done = append(done, r.What)
		if strings.HasPrefix(r.What, "grant") || strings.HasPrefix(r.What, "token") || r.What == "revocation asked" {
			assert.Equal(t, operator, r.Actor, r.What)
			assert.Contains(t, r.Reason+string(r.What), map[bool]string{true: "contract ended", false: "token none"}[r.What != "token none"])
		}
	}
	assert.Subset(t, done, []string{"grant disconnected", "token none", "revocation asked", "key none", "revocation ended"})
}

func TestAChangeOfOrganisationIsRecorded(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	ctx := grant.WithActor(t.Context(), operator)
	for _, org := range []string{granttest.OrgA, granttest.OrgB} {
		_, err := f.Connect(s, "acme", eu(t), org)
		require.NoError(t, err)
	}
	seen := len(of(t, s, "acme"))
	require.NoError(t, s.ConfirmChange(ctx, "acme", granttest.OrgB, "ops"))
	records := audited(t, s, grant.AuditQuery{})
	i := slices.IndexFunc(records, func(r audit.Record) bool { return r.What == "change confirmed" })
	require.GreaterOrEqual(t, i, 0, "%v", whats(records))
	assert.Equal(t, operator, records[i].Actor)
	assert.Equal(t, "confirmed by ops", records[i].Reason)
	moved := slices.IndexFunc(records, func(r audit.Record) bool {
		return r.What == "grant connected" && changeOf(r, "org").Before == "main/datadoghq.eu/"+granttest.OrgA
	})
	require.GreaterOrEqual(t, moved, 0)
	assert.Equal(t, "main/datadoghq.eu/"+granttest.OrgB, changeOf(records[moved], "org").After)
	given := slices.IndexFunc(records, func(r audit.Record) bool { return r.What == "token given" })
	require.GreaterOrEqual(t, given, 0)
	assert.False(t, records[given].Routine, "a consent is no refresh")
	assert.Greater(t, len(of(t, s, "acme")), seen)
}

// Every cell of the tables of facts, done to the records of a service: what moves a fact has one record of exactly that, and what does not
// move it has none but, for a token or a key, of another reason.
func TestEveryCellHasItsRecord(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	ctx := grant.WithActor(t.Context(), operator)
	cells := grant.Cells()
	require.Greater(t, len(cells), 60)
	words := map[string]string{"hold none": "grant resumed"}
	for _, c := range cells {
		require.NoError(t, s.Begin(ctx, "acme", c, "before"))
		seen := len(of(t, s, "acme"))
		require.NoError(t, s.Happen(ctx, "acme", c, "because"))
		records := sinceThen(t, s, "acme", seen)
		if c.From == c.To {
			for _, r := range records {
				assert.True(t, r.Routine && strings.HasSuffix(r.What, "reason changed"), "%+v: %+v", c, r)
			}
			assert.LessOrEqual(t, len(records), 1, "%+v", c)
			continue
		}
		require.Len(t, records, 1, "%+v", c)
		r := records[0]
		what := words[c.Table+" "+c.To]
		if what == "" {
			what = map[string]string{"hold": "grant"}[c.Table]
			if what == "" {
				what = c.Table
			}
			what += " " + c.To
		}
		assert.Equal(t, what, r.What, "%+v", c)
		assert.Equal(t, []audit.Change{{Field: c.Table, Before: c.From, After: c.To}}, r.Changes, "%+v", c)
		assert.Equal(t, "because", r.Reason, "%+v", c)
		assert.Equal(t, operator, r.Actor)
		assert.Equal(t, granttest.OrgA, map[bool]string{true: r.OrgID, false: granttest.OrgA}[c.Table != "token"])
		assert.False(t, r.Routine)
	}
}

// replayed is what the records of a tenant lead to. Each has to begin where the one before it ended: a gap is a change without a record.
func replayed(t *testing.T, s *grant.Service, tenant string) grant.Facts {
	t.Helper()
	is := map[string]string{"token": "none", "key": "none", "hold": "none"}
	secrets := map[string]string{}
	for _, r := range of(t, s, tenant) {
		if strings.HasPrefix(r.What, "change ") || strings.HasPrefix(r.What, "revocation") {
			continue // of what is not the tenant's, or not any more
		}
		for _, c := range r.Changes {
			if was, ok := is[c.Field]; ok {
				assert.Equal(t, was, c.Before, "%s of %s", c.Field, r.What)
				is[c.Field] = c.After
			}
			if slices.Contains([]string{"access_token", "refresh_token", "api_key"}, c.Field) {
				assert.Equal(t, secrets[c.Field], c.Before, "%s of %s", c.Field, r.What)
				secrets[c.Field] = c.After
			}
		}
	}
	return grant.Facts{Token: grant.TokenFact(is["token"]), Key: grant.KeyFact(is["key"]), Hold: grant.Hold(is["hold"])}
}

func TestNoSecretIsRecorded(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	core, lines := observer.New(zapcore.DebugLevel)
	f.Logger = zap.New(core)
	s := f.Start()
	secrets := map[string]string{"client secret": granttest.Secret}
	keep := func() {
		tok, org, err := s.Stored(t.Context(), "acme")
		require.NoError(t, err)
		for _, secret := range []string{tok.AccessToken, tok.RefreshToken, org.APIKey} {
			if secret != "" {
				secrets[secret] = secret
			}
		}
	}
	link, inv, err := s.Invite(t.Context(), "acme", "", time.Hour, "ops")
	require.NoError(t, err)
	secrets["link"], secrets["hash of a link"] = link, inv.Hash
	for _, org := range []string{granttest.OrgA, granttest.OrgB} {
		_, err := f.Connect(s, "acme", eu(t), org)
		require.NoError(t, err)
		keep()
	}
	f.Clock.Advance(time.Hour)
	_, err = s.AccessToken(t.Context(), "acme")
	require.NoError(t, err)
	keep()
	require.NoError(t, s.ConfirmChange(t.Context(), "acme", granttest.OrgB, "ops"))
	keep()
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "ops"))
	require.Empty(t, open(t, s))
	require.Greater(t, len(secrets), 8)

	records, next, err := s.Audit(t.Context(), grant.AuditQuery{Limit: 1000})
	require.NoError(t, err)
	require.Empty(t, next)
	text, err := json.Marshal(records)
	require.NoError(t, err)
	logged := lines.FilterLoggerName("audit")
	ids := map[string]int{}
	for _, line := range logged.All() {
		out, err := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()).EncodeEntry(line.Entry, line.Context)
		require.NoError(t, err)
		text = append(text, out.Bytes()...)
		ids[line.ContextMap()["id"].(string)]++
	}
	for name, secret := range secrets {
		assert.NotContains(t, string(text), secret, name)
	}
	assert.Len(t, ids, len(records), "every record is in the log")
	for _, r := range records {
		assert.Equal(t, 1, ids[r.ID], "%s %s", r.ID, r.What)
	}
}

// A store that refuses the audit refuses the change, and the other way round: neither is there without the other.
func TestNoChangeWithoutItsRecordNorTheOtherWayRound(t *testing.T) {
	t.Parallel()
	for _, kind := range []store.Kind{store.KindAudit, store.KindGrant} {
		f, b := breakingFixture(t, kind, unlimited)
		s := f.Start()
		_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
		require.NoError(t, err)
		seen := len(of(t, s, "acme"))
		b.left.Store(0)
		require.Error(t, s.Pause(t.Context(), "acme", "", "ops"))
		b.left.Store(unlimited)
		f.Clock.Advance(time.Second)
		s = f.Crash(s)
		assert.Equal(t, grant.HoldNone, facts(t, s, "acme").Facts.Hold)
		assert.Len(t, of(t, s, "acme"), seen)
		require.NoError(t, s.Pause(t.Context(), "acme", "", "ops"))
		assert.Equal(t, []string{"grant paused"}, whats(sinceThen(t, s, "acme", seen)))
	}
}

// Two collectors give contrary orders at the same time: each version of the grant has one record, and each begins where another ended.
func TestConflictsLeaveOneRecordEach(t *testing.T) {
	t.Parallel()
	t.Run("bbolt", func(t *testing.T) {
		t.Parallel()
		f := granttest.NewFixture(t)
		shared := f.Shared()
		contraryOrders(t, f, shared, shared)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		f := granttest.NewFixture(t)
		dsn := pgtest.Shared(t).Database(t).Writer
		open := func() store.Store {
			st, err := store.OpenPostgres(store.PostgresOptions{DSN: dsn})
			require.NoError(t, err)
			t.Cleanup(func() { _ = st.Close() })
			return st
		}
		contraryOrders(t, f, open(), open())
	})
}

func contraryOrders(t *testing.T, f *granttest.Fixture, a, b store.Store) {
	t.Helper()
	one, two := f.NewOn(a, nil), f.NewOn(b, nil)
	for _, s := range []*grant.Service{one, two} {
		granttest.AwaitReady(t, s)
	}
	_, err := f.Connect(one, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	version := func() uint64 {
		raw, err := a.Get(t.Context(), store.KindGrant, "acme")
		require.NoError(t, err)
		return raw.Version
	}
	seen, before := len(of(t, one, "acme")), version()
	require.Eventually(t, func() bool { _, err := two.Org("acme"); return err == nil }, 10*time.Second, 10*time.Millisecond)
	var orders sync.WaitGroup
	for i := range 40 {
		orders.Go(func() {
			s := []*grant.Service{one, two}[i%2]
			order := func() error { return s.Pause(t.Context(), "acme", fmt.Sprint(i), "ops") }
			if i%4 > 1 {
				order = func() error { return s.Resume(t.Context(), "acme", "ops") }
			}
			for errors.Is(order(), store.ErrConflict) { // ten conflicts in a row
			}
		})
	}
	orders.Wait()
	assert.Len(t, sinceThen(t, one, "acme", seen), int(version()-before))
}

// follows keeps which kinds of changes a service asks for.
type follows struct {
	*granttest.Shared
	mu    sync.Mutex // guards kinds
	kinds []store.Kind
	asked bool
}

func (f *follows) Changes(ctx context.Context, after store.Cursor, kinds []store.Kind, yield func(store.Record) error) (store.Cursor, error) {
	f.mu.Lock()
	f.kinds, f.asked = kinds, true
	f.mu.Unlock()
	return f.Shared.Changes(ctx, after, kinds, yield)
}

func TestNobodyFollowsTheAudit(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := &follows{Shared: f.Shared()}
	granttest.AwaitReady(t, f.NewOn(st, nil))
	require.Eventually(t, func() bool {
		st.mu.Lock()
		defer st.mu.Unlock()
		return st.asked
	}, 10*time.Second, 10*time.Millisecond)
	st.mu.Lock()
	defer st.mu.Unlock()
	assert.Contains(t, st.kinds, store.KindGrant)
	assert.NotContains(t, st.kinds, store.KindAudit)
}

func TestNotesAreRecorded(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	ctx := grant.WithActor(t.Context(), grant.Actor{Kind: "operator", Name: "ops\u202e", Via: "page"})
	require.NoError(t, s.Note(ctx, audit.Record{What: "operator logged in", Reason: "from 192.0.2.1"}))
	require.NoError(t, s.Note(ctx, audit.Record{What: "order refused: pause", Tenant: "nobody\nhere", Reason: strings.Repeat("long ", 1000)}))
	records := audited(t, s, grant.AuditQuery{})
	require.Equal(t, []string{"operator logged in", "order refused: pause"}, whats(records))
	assert.Equal(t, grant.Actor{Kind: "operator", Name: "ops", Via: "page"}, records[0].Actor)
	assert.Equal(t, "from 192.0.2.1", records[0].Reason)
	assert.Equal(t, "nobody here", records[1].Tenant)
	assert.Less(t, len(records[1].Reason), 600)
}

// reads counts the records that a store returns to whom the context of a test asks for.
type reads struct{ store.Store }

type counted struct{}

func count(ctx context.Context) {
	if n, ok := ctx.Value(counted{}).(*int); ok {
		*n++
	}
}

func (r *reads) Range(ctx context.Context, kind store.Kind, rng store.Range, yield func(store.Record) error) error {
	return r.Store.Range(ctx, kind, rng, func(rec store.Record) error { count(ctx); return yield(rec) })
}

func (r *reads) Get(ctx context.Context, kind store.Kind, key string) (store.Record, error) {
	count(ctx)
	return r.Store.Get(ctx, kind, key)
}

func TestAQueryReadsNoMoreThanItReturns(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	r := &reads{}
	f.Edit = func(o *grant.Options) { r.Store, o.Store = o.Store, r }
	s := f.Start()
	for i := range 300 {
		f.Clock.Advance(time.Second)
		require.NoError(t, s.Note(t.Context(), audit.Record{What: "noted", Tenant: fmt.Sprintf("tenant-%d", i%10)}))
	}
	start := f.Clock.Now().Add(-300 * time.Second)
	n := 0
	ctx := context.WithValue(t.Context(), counted{}, &n)
	page, next, err := s.Audit(ctx, grant.AuditQuery{Tenant: "tenant-3", Limit: 5})
	require.NoError(t, err)
	assert.Len(t, page, 5)
	assert.NotEmpty(t, next)
	assert.Equal(t, 2*5+1, n, "read")
	n = 0
	page, _, err = s.Audit(ctx, grant.AuditQuery{Limit: 5})
	require.NoError(t, err)
	assert.Len(t, page, 5)
	assert.Equal(t, 5+1, n, "read")

	for _, limit := range []int{1, 7, 100, 1000} {
		all := audited(t, s, grant.AuditQuery{Limit: limit})
		assert.Len(t, all, 300)
		assert.True(t, slices.IsSortedFunc(all, func(a, b audit.Record) int { return strings.Compare(a.ID, b.ID) }))
		mine := audited(t, s, grant.AuditQuery{Limit: limit, Tenant: "tenant-3"})
		assert.Len(t, mine, 30)
		for _, r := range mine {
			assert.Equal(t, "tenant-3", r.Tenant)
		}
	}
	between := audited(t, s, grant.AuditQuery{Since: start.Add(10 * time.Second), Until: start.Add(20 * time.Second)})
	assert.Len(t, between, 10, "from 10 to 19")
	_, _, err = s.Audit(t.Context(), grant.AuditQuery{Before: "t/../key"})
	require.ErrorIs(t, err, grant.ErrNoAuditID)
	none, next, err := s.Audit(t.Context(), grant.AuditQuery{Tenant: "nobody"})
	require.NoError(t, err)
	assert.Empty(t, none)
	assert.Empty(t, next)
}
