package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

func TestOldChangesAreForgottenButNotThoseOfAnyoneUpToDate(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	database := pgtest.Shared(t).Database(t)
	one := openPostgres(t, store.PostgresOptions{DSN: database.Writer})
	old, err := one.Cursor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	lease, err := one.Lease(ctx, "refresh/acme", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	deletion := store.Change{Record: store.Record{Kind: store.KindGrant, Key: "acme", Version: 1}, Delete: true}
	for _, step := range []store.Change{change("acme", 0, nil), deletion, change("globex", 0, nil)} {
		if err := one.Apply(ctx, step); err != nil {
			t.Fatal(err)
		}
	}
	upToDate, err := one.Cursor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, database.Admin, `UPDATE datadogoauth.commits SET at = at - interval '2 hours'`)
	pgtest.Exec(t, database.Admin, `UPDATE datadogoauth.leases SET expires = expires - interval '2 days'`)

	two := openPostgres(t, store.PostgresOptions{DSN: database.Writer}) // prunes with its first write
	if err := two.Apply(ctx, change("initech", 0, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Changes(ctx, old, nil, func(store.Record) error { return nil }); !errors.Is(err, store.ErrCursorGone) {
		t.Errorf("two hours behind: got %v, want ErrCursorGone", err)
	}
	told := 0
	if _, err := two.Changes(ctx, upToDate, nil, func(r store.Record) error { told++; return nil }); err != nil || told != 1 {
		t.Errorf("up to date until just now: told %d changes, %v", told, err)
	}
	// A count that differs divides by zero, which fails the test.
	pgtest.Exec(t, database.Admin, `SELECT 1 / (count(*) = 0)::int FROM datadogoauth.deletions`)
	pgtest.Exec(t, database.Admin, `SELECT 1 / (count(*) = 2)::int FROM datadogoauth.commits`)
	pgtest.Exec(t, database.Admin, `SELECT 1 / (count(*) = 0)::int FROM datadogoauth.leases`)
	next, err := two.Lease(ctx, "refresh/acme", time.Minute)
	if err != nil || next.Fence() <= lease.Fence() {
		t.Errorf("after the lease was forgotten: %v, fence must follow %d", err, lease.Fence())
	}
}

// What a failover to a standby that lacks the last commit does to a walk of two pages, of which one was told.
func TestACommitThatIsLostInTheMiddleOfAWalkEndsIt(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	database := pgtest.Shared(t).Database(t)
	st := openPostgres(t, store.PostgresOptions{DSN: database.Writer})
	at, err := st.Cursor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var all []store.Change
	for i := range 1500 {
		all = append(all, change(fmt.Sprint("tenant-", i), 0, nil))
	}
	for _, changes := range [][]store.Change{{change("acme", 0, nil)}, all} {
		if err := st.Apply(ctx, changes...); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	next, err := st.Changes(ctx, at, nil, func(store.Record) error {
		if told++; told == 1 {
			pgtest.Exec(t, database.Admin, `DELETE FROM datadogoauth.commits WHERE position = (SELECT max(position) FROM datadogoauth.commits)`)
			pgtest.Exec(t, database.Admin, `DELETE FROM datadogoauth.records WHERE key <> 'acme'`)
		}
		return nil
	})
	if !errors.Is(err, store.ErrCursorGone) || told < 2 || told > 1000 {
		t.Errorf("told %d changes, some of which were lost, and %d, %v; want ErrCursorGone after one page", told, next, err)
	}
}

func TestAHintComesWithAChangeAndAfterTheSessionBroke(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	database := pgtest.Shared(t).Database(t)
	writer := openPostgres(t, store.PostgresOptions{DSN: database.Writer})
	if err := writer.Apply(ctx, change("acme", 0, nil)); err != nil {
		t.Fatal(err)
	}
	hints := openPostgres(t, store.PostgresOptions{DSN: database.Writer}).Hint()
	await := func(what string) {
		t.Helper()
		select {
		case <-hints:
		case <-time.After(30 * time.Second):
			t.Fatalf("no hint %s", what)
		}
	}
	await("when listening began")
	if err := writer.Apply(ctx, change("acme", 1, nil)); err != nil {
		t.Fatal(err)
	}
	await("of a change")
	pgtest.Exec(t, database.Admin, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`)
	await("when listening began again")
	if err := writer.Apply(ctx, change("acme", 2, nil)); err != nil {
		t.Fatal(err)
	}
	await("of a change after that")
}
