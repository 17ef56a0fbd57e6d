package store

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
)

// List implements Store.
func (s *Postgres) List(ctx context.Context, kind Kind, yield func(Record) error) error {
	return s.Range(ctx, kind, Range{}, yield)
}

// Range implements Store. It calls yield between the statements that fetch a page each.
func (s *Postgres) Range(ctx context.Context, kind Kind, r Range, yield func(Record) error) error {
	for left := r.Limit; ; {
		size := pgPage
		if r.Limit > 0 {
			size = min(size, left)
		}
		var page []Record
		err := s.read(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
			page = page[:0] // this function may run again
			statement, params := r.statement(kind, size)
			_, err := query(ctx, conn, func(row row) error {
				record := Record{Kind: kind}
				dest := []any{&record.Key, &record.Version, &record.Value}
				if r.KeysOnly {
					dest = dest[:2]
				}
				err := row.scan(dest...)
				page = append(page, record)
				return err
			}, statement, params...)
			return err
		})
		if err != nil {
			return s.failed("list "+string(kind)+" records", err)
		}
		for _, record := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := yield(record); err != nil {
				return err
			}
		}
		if left -= len(page); len(page) < size || r.Limit > 0 && left == 0 {
			return nil
		}
		r.advance(page[len(page)-1].Key)
	}
}

// statement selects the first size records of a range. No bytes are below every key, since a key is not empty. The primary key is in this
// order, so that only what is returned is read.
func (r Range) statement(kind Kind, size int) (string, []param) {
	statement := `SELECT key, version, value FROM datadogoauth.records WHERE kind = $1 AND key > $2`
	if r.KeysOnly {
		statement = `SELECT key, version FROM datadogoauth.records WHERE kind = $1 AND key > $2`
	}
	params := []param{pgText(string(kind)), pgBytes([]byte(r.After)), pgInt(int64(size))}
	if r.Before != "" {
		statement += ` AND key < $4`
		params = append(params, pgBytes([]byte(r.Before)))
	}
	if r.Back {
		return statement + ` ORDER BY key DESC LIMIT $3`, params
	}
	return statement + ` ORDER BY key LIMIT $3`, params
}
