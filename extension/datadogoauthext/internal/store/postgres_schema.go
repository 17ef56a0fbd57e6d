package store

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNewerSchema: a newer version of the program has changed the tables in a way that this one does not know.
var ErrNewerSchema = errors.New("the tables were made by a newer version of this program")

// migrations holds what brings the tables from one number to the next. A file that was released is never edited.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrationFiles are the files in the order in which they are applied; the first one has number 1.
var migrationFiles = [...]string{"migrations/0001_store.sql"}

// migrationLock serialises those who migrate: an advisory lock that ends with its transaction. "datadog" in ASCII.
const migrationLock = 0x64617461646f67

// prepare makes sure that the tables are as this program knows them. Several processes may do so at once.
func (s *Postgres) prepare(ctx context.Context, conn *pgconn.PgConn) error {
	var have int
	err := inTransaction(ctx, conn, beginReadOnly, func() (err error) {
		have, err = schemaNumber(ctx, conn)
		return err
	})
	switch {
	case err != nil:
		return err
	case have > len(migrationFiles):
		return fmt.Errorf("%w (%d, this one knows %d); run that version or a later one", ErrNewerSchema, have, len(migrationFiles))
	case have == len(migrationFiles):
		return nil
	case s.readOnly:
		return fmt.Errorf("%w: its tables are not there or not up to date (%d of %d); start a collector whose flow is enabled, which makes them",
			ErrUnreachable, have, len(migrationFiles))
	}
	return inTransaction(ctx, conn, `BEGIN ISOLATION LEVEL READ COMMITTED`, func() error { return migrate(ctx, conn) })
}

// schemaNumber is 0 where there are no tables. It asks the catalogue's tables, since functions such as to_regclass answer from a cache
// that may not have heard of a commit yet.
func schemaNumber(ctx context.Context, conn *pgconn.PgConn) (int, error) {
	var exists bool
	if err := queryRow(ctx, conn, []any{&exists}, `SELECT EXISTS (SELECT FROM pg_catalog.pg_tables
		WHERE schemaname = 'datadogoauth' AND tablename = 'migrations')`); err != nil || !exists {
		return 0, err
	}
	var number int64
	err := queryRow(ctx, conn, []any{&number}, `SELECT coalesce(max(number), 0)::bigint FROM datadogoauth.migrations`)
	return int(number), err
}

// migrate looks again once it holds the lock, since somebody else may have been faster.
func migrate(ctx context.Context, conn *pgconn.PgConn) error {
	if _, err := query(ctx, conn, nil, `SELECT pg_advisory_xact_lock($1)`, pgInt(migrationLock)); err != nil {
		return err
	}
	have, err := schemaNumber(ctx, conn)
	if err != nil {
		return err
	}
	if have == 0 {
		if err := createSchema(ctx, conn); err != nil {
			return err
		}
	}
	for i, name := range migrationFiles {
		if i < have {
			continue
		}
		statements, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if err := conn.Exec(ctx, string(statements)).Close(); err != nil { // several statements in one message
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := query(ctx, conn, nil, `INSERT INTO datadogoauth.migrations (number, at) VALUES ($1, clock_timestamp())`, pgInt(int64(i+1))); err != nil {
			return err
		}
	}
	return nil
}

// createSchema does not create a schema that is there: that takes a right on the database which a careful administrator keeps.
func createSchema(ctx context.Context, conn *pgconn.PgConn) error {
	var exists bool
	if err := queryRow(ctx, conn, []any{&exists}, `SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'datadogoauth')`); err != nil {
		return err
	}
	if !exists {
		if _, err := query(ctx, conn, nil, `CREATE SCHEMA datadogoauth`); err != nil {
			return err
		}
	}
	_, err := query(ctx, conn, nil, `CREATE TABLE datadogoauth.migrations (number integer PRIMARY KEY, at timestamptz NOT NULL)`)
	return err
}
