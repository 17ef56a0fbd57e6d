package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

var _ Snapshotter = (*Postgres)(nil)

var errPartial = errors.New("the database role sees only the records that sending needs; connect with the role that owns the tables")

// Snapshot implements Snapshotter. One statement sees what was committed when it began, so no transaction of its own is
// needed; the rows are read to the end before yield sees the first one.
func (s *Postgres) Snapshot(ctx context.Context, yield func(Record) error) error {
	byKind := map[Kind][]Record{}
	err := s.call(ctx, importTimeout, false, func(ctx context.Context, conn *pgconn.PgConn) error {
		// A policy hides rows without a word: what it leaves would look like a whole store.
		var partial bool
		if err := queryRow(ctx, conn, []any{&partial}, `SELECT row_security_active('datadogoauth.records')`); err != nil {
			return err
		}
		if partial {
			return errPartial
		}
		clear(byKind) // this function may run again
		_, err := query(ctx, conn, func(r row) error {
			var kind string
			var record Record
			err := r.scan(&kind, &record.Key, &record.Version, &record.Value)
			record.Kind = Kind(kind)
			byKind[record.Kind] = append(byKind[record.Kind], record)
			return err
		}, `SELECT kind, key, version, value FROM datadogoauth.records WHERE kind <> ALL ($1) ORDER BY kind, key`, pgTexts(streamedNames()))
		return err
	})
	if err != nil {
		return s.failed("read all records", err)
	}
	for _, kind := range Kinds() {
		for _, record := range byKind[kind] {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := yield(record); err != nil {
				return err
			}
		}
	}
	return snapshotStreamed(ctx, s, yield)
}

func streamedNames() (names []string) {
	for _, kind := range Kinds() {
		if Streamed(kind) {
			names = append(names, string(kind))
		}
	}
	return names
}
