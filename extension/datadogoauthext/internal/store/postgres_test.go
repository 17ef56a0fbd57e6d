package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/storetest"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		database := pgtest.Shared(t).Database(t)
		return postgresSubject(t, database, database.Writer)
	})
}

func TestPostgresBehindPgBouncer(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		database := pgtest.Shared(t).Database(t)
		return postgresSubject(t, database, database.Bouncer(t))
	})
}

func TestPostgresIsShared(t *testing.T) {
	t.Parallel()
	for name, through := range map[string]func(*testing.T, pgtest.Database) string{
		"direct":           func(_ *testing.T, d pgtest.Database) string { return d.Writer },
		"behind PgBouncer": func(t *testing.T, d pgtest.Database) string { return d.Bouncer(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.RunShared(t, func(t *testing.T) (one, two store.Shared) {
				dsn := through(t, pgtest.Shared(t).Database(t))
				return openPostgres(t, store.PostgresOptions{DSN: dsn}), openPostgres(t, store.PostgresOptions{DSN: dsn})
			})
		})
	}
}

// Random changes, many of them wrong, must end alike in both stores.
func TestBothStoresDoTheSame(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	postgres := openPostgres(t, store.PostgresOptions{DSN: pgtest.Shared(t).Database(t).Writer})
	bolt := open(t, filepath.Join(t.TempDir(), "grants.db"), store.BoltOptions{})
	random := rand.New(rand.NewPCG(1, 1))
	agreed := 0
	var versions [3]uint64 // as they are, once a change was possible
	for i := range 400 {
		var changes []store.Change
		then := versions
		for range 1 + random.IntN(4) {
			tenant := random.IntN(len(versions))
			c := change(fmt.Sprint("tenant-", tenant), then[tenant], []byte(fmt.Sprint(i)))
			if random.IntN(8) == 0 {
				c.Version = uint64(random.IntN(3))
			}
			then[tenant] = c.Version + 1
			if c.Delete = random.IntN(3) == 0; c.Delete {
				then[tenant] = 0
			}
			changes = append(changes, c)
		}
		here, there := bolt.Apply(ctx, changes...), postgres.Apply(ctx, changes...)
		if (here == nil) != (there == nil) || errors.Is(here, store.ErrConflict) != errors.Is(there, store.ErrConflict) {
			t.Fatalf("%+v: %v here, %v there", changes, here, there)
		}
		if here == nil {
			agreed++
			versions = then
		}
		var inBolt, inPostgres []string
		for st, all := range map[store.Store]*[]string{bolt: &inBolt, postgres: &inPostgres} {
			if err := st.List(ctx, store.KindGrant, func(r store.Record) error {
				*all = append(*all, fmt.Sprintf("%s %d %s", r.Key, r.Version, r.Value))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(inBolt, inPostgres) {
			t.Fatalf("after %+v: %v here, %v there", changes, inBolt, inPostgres)
		}
	}
	if agreed < 50 || agreed > 390 {
		t.Errorf("%d changes were possible, which leaves too few of one sort", agreed)
	}
}

func postgresSubject(t *testing.T, database pgtest.Database, dsn string) storetest.Subject {
	st := openPostgres(t, store.PostgresOptions{DSN: dsn})
	return storetest.Subject{
		Store: st,
		Reopen: func() store.Store {
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			return openPostgres(t, store.PostgresOptions{DSN: dsn})
		},
		Pass: func(d time.Duration) { // the database's clock cannot be set, so its times are
			pgtest.Exec(t, database.Admin, fmt.Sprintf(`UPDATE datadogoauth.leases SET expires = expires - interval '%d microseconds'`, d.Microseconds()))
		},
	}
}

func openPostgres(t testing.TB, opts store.PostgresOptions) *store.Postgres {
	t.Helper()
	st, err := store.OpenPostgres(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}
