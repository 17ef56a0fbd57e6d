package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

// Leases live by the clock of the database, whatever the clocks of the collectors say: here it is an hour off, and moves while theirs stand
// still.
func TestALeaseFollowsTheClockOfTheDatabase(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]time.Duration{"an hour ahead": time.Hour, "an hour behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.Shared(t).Database(t)
			clock := shadowClock(t, database)
			clock(off)
			one, two := openPostgres(t, store.PostgresOptions{DSN: database.Writer}), openPostgres(t, store.PostgresOptions{DSN: database.Writer})

			take := func(s store.Store, lease string) (store.Lease, error) {
				t.Helper()
				got, err := s.Lease(t.Context(), lease, time.Minute)
				if err != nil && !errors.Is(err, store.ErrHeld) {
					t.Fatal(err)
				}
				return got, err
			}
			held := func(when string) {
				t.Helper()
				if _, err := take(two, "refresh/acme"); !errors.Is(err, store.ErrHeld) {
					t.Fatalf("%s: got %v, want ErrHeld", when, err)
				}
			}
			// near reports whether a moment of the database's is d from here, but for the time that this test takes.
			near := func(what string, at time.Time, d time.Duration) {
				t.Helper()
				if wrong := time.Until(at) - d; wrong < -30*time.Second || wrong > time.Second {
					t.Errorf("%s is %s from here, want %s", what, time.Until(at), d)
				}
			}
			first, err := take(one, "refresh/acme")
			if err != nil {
				t.Fatal(err)
			}
			near("the fence", time.UnixMicro(int64(first.Fence())), off)
			near("the expiry", leaseExpiry(t, database, "refresh/acme"), off+time.Minute)
			held("at once")
			ends := leaseExpiry(t, database, "refresh/acme")
			clock(time.Until(ends) - 30*time.Second)
			held("half a minute before the end")
			clock(time.Until(ends) + time.Millisecond)
			second, err := take(two, "refresh/acme")
			if err != nil {
				t.Fatalf("the database's clock is past the end: %v", err)
			}
			if second.Fence() < uint64(ends.UnixMicro()) {
				t.Errorf("fence %d after %d, by a clock that was past %d", second.Fence(), first.Fence(), ends.UnixMicro())
			}

			clock(off - time.Hour) // it goes back, as after a failover to a server that is behind
			held("since the database's clock went back")
			if err := second.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
			third, err := take(one, "refresh/acme")
			if err != nil {
				t.Fatalf("released by the same clock: %v", err)
			}
			if third.Fence() != second.Fence()+1 {
				t.Errorf("fence %d after %d: it grows although the clock went back", third.Fence(), second.Fence())
			}
			near("the expiry", leaseExpiry(t, database, "refresh/acme"), off-time.Hour+time.Minute)
		})
	}
}

// shadowClock gives the role of the writer a clock_timestamp of its own, and returns what sets how far it is off.
func shadowClock(t *testing.T, database pgtest.Database) (set func(time.Duration)) {
	t.Helper()
	exec := func(statement string, args ...any) { pgtest.Exec(t, database.Admin, fmt.Sprintf(statement, args...)) }
	config, err := pgx.ParseConfig(database.Writer)
	if err != nil {
		t.Fatal(err)
	}
	exec(`CREATE SCHEMA shadow`)
	exec(`CREATE TABLE shadow.clock (off interval NOT NULL)`)
	exec(`INSERT INTO shadow.clock VALUES ('0')`)
	exec(`CREATE FUNCTION shadow.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT pg_catalog.clock_timestamp() + off FROM shadow.clock'`)
	exec(`GRANT USAGE ON SCHEMA shadow TO %s`, config.User)
	exec(`GRANT SELECT ON shadow.clock TO %s`, config.User)
	exec(`ALTER ROLE %s IN DATABASE %s SET search_path = shadow, pg_catalog`, config.User, config.Database)
	return func(off time.Duration) {
		exec(`UPDATE shadow.clock SET off = interval '%d microseconds'`, off.Microseconds())
	}
}

func leaseExpiry(t *testing.T, database pgtest.Database, name string) (expires time.Time) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database.Admin)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), `SELECT expires FROM datadogoauth.leases WHERE name = $1`, []byte(name)).Scan(&expires); err != nil {
		t.Fatal(err)
	}
	return expires
}
