package store

import (
	"context"
	"crypto/rand"
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
	lease := &pgLease{store: s, name: name, holder: make([]byte, 16), until: time.Now().Add(ttl)}
	_, _ = rand.Read(lease.holder) // never fails
	err := s.take(ctx, lease, ttl)
	if unknown := (*outcomeUnknown)(nil); errors.As(err, &unknown) {
		s.letGo(lease) // it may be held by a caller who was told that it is not
	}
	if err != nil {
		return nil, s.failed("lease "+name, err)
	}
	return lease, nil
}

const leaseStatement = `
INSERT INTO datadogoauth.leases AS held (name, fence, holder, expires)
VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, $3, clock_timestamp() + $2::bigint * interval '1 microsecond')
ON CONFLICT (name) DO UPDATE
	SET fence = greatest(held.fence + 1, excluded.fence), holder = excluded.holder, expires = clock_timestamp() + $2::bigint * interval '1 microsecond'
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
		batch := &pgconn.Batch{}
		queue(batch, settingsStatement, patience(callTimeout)) // a lease that a crash forgets would have two holders
		queue(batch, leaseStatement, pgBytes([]byte(lease.name)), pgInt(ttl.Microseconds()), pgBytes(lease.holder))
		results := conn.ExecBatch(ctx, batch)
		_, err := nextResult(results, nil)
		if err == nil {
			answer := firstRow{dest: []any{&lease.fence}}
			_, err = nextResult(results, answer.scan)
			err = answer.orNone(err)
		}
		if closeErr := results.Close(); err == nil || closeErr != nil && errors.Is(err, errNoRow) { // Close hears of the commit
			err = closeErr
		}
		return err
	})
	if errors.Is(err, errNoRow) {
		return ErrHeld
	}
	return err
}

type pgLease struct {
	store  *Postgres
	name   string
	holder []byte
	fence  uint64
	until  time.Time // when the lease is over, by this process's clock
}

// Fence implements Lease.
func (l *pgLease) Fence() uint64 { return l.fence }

// Release implements Lease. Where the database does not answer it is tried again behind the caller's back, until the lease is over.
func (l *pgLease) Release(ctx context.Context) error {
	if _, err := l.release(ctx); err != nil {
		l.store.letGo(l)
		return l.store.failed("release lease "+l.name, err)
	}
	return nil
}

// release says whether the lease was held. The row stays, for the fence that comes next.
func (l *pgLease) release(ctx context.Context) (held bool, err error) {
	err = l.store.call(ctx, callTimeout, false, func(ctx context.Context, conn *pgconn.PgConn) error { // a repeat does no harm
		tag, err := query(ctx, conn, nil, `UPDATE datadogoauth.leases SET expires = clock_timestamp()
			WHERE name = $1 AND holder = $2 AND expires > clock_timestamp()`, pgBytes([]byte(l.name)), pgBytes(l.holder))
		held = held || tag.RowsAffected() > 0
		return err
	})
	return held, err
}

const (
	letGoFirst = 500 * time.Millisecond
	letGoMost  = 15 * time.Second
)

// letGo ends a lease that nobody acts on in the background, so that a failover of the database does not keep its name from everybody for
// as long as the lease lasts. A lease that is not there may still come: its call may be on its way through the server.
func (s *Postgres) letGo(lease *pgLease) {
	s.background(func(ctx context.Context) {
		ctx, cancel := context.WithDeadline(ctx, lease.until)
		defer cancel()
		for pause := letGoFirst; ctx.Err() == nil; pause = min(2*pause, letGoMost) {
			wait(ctx, pause)
			if held, err := lease.release(ctx); err == nil && held {
				return
			}
		}
	})
}
