package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/pg"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// withDatabase runs fn with a fresh PostgreSQL, and a gate that leads to it.
func (l *lab) withDatabase(ctx context.Context, fn func(db *pg.Server, gate *pg.Gate) error) (err error) {
	db, err := pg.New(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Start(ctx); err != nil {
		return err
	}
	if _, err := db.CreateDatabase(ctx, database); err != nil {
		return err
	}
	gate, err := pg.NewGate(db.Addr())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gate.Close()) }()
	return fn(db, gate)
}

const database = "grants"

// pair runs two collectors on one database and connects n customers, half at each. The first reaches the database through the gate.
func (l *lab) pair(ctx context.Context, n, orgs int, fn func(w *world.World, second *world.Node, cs []world.Customer, gate *pg.Gate) error) error {
	return l.withDatabase(ctx, func(db *pg.Server, gate *pg.Gate) error {
		first := &world.Setup{DSN: db.DSN(gate.Addr(), database), BearerLogs: true}
		return l.inWorld(ctx, world.Options{Setup: first}, func(w *world.World) error {
			if err := errors.Join(w.AcceptBearerLogs(), accessTokenLife(w, 20*time.Second)); err != nil {
				return err
			}
			if err := w.StartCollector(ctx); err != nil {
				return err
			}
			second, err := w.AddNode(ctx, "second", world.Setup{DSN: db.DSN(db.Addr(), database), BearerLogs: true})
			if err != nil {
				return err
			}
			cs, err := customers(w, n, orgs)
			if err != nil {
				return err
			}
			if err := l.connectMany(ctx, cs, w.Node, second); err != nil {
				return err
			}
			// Each has to know what was connected at the other.
			for _, node := range []*world.Node{w.Node, second} {
				if err := knowsAll(ctx, node, cs); err != nil {
					return err
				}
			}
			return fn(w, second, cs, gate)
		})
	})
}

func knowsAll(ctx context.Context, n *world.Node, cs []world.Customer) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		known, err := tenantsByName(ctx, n)
		if err != nil {
			return err
		}
		missing := 0
		for _, c := range cs {
			if known[c.Tenant].Token.State != "ok" {
				missing++
			}
		}
		if missing == 0 {
			return nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("the collector %s does not know %d of %d grants: %w", n.Name, missing, len(cs), err)
		}
	}
}

// twoProcesses lets 500 grants expire together and needs all of them at both collectors.
func twoProcesses(ctx context.Context, l *lab) error {
	n := 500
	if l.grants > 0 {
		n = l.grants
	}
	return l.pair(ctx, n, 10, func(w *world.World, second *world.Node, cs []world.Customer, _ *pg.Gate) error {
		if err := errors.Join(pause(ctx, 21*time.Second), accessTokenLife(w, time.Hour)); err != nil {
			return err
		}
		before, begin := lastSeq(w), time.Now()
		nodes := []*world.Node{w.Node, second}
		orders := [][]int{rand.Perm(n), rand.Perm(n)} //nolint:gosec // an order is no secret
		err := each(ctx, len(nodes), len(nodes), func(p int) error {
			return each(ctx, n, 32, func(i int) error { return nodes[p].SendLog(ctx, cs[orders[p][i]].Tenant, "needs a token") })
		})
		took := time.Since(begin)
		calls := refreshCalls(w, before)
		by, grants := map[string]int{}, map[string]int{}
		for _, c := range calls {
			by[c.Via]++
			grants[c.used()]++
		}
		l.printf("%d grants expired together: %d token calls for %d refresh tokens, %s made %d and %s %d, in %s", n, len(calls), len(grants),
			w.Name, by[w.Name], second.Name, by[second.Name], took.Round(100*time.Millisecond))
		if least := n / 5; len(calls) != n || len(grants) != n || by[w.Name] < least || by[second.Name] < least {
			err = errors.Join(err, fmt.Errorf("%d token calls are right, %d by each process at least", n, least))
		}
		return err
	})
}

// freezeHolder stops a collector that has the lease of several refreshes, after Datadog answered and before it could write, for longer
// than the lease. Meanwhile the other needs the same grants.
func freezeHolder(ctx context.Context, l *lab) error {
	const (
		n     = 4 // as many as a collector refreshes at once: a fifth would wait until the others are written
		lease = 3 * time.Minute
		slow  = 2 * time.Second // of the answer, in which the database goes silent
	)
	return l.pair(ctx, n, n, func(w *world.World, second *world.Node, cs []world.Customer, gate *pg.Gate) error {
		if _, err := w.Standin.Faults().Add(faults.Fault{ID: "slow", Path: tokenPath, LatencyMS: slow.Milliseconds(), Count: n}); err != nil {
			return err
		}
		before := lastSeq(w)
		callers := make(chan error, 1)
		go func() {
			callers <- each(ctx, n, n, func(i int) error { _ = w.SendLog(ctx, cs[i].Tenant, "needs a token"); return nil })
		}()
		if err := w.Standin.Faults().Await(ctx, "slow", n); err != nil {
			return err
		}
		gate.Hold()
		if err := awaitCalls(ctx, w, before, n); err != nil {
			return err
		}
		if err := pause(ctx, 300*time.Millisecond); err != nil { // the answers are read
			return err
		}
		if err := w.Collector.Freeze(); err != nil {
			return err
		}
		l.printf("%d answers held, their collector is stopped for %s", n, lease+20*time.Second)
		end := time.Now().Add(lease + 20*time.Second)
		for time.Now().Before(end) {
			_ = each(ctx, n, n, func(i int) error { _ = second.SendLog(ctx, cs[i].Tenant, "needs a token"); return nil })
			if err := pause(ctx, 2*time.Second); err != nil {
				return err
			}
		}
		meanwhile := len(refreshCalls(w, before)) - n
		gate.Release()
		if err := w.Collector.Thaw(); err != nil {
			return err
		}
		<-callers
		if err := accessTokenLife(w, time.Hour); err != nil {
			return err
		}
		err := each(ctx, n, n, func(i int) error {
			return errors.Join(eventually(ctx, time.Minute, func() error { return w.SendLog(ctx, cs[i].Tenant, "needs a token") }),
				eventually(ctx, time.Minute, func() error { return second.SendLog(ctx, cs[i].Tenant, "needs a token") }))
		})
		replays := 0
		for _, c := range refreshCalls(w, before) {
			if c.replay() {
				replays++
			}
		}
		states, stateErr := tenantsByName(ctx, second)
		lost := 0
		for _, c := range cs {
			if states[c.Tenant].Token.State != "ok" {
				lost++
			}
		}
		l.printf("calls of the other meanwhile %d, replays %d, grants lost %d", meanwhile, replays, lost)
		if meanwhile > 0 || replays > 0 || lost > 0 { // a call meanwhile was for a grant whose answer was not held
			err = errors.Join(err, fmt.Errorf("%d calls meanwhile, %d replays and %d grants lost, 0 are right", meanwhile, replays, lost))
		}
		return errors.Join(err, stateErr)
	})
}

// awaitCalls waits until n refreshes were answered.
func awaitCalls(ctx context.Context, w *world.World, after int64, n int) error {
	return eventually(ctx, time.Minute, func() error {
		if got := len(refreshCalls(w, after)); got < n {
			return fmt.Errorf("%d of %d refreshes were answered", got, n)
		}
		return nil
	})
}

// eventually calls fn until it returns nil.
func eventually(ctx context.Context, within time.Duration, fn func() error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := fn()
		if err == nil {
			return nil
		}
		if pauseErr := pause(ctx, 100*time.Millisecond); pauseErr != nil {
			return errors.Join(err, pauseErr)
		}
	}
}
