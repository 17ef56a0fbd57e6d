package e2e

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/pg"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const grantsDB = "grants"

// database runs a PostgreSQL with an empty database grantsDB.
func database(t *testing.T) *pg.Server {
	t.Helper()
	db, err := pg.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.CreateDatabase(t.Context(), grantsDB); err != nil {
		t.Fatal(err)
	}
	return db
}

// pool runs a PgBouncer before it.
func pool(t *testing.T, db *pg.Server) *pg.Pool {
	t.Helper()
	p, err := pg.StartPool(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func addNode(t *testing.T, w *world.World, name string, s world.Setup) *world.Node {
	t.Helper()
	n, err := w.AddNode(t.Context(), name, s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// load sends log records for a tenant at a collector, one after the other, until it is stopped.
type load struct {
	stop     context.CancelFunc
	work     sync.WaitGroup
	accepted atomic.Int64

	mu      sync.Mutex
	refusal error // the first that was not for now only; guarded by mu
}

// startLoad begins. retry says which refusals are for now only: such a record is sent again until it is accepted.
func startLoad(t *testing.T, n *world.Node, tenant string, every time.Duration, retry func(error) bool) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{stop: cancel}
	t.Cleanup(func() { cancel(); l.work.Wait() })
	l.work.Go(func() {
		for tick := time.NewTicker(every); ctx.Err() == nil; <-tick.C {
			// Not ctx: what was begun is ended, so that the count is exact.
			switch err := n.SendLog(context.Background(), tenant, "from "+n.Name); {
			case err == nil:
				l.accepted.Add(1)
			case !retry(err):
				l.mu.Lock()
				l.refusal = errors.Join(l.refusal, err)
				l.mu.Unlock()
				return
			}
		}
	})
	return l
}

// end stops it and returns how many records were accepted, and the refusal that ended it before.
func (l *load) end() (accepted int, refusal error) {
	l.stop()
	l.work.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.accepted.Load()), l.refusal
}
