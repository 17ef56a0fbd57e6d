package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

func TestASessionOfNoUseIsNotGivenOutAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits sessionLimits
		spoil  func(*testing.T, pgtest.Database, *pgconn.PgConn)
		again  bool
	}{
		"a whole one is": {
			limits: usualLimits,
			spoil:  func(*testing.T, pgtest.Database, *pgconn.PgConn) {},
			again:  true,
		},
		"a whole one that was asked is": {
			limits: with(func(l *sessionLimits) { l.trusted = 0 }),
			spoil:  func(*testing.T, pgtest.Database, *pgconn.PgConn) {},
			again:  true,
		},
		"the server ended it while it was idle": {
			limits: with(func(l *sessionLimits) { l.trusted = 0 }),
			spoil: func(t *testing.T, database pgtest.Database, conn *pgconn.PgConn) {
				pgtest.Exec(t, database.Admin, fmt.Sprintf(`SELECT pg_terminate_backend(%d, 10000)`, conn.PID()))
			},
		},
		"it is old": {
			limits: with(func(l *sessionLimits) { l.age = 0 }),
			spoil:  func(*testing.T, pgtest.Database, *pgconn.PgConn) {},
		},
		"it was idle for long": {
			limits: with(func(l *sessionLimits) { l.idle, l.sweep = 0, 0 }),
			spoil:  func(*testing.T, pgtest.Database, *pgconn.PgConn) {},
		},
		"it is in a transaction": {
			limits: usualLimits,
			spoil: func(t *testing.T, _ pgtest.Database, conn *pgconn.PgConn) {
				if _, err := query(t.Context(), conn, nil, beginReadOnly); err != nil {
					t.Error(err)
				}
			},
		},
		"a result was not read to its end": {
			limits: usualLimits,
			spoil: func(t *testing.T, _ pgtest.Database, conn *pgconn.PgConn) {
				conn.ExecParams(t.Context(), `SELECT generate_series(1, 10)`, nil, nil, nil, nil)
			},
		},
		"its call was given up in the middle": {
			limits: usualLimits,
			spoil: func(t *testing.T, _ pgtest.Database, conn *pgconn.PgConn) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				defer cancel()
				if _, err := query(ctx, conn, nil, `SELECT pg_sleep(30)`); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.Shared(t).Database(t)
			p := openPool(t, database.Writer, 1, c.limits)
			p.limits.age = usualLimits.age
			if c.limits.sweep > 0 {
				p.sweepDue.Store(math.MaxInt64)
			}
			s := take(t, p)
			before := s.Value().PID()
			c.spoil(t, database, s.Value())
			p.limits.age = c.limits.age
			p.release(s)
			p.limits.age = usualLimits.age // or the next one would be too old as well
			s = take(t, p)
			defer p.release(s)
			var one int64
			if err := queryRow(t.Context(), s.Value(), []any{&one}, `SELECT 1::bigint`); err != nil || one != 1 {
				t.Errorf("the session after that: %d, %v", one, err)
			}
			if again := s.Value().PID() == before; again != c.again {
				t.Errorf("the same session: %t, want %t", again, c.again)
			}
		})
	}
}

func TestASessionThatGrewOldWhileItWasIdleIsNotGivenOut(t *testing.T) {
	t.Parallel()
	p := openPool(t, pgtest.Shared(t).Database(t).Writer, 1, usualLimits)
	p.sweepDue.Store(math.MaxInt64)
	s := take(t, p)
	before := s.Value().PID()
	if _, err := query(t.Context(), s.Value(), nil, `SELECT pg_sleep(0.3)`); err != nil { // longer than it takes to connect
		t.Fatal(err)
	}
	lived := time.Since(s.CreationTime())
	p.release(s)
	p.limits.age = lived
	s = take(t, p)
	defer p.release(s)
	if s.Value().PID() == before {
		t.Error("the old session was given out")
	}
}

func TestThePoolHasAsManySessionsAsItMay(t *testing.T) {
	t.Parallel()
	p := openPool(t, pgtest.Shared(t).Database(t).Writer, 2, usualLimits)
	one, two := take(t, p), take(t, p)
	if one.Value().PID() == two.Value().PID() {
		t.Error("two callers have one session")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third session: got %v, want none in time", err)
	}
	p.release(one)
	p.reset()
	three := take(t, p)
	p.release(two)
	p.release(three)
	p.close()
	if _, err := p.acquire(t.Context()); !errors.Is(err, puddle.ErrClosedPool) {
		t.Errorf("after it was closed: got %v", err)
	}
}

func with(change func(*sessionLimits)) sessionLimits {
	limits := usualLimits
	change(&limits)
	return limits
}

func openPool(t *testing.T, dsn string, most int, limits sessionLimits) *pool {
	t.Helper()
	config, err := parseDSN(PostgresOptions{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPool(config, most, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

func take(t *testing.T, p *pool) *session {
	t.Helper()
	s, err := p.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}
