package pg_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/pg"
)

func exec(t *testing.T, dsn, sql string) error {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // PgBouncer in transaction mode keeps no prepared statement
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func TestWhatWasAcknowledgedOutlivesAKill(t *testing.T) {
	t.Parallel()
	s, err := pg.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	dsn, err := s.CreateDatabase(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pg.StartPool(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := exec(t, s.DSN(pool.Addr(), "one"), "CREATE TABLE t (n int PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	if err := exec(t, dsn, "INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if exec(t, dsn, "SELECT 1") == nil {
		t.Error("the server answers after it was killed")
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if exec(t, dsn, "INSERT INTO t VALUES (1)") == nil {
		t.Error("the row is gone")
	}
}

func TestAGateHoldsAndCuts(t *testing.T) {
	t.Parallel()
	s, err := pg.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	gate, err := pg.NewGate(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gate.Close() })
	conn, err := pgx.Connect(t.Context(), s.DSN(gate.Addr(), "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	gate.Hold()
	answered := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "SELECT 1")
		answered <- err
	}()
	select {
	case <-answered:
		t.Error("an answer came through a held gate")
	case <-time.After(100 * time.Millisecond):
	}
	gate.Release()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	gate.Cut()
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("the connection survived a cut")
	}
}
