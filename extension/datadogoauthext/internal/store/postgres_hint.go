package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"
)

const (
	listenAgainFirst = time.Second
	listenAgainMost  = time.Minute
)

// Hint implements Shared. The first call starts to listen, in a session of its own that is opened again when it ends. Through PgBouncer
// in transaction mode nothing is heard.
func (s *Postgres) Hint() <-chan struct{} {
	s.starting.Lock()
	defer s.starting.Unlock()
	if !s.listening && !s.closed.Load() {
		s.listening = true
		s.goUntilClosed(s.keepListening)
	}
	return s.hints
}

func (s *Postgres) keepListening(ctx context.Context) {
	pause := listenAgainFirst
	for ctx.Err() == nil {
		begun := time.Now()
		err := s.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > listenAgainMost {
			pause = listenAgainFirst
		}
		s.logger.Debug("No hints of changes for a while; asking goes on", zap.Error(s.failed("listen", err)), zap.Duration("again_in", pause))
		wait(ctx, pause)
		pause = min(2*pause, listenAgainMost)
	}
}

// listenOnce returns when the session ends.
func (s *Postgres) listenOnce(ctx context.Context) error {
	config := s.listen.Copy()
	config.OnNotification = func(_ *pgconn.PgConn, heard *pgconn.Notification) {
		if heard.Payload != s.self {
			s.hint()
		}
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	asking, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := query(asking, conn, nil, `LISTEN datadogoauth`); err != nil {
		return err
	}
	s.hint() // something may have changed while nobody listened
	for {
		if err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}

func (s *Postgres) hint() {
	select {
	case s.hints <- struct{}{}:
	default: // one is waiting
	}
}
