package store

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5/pgconn"
)

// Cursor implements Shared.
func (s *Postgres) Cursor(ctx context.Context) (Cursor, error) {
	var at uint64
	err := s.read(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		return queryRow(ctx, conn, []any{&at}, `SELECT position FROM datadogoauth.commits ORDER BY position DESC LIMIT 1`)
	})
	if errors.Is(err, errNoRow) {
		err = fmt.Errorf("%w: no row of datadogoauth.commits is left", ErrCorrupt)
	}
	if err != nil {
		return 0, s.failed("read the place of the latest change", err)
	}
	return Cursor(at), nil
}

// Changes implements Shared. An address that was deleted and made again comes twice, its deletion first, so that whoever follows
// forgets the versions before. A deletion counts whatever version the follower has: the version that it names is the last one that
// was deleted, and versions begin at 1 again where a record is made again.
func (s *Postgres) Changes(ctx context.Context, after Cursor, kinds []Kind, yield func(Record) error) (Cursor, error) {
	if after > math.MaxInt64 {
		return 0, s.failed("read changes", ErrCursorGone)
	}
	// Nothing of the commit at which the cursor stands is left to tell.
	page := changePage{last: changeRow{changed: int64(after), live: true, kind: maxKind}, upto: math.MaxInt64, kinds: kinds}
	for {
		err := s.read(ctx, func(ctx context.Context, conn *pgconn.PgConn) error { return page.fetch(ctx, conn, int64(after)) })
		if err != nil {
			return 0, s.failed("read changes", err)
		}
		for _, row := range page.rows {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			if err := yield(row.record()); err != nil {
				return 0, err
			}
		}
		if len(page.rows) < pgPage {
			return Cursor(page.upto), nil
		}
		page.last = page.rows[len(page.rows)-1]
	}
}

// maxKind sorts behind every kind in the order of bytes.
const maxKind = "\U0010FFFF"

// changePage walks the changes in the order of their commits: (changed, live, kind, key).
type changePage struct {
	last changeRow // where the page before ended
	upto int64     // the latest commit when the walk began; what comes later is for the next walk
	rows []changeRow
	// kinds are those that are told of; empty for all.
	kinds []Kind
}

type changeRow struct {
	changed int64
	live    bool
	kind    string
	key     []byte
	version int64
	value   []byte
}

func (r changeRow) record() Record {
	record := Record{Kind: Kind(r.kind), Key: string(r.key), Version: uint64(r.version)}
	if r.live {
		record.Value = append([]byte{}, r.value...) // nil would mean deleted
	}
	return record
}

// changesStatement asks in one snapshot whether the commit at the cursor is still known and what came after it. While that commit is
// known, no deletion after it is pruned. Where there is nothing to tell, one row says so with a change at 0.
const changesStatement = `
SELECT known.held, known.upto, coalesce(e.changed, 0), coalesce(e.live, false), coalesce(e.kind, ''), e.key, coalesce(e.version, 0), e.value
FROM (
	SELECT EXISTS (SELECT FROM datadogoauth.commits WHERE position = $1) AS held,
		least($2::bigint, (SELECT max(position) FROM datadogoauth.commits)) AS upto
) AS known LEFT JOIN LATERAL (
	SELECT * FROM (
		SELECT changed, false AS live, kind, key, version, NULL::bytea AS value FROM datadogoauth.deletions
		UNION ALL
		SELECT changed, true AS live, kind, key, version, value FROM datadogoauth.records
	) AS both_tables
	WHERE changed >= $3 AND changed <= known.upto AND (changed, live, kind, key) > ($3, $4, $5, $6) AND (cardinality($8) = 0 OR kind = ANY ($8))
	ORDER BY changed, live, kind, key LIMIT $7
) AS e ON known.held
ORDER BY e.changed, e.live, e.kind, e.key`

func (p *changePage) fetch(ctx context.Context, conn *pgconn.PgConn, cursor int64) error {
	p.rows = p.rows[:0]
	var (
		held bool
		upto int64
	)
	_, err := query(ctx, conn, func(r row) error {
		var c changeRow
		err := r.scan(&held, &upto, &c.changed, &c.live, &c.kind, &c.key, &c.version, &c.value)
		if c.changed > 0 {
			p.rows = append(p.rows, c)
		}
		return err
	}, changesStatement, pgInt(cursor), pgInt(p.upto), pgInt(p.last.changed), pgBool(p.last.live), pgText(p.last.kind), pgBytes(p.last.key), pgInt(pgPage), pgTexts(kindNames(p.kinds)))
	switch {
	case err != nil:
		return err
	case !held, p.upto != math.MaxInt64 && p.upto != upto: // a standby took over that lacks the commit up to which the walk goes
		return ErrCursorGone
	}
	p.upto = upto
	return nil
}

func kindNames(kinds []Kind) []string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return names
}
