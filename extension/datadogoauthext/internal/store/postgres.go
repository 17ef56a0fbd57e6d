package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"
)

// Postgres is a Shared store in a PostgreSQL database. Build one with OpenPostgres. The tables are in migrations/, all in a schema of
// their own, "datadogoauth", and always named with it:
//
//	records      the records; changed is the position of the commit that wrote a row
//	deletions    the last deletion of an address, for Changes; pruned when no cursor needs it
//	feed         one row: the lock of all writers and the position of the latest of them
//	commits      the positions that a cursor can stand at, and when; pruned an hour after something newer came
//	leases       the rights to act alone, and the last fence of each name
//	migrations   which files of migrations/ were applied
//
// Why it is so:
//
// A write is one message to the server and one transaction there, which begins with an update of the row in feed. So writers come one
// after another: no deadlock among them, what they read is the latest, and positions become visible in their order, which is what lets
// Changes miss nothing. (A sequence is handed out in one order and committed in another.) And a process that stops in the middle of a
// write has either sent nothing or everything, so it cannot keep that row from the others. The server gives a write up before the
// client does, so that little is written by calls that have already failed; the versions guard against the rest.
//
// A position is the microsecond of the database's clock, or the one after the previous position where that is more. A failover to a
// standby that lacks the last commits thus continues above them, and a cursor at a commit that was lost is found out because commits
// does not have it.
//
// Nothing is kept in a database session: no prepared statement, no setting, no session lock, so that PgBouncer may hand out another
// one for each transaction. Hint alone has a session of its own, and nothing depends on it.
type Postgres struct {
	pool     *pool
	listen   *pgconn.Config // for Hint
	place    string         // host:port/database, for error texts
	self     string         // names this instance in hints
	readOnly bool
	logger   *zap.Logger

	ready     atomic.Bool  // the tables are as this program knows them
	pruneNext atomic.Int64 // Unix nanoseconds by this process's clock

	closed atomic.Bool
	ends   chan struct{} // closed by Close; ends what runs in the background

	hints     chan struct{}
	starting  sync.Mutex // guards what follows
	listening bool
	running   sync.WaitGroup // what runs in the background
}

var _ Shared = (*Postgres)(nil)

const (
	callTimeout   = 10 * time.Second // of one call, or of one page of a longer one
	importTimeout = time.Minute
	connTimeout   = 5 * time.Second
	pgPage        = 1000 // records per statement of Range and Changes
)

// String keeps a password that the connections hold out of whatever prints the store.
func (s *Postgres) String() string { return "PostgreSQL store " + s.place }

// Get implements Store.
func (s *Postgres) Get(ctx context.Context, kind Kind, key string) (Record, error) {
	record := Record{Kind: kind, Key: key}
	err := s.read(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		return queryRow(ctx, conn, []any{&record.Version, &record.Value},
			`SELECT version, value FROM datadogoauth.records WHERE kind = $1 AND key = $2`, pgText(string(kind)), pgBytes([]byte(key)))
	})
	if errors.Is(err, errNoRow) {
		err = ErrNotFound
	}
	if err != nil {
		return Record{}, s.failed("read "+string(kind)+" record", err)
	}
	return record, nil
}

// Close implements Store.
func (s *Postgres) Close() error {
	s.starting.Lock()
	if !s.closed.Swap(true) {
		close(s.ends)
	}
	s.starting.Unlock()
	s.running.Wait()
	s.pool.close() // waits for connections that are in use; each use is bounded
	return nil
}

// background runs f until the store is closed, unless it is already.
func (s *Postgres) background(f func(ctx context.Context)) {
	s.starting.Lock()
	defer s.starting.Unlock()
	if !s.closed.Load() {
		s.goUntilClosed(f)
	}
}

// goUntilClosed is background for who holds starting and knows that the store is open.
func (s *Postgres) goUntilClosed(f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.running.Go(func() {
		defer close(done)
		f(ctx)
	})
	s.running.Go(func() {
		defer cancel()
		select {
		case <-s.ends:
		case <-done:
		}
	})
}

// checkAddress refuses what cannot be stored, in the words that the other store uses.
func checkAddress(r Record) error {
	if r.Kind == "" || r.Key == "" || len(r.Key) > maxKeyBytes {
		return fmt.Errorf("a record needs a kind, and a key of 1 to %d bytes", maxKeyBytes)
	}
	return nil
}

// maxVersion is what a bigint holds, with room for the next one.
const maxVersion = math.MaxInt64 - 1
