package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// errNoRow: the statement returned nothing.
var errNoRow = errors.New("no row")

// query sends one unnamed statement as one message, and calls each for every row as it comes. An error of each is returned once the
// rows have been read to the end. each may be nil.
func query(ctx context.Context, conn *pgconn.PgConn, each func(row) error, statement string, params ...param) (pgconn.CommandTag, error) {
	values, types := split(params)
	return readResult(conn.ExecParams(ctx, statement, values, types, binaryFormat, binaryFormat), each)
}

// queryRow scans the first row into dest. Without a row it returns errNoRow.
func queryRow(ctx context.Context, conn *pgconn.PgConn, dest []any, statement string, params ...param) error {
	first := firstRow{dest: dest}
	_, err := query(ctx, conn, first.scan, statement, params...)
	return first.orNone(err)
}

type firstRow struct {
	dest []any
	seen bool
}

func (f *firstRow) scan(r row) error {
	if f.seen {
		return nil
	}
	f.seen = true
	return r.scan(f.dest...)
}

// orNone returns err, or errNoRow where the result ended well without a row.
func (f *firstRow) orNone(err error) error {
	if err == nil && !f.seen {
		return errNoRow
	}
	return err
}

// queue adds an unnamed statement to a message.
func queue(batch *pgconn.Batch, statement string, params ...param) {
	values, types := split(params)
	batch.ExecParams(statement, values, types, binaryFormat, binaryFormat)
}

// nextResult reads the result of the next statement of a message.
func nextResult(results *pgconn.MultiResultReader, each func(row) error) (pgconn.CommandTag, error) {
	if results.NextResult() {
		return readResult(results.ResultReader(), each)
	}
	if err := results.Close(); err != nil {
		return pgconn.CommandTag{}, err
	}
	return pgconn.CommandTag{}, errors.New("the database returned fewer results than there were statements")
}

func readResult(result *pgconn.ResultReader, each func(row) error) (pgconn.CommandTag, error) {
	var refused error
	for result.NextRow() {
		if each != nil && refused == nil {
			refused = each(result.Values())
		}
	}
	tag, err := result.Close()
	if err == nil {
		err = refused
	}
	return tag, err
}

const beginReadOnly = `BEGIN READ ONLY`

// inTransaction runs f between begin, which may name the kind of transaction, and a commit. After an error of f it rolls back; where
// that fails too, the pool sees by the state of the session that it is of no use.
func inTransaction(ctx context.Context, conn *pgconn.PgConn, begin string, f func() error) error {
	if _, err := query(ctx, conn, nil, begin); err != nil {
		return err
	}
	if err := f(); err != nil {
		_, _ = query(ctx, conn, nil, `ROLLBACK`)
		return err
	}
	tag, err := query(ctx, conn, nil, `COMMIT`)
	if err == nil && tag.String() == "ROLLBACK" { // what the server says when a statement had failed
		err = errors.New("the database rolled the transaction back")
	}
	return err
}

func split(params []param) (values [][]byte, types []uint32) {
	values, types = make([][]byte, len(params)), make([]uint32, len(params))
	for i, p := range params {
		values[i], types[i] = p.value, p.oid
	}
	return values, types
}
