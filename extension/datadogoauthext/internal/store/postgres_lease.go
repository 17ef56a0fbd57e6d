package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Lease implements Store. The clock is the database's: a holder whose process stood still, or whose clock is wrong, holds no longer
// than the others think. A holder counts ttl from before it asked.
//
// A fence is a microsecond of that clock, or the one after the last fence of the name where that is more. So it grows also after the
// row of a name was pruned, and after a failover to a standby that lacks the last leases.
func (s *Postgres) Lease(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	lease := &pgLease{store: s, name: name}
	if err := s.take(ctx, lease, ttl); err != nil {
		return nil, s.failed("lease "+name, err)
	}
	return lease, nil
}

const leaseStatement = `
INSERT INTO datadogoauth.leases AS held (name, fence, expires)
VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, clock_timestamp() + $2::bigint * interval '1 microsecond')
ON CONFLICT (name) DO UPDATE
	SET fence = greatest(held.fence + 1, excluded.fence), expires = clock_timestamp() + $2::bigint * interval '1 microsecond'
	WHERE held.expires <= clock_timestamp()
RETURNING fence`

func (s *Postgres) take(ctx context.Context, lease *pgLease, ttl time.Duration) error {
	if ttl < time.Microsecond {
		return fmt.Errorf("a lease needs a time to live, got %s", ttl)
	}
	if s.readOnly {
		return errReadOnly
	}
	err := s.call(ctx, callTimeout, true, func(ctx context.Context, conn *pgconn.PgConn) error {
		return queryRow(ctx, conn, []any{&lease.fence}, leaseStatement, pgBytes([]byte(lease.name)), pgInt(ttl.Microseconds()))
	})
	if errors.Is(err, errNoRow) {
		return ErrHeld
	}
	return err
}

type pgLease struct {
	store *Postgres
	name  string
	fence uint64
}

// Fence implements Lease.
func (l *pgLease) Fence() uint64 { return l.fence }

// Release implements Lease. The row stays, for the fence that comes next.
func (l *pgLease) Release(ctx context.Context) error {
	err := l.store.call(ctx, callTimeout, false, func(ctx context.Context, conn *pgconn.PgConn) error { // a repeat does no harm
		_, err := query(ctx, conn, nil, `UPDATE datadogoauth.leases SET expires = clock_timestamp()
			WHERE name = $1 AND fence = $2 AND expires > clock_timestamp()`, pgBytes([]byte(l.name)), pgInt(int64(l.fence)))
		return err
	})
	if err != nil {
		return l.store.failed("release lease "+l.name, err)
	}
	return nil
}
