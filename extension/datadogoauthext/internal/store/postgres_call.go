package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

var errReadOnly = errors.New("this store was opened read-only, as a collector that only sends does; write on a collector whose flow is enabled")

const maxTries = 5

// read runs f, which must be one statement or need no more than that: each statement sees what was committed when it began.
func (s *Postgres) read(ctx context.Context, f func(context.Context, *pgconn.PgConn) error) error {
	return s.call(ctx, callTimeout, false, func(ctx context.Context, conn *pgconn.PgConn) error {
		if !s.readOnly {
			return f(ctx, conn)
		}
		return inTransaction(ctx, conn, beginReadOnly, func() error { return f(ctx, conn) })
	})
}

// write sends one transaction as one message: the statement, behind the lock of all writers. The statement returns how many of its
// expectations were not met; where that is more than none it must have written nothing.
//
// The settings last as long as the transaction; see settingsStatement.
func (s *Postgres) write(ctx context.Context, budget time.Duration, statement string, params ...param) error {
	if s.readOnly {
		return errReadOnly
	}
	var unmet int64
	err := s.call(ctx, budget, true, func(ctx context.Context, conn *pgconn.PgConn) error {
		batch := &pgconn.Batch{}
		queue(batch, settingsStatement, patience(budget))
		queue(batch, lockStatement)
		queue(batch, statement, params...)
		results := conn.ExecBatch(ctx, batch)
		_, err := nextResult(results, nil)
		if err == nil {
			var locked pgconn.CommandTag
			if locked, err = nextResult(results, nil); err == nil && locked.RowsAffected() != 1 {
				err = fmt.Errorf("%w: the row of datadogoauth.feed is gone", ErrCorrupt)
			}
		}
		if err == nil {
			answer := firstRow{dest: []any{&unmet}}
			_, err = nextResult(results, answer.scan)
			err = answer.orNone(err)
		}
		if closeErr := results.Close(); err == nil { // Close hears of the commit
			err = closeErr
		}
		return err
	})
	if err == nil && unmet > 0 {
		return ErrConflict
	}
	return err
}

// patience is how long the server tries one statement. There are two that may wait, the lock and what it is for, and the caller waits for
// both.
func patience(budget time.Duration) param {
	return pgText(fmt.Sprint((budget * 4 / 10).Milliseconds()))
}

// settingsStatement makes the server give up a little before the caller does; notice within seconds that the machine of a process that
// was sending a long message is gone, since that one holds the lock of all writers; and sync the commit even where the administrator
// turned that off.
const settingsStatement = `
SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $1, true),
	set_config('tcp_keepalives_idle', '5', true), set_config('tcp_keepalives_interval', '2', true), set_config('tcp_keepalives_count', '3', true),
	CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END`

// lockStatement takes the lock of all writers and gives the commit its position.
const lockStatement = `
UPDATE datadogoauth.feed SET position = greatest(position + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)`

// call runs f on a connection of the pool, for at most budget. What the server is known to have undone because of other sessions
// is tried again, and so is a read that met a connection which had died unnoticed.
func (s *Postgres) call(ctx context.Context, budget time.Duration, writes bool, f func(context.Context, *pgconn.PgConn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	for try := 1; ; try++ {
		sent, err := s.once(ctx, f)
		if err == nil {
			return nil
		}
		lost := isLost(err)
		if lost && sent && !errors.Is(err, context.Canceled) { // a caller who waited in vain for its turn says nothing about the sessions
			s.pool.reset() // what else is in the pool goes to the same server
		}
		undone := isUndone(err) || pgconn.SafeToRetry(err)
		if again := undone || lost && sent && !writes; again && try < maxTries && ctx.Err() == nil {
			wait(ctx, rand.N(20*time.Millisecond<<try))
			continue
		}
		if writes && sent && lost && !undone {
			return &outcomeUnknown{err}
		}
		return err
	}
}

// wait returns early when ctx is done.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// once says with sent whether f may have been seen by the server.
func (s *Postgres) once(ctx context.Context, f func(context.Context, *pgconn.PgConn) error) (sent bool, err error) {
	session, err := s.pool.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer s.pool.release(session)
	conn := session.Value()
	if !s.ready.Load() {
		if err := s.prepare(ctx, conn); err != nil {
			return false, err
		}
		s.ready.Store(true)
	}
	return true, f(ctx, conn)
}

// outcomeUnknown is a write whose answer did not come.
type outcomeUnknown struct{ cause error }

func (e *outcomeUnknown) Error() string {
	return "whether it was written is unknown: " + e.cause.Error()
}
func (e *outcomeUnknown) Unwrap() error { return e.cause }
