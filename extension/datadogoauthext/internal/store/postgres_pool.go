package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// pool holds the sessions of a store: it opens one when a call finds none idle, up to a number, and gives out none that is known to be
// of no use.
type pool struct {
	sessions *puddle.Pool[*pgconn.PgConn]
	limits   sessionLimits
	sweepDue atomic.Int64 // Unix nanoseconds by this process's clock
}

type session = puddle.Resource[*pgconn.PgConn]

// sessionLimits say when a session is asked or closed without an error.
type sessionLimits struct {
	// trusted is how long a session may be idle and be given out without being asked. One that the server or something in between has
	// ended looks whole until something is sent, and a write that is sent on it has an unknown outcome.
	trusted time.Duration
	age     time.Duration // so that a database that moved behind its name is found without an error
	idle    time.Duration
	sweep   time.Duration // between two looks for idle sessions to close
}

var usualLimits = sessionLimits{trusted: time.Second, age: 30 * time.Minute, idle: 30 * time.Minute, sweep: time.Minute}

const closeTimeout = 15 * time.Second

// newPool connects to nobody yet. config is not changed afterwards, and most is at least 1.
func newPool(config *pgconn.Config, most int, limits sessionLimits) (*pool, error) {
	sessions, err := puddle.NewPool(&puddle.Config[*pgconn.PgConn]{
		Constructor: func(ctx context.Context) (*pgconn.PgConn, error) { // goes on when the call that wanted it is given up
			return pgconn.ConnectConfig(ctx, config.Copy())
		},
		Destructor: closeSession,
		MaxSize:    int32(most),
	})
	if err != nil {
		return nil, err
	}
	return &pool{sessions: sessions, limits: limits}, nil
}

// closeSession waits for what a broken session does in the background, so that there are never more than the pool may have.
func closeSession(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx)
	select {
	case <-conn.CleanupDone():
	case <-ctx.Done():
	}
}

// acquire waits for a session until ctx is done. Whoever gets one releases it.
func (p *pool) acquire(ctx context.Context) (*session, error) {
	for {
		s, err := p.sessions.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		if !p.tooOld(s) && (s.IdleDuration() <= p.limits.trusted || answers(ctx, s.Value())) {
			return s, nil
		}
		s.Destroy()
	}
}

func answers(ctx context.Context, conn *pgconn.PgConn) bool {
	ctx, cancel := context.WithTimeout(ctx, connTimeout)
	defer cancel()
	return conn.Ping(ctx) == nil
}

// release closes a session that is broken, still busy, still in a transaction, or old.
func (p *pool) release(s *session) {
	if conn := s.Value(); conn.IsClosed() || conn.IsBusy() || conn.TxStatus() != 'I' || p.tooOld(s) {
		s.Destroy()
	} else {
		s.Release()
	}
	p.closeIdle()
}

func (p *pool) tooOld(s *session) bool { return time.Since(s.CreationTime()) > p.limits.age }

// closeIdle closes what was needed at a busy time only. It needs no goroutine: a store in use is asked for changes every so often.
func (p *pool) closeIdle() {
	now := time.Now().UnixNano()
	due := p.sweepDue.Load()
	if now < due || !p.sweepDue.CompareAndSwap(due, now+int64(p.limits.sweep)) {
		return
	}
	for _, s := range p.sessions.AcquireAllIdle() {
		if p.tooOld(s) || s.IdleDuration() > p.limits.idle {
			s.Destroy()
		} else {
			s.ReleaseUnused()
		}
	}
}

// reset closes all sessions, those in use once they are released.
func (p *pool) reset() { p.sessions.Reset() }

// close waits for sessions that are in use. acquire fails afterwards.
func (p *pool) close() { p.sessions.Close() }
