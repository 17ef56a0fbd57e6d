package store_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

// The primary vanishes under writers, takers of leases and a follower, and its synchronous standby takes over. All of them hold the
// same connection string, which names both.
func TestAFailoverToASynchronousStandbyLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	database := primary.Database(t)
	standby := primary.Standby(t)
	dsn := database.OnEither(standby)
	one, two := openPostgres(t, store.PostgresOptions{DSN: dsn}), openPostgres(t, store.PostgresOptions{DSN: dsn})

	// Calls end before their tasks do: a write that is given up may still be made while its records are compared.
	ctx := t.Context()
	done := make(chan struct{})
	stop := sync.OnceFunc(func() { close(done) })
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	acknowledged := make(chan struct{})
	writers, takers := make([]failoverWriter, 4), make([]leaseTaker, 2)
	for i := range writers {
		w, s := &writers[i], []*store.Postgres{one, two}[i%2]
		w.name = fmt.Sprint(i)
		running.Go(func() { w.run(t, s, acknowledged, done) })
	}
	for i := range takers {
		s := []*store.Postgres{one, two}[i]
		running.Go(func() { takers[i].run(t, s, done) })
	}
	mirror := newMirror(openPostgres(t, store.PostgresOptions{DSN: dsn}))
	running.Go(func() { mirror.run(t, done) })

	await(t, acknowledged, 60)
	kept, err := one.Lease(ctx, "mint/org", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	primary.Vanish(t)
	vanished := time.Now()
	standby.Promote(t)
	await(t, acknowledged, 60)
	stop()
	running.Wait()

	for i := range writers {
		writers[i].check(t, one)
	}
	checkGrants(t, slices.Concat(takers[0].grants, takers[1].grants), vanished)
	if _, err := two.Lease(t.Context(), "mint/org", time.Hour); !errors.Is(err, store.ErrHeld) {
		t.Errorf("a lease of before the failover: somebody else got %v, want ErrHeld", err)
	}
	if err := kept.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if next, err := two.Lease(t.Context(), "mint/org", time.Hour); err != nil || next.Fence() <= kept.Fence() {
		t.Errorf("after its release: %v; the fence must follow %d", err, kept.Fence())
	}
	mirror.check(t, one)
}

// await waits for n writes to be acknowledged, of which at most one per writer began before it was called.
func await(t *testing.T, acknowledged <-chan struct{}, n int) {
	t.Helper()
	timeout := time.After(time.Minute)
	for i := range n {
		select {
		case <-acknowledged:
		case <-timeout:
			t.Fatalf("only %d writes were acknowledged within a minute, want %d", i, n)
		}
	}
}

// mustBeUnreachable: nobody else writes what a caller writes, so a conflict would be a write that showed up late.
func mustBeUnreachable(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
}

// failoverWriter changes two records together, and together with them makes a third where their version is odd and deletes it where
// it is even.
type failoverWriter struct {
	name  string
	acked atomic.Uint64 // version
}

func (w *failoverWriter) run(t *testing.T, s store.Store, acknowledged chan<- struct{}, done <-chan struct{}) {
	ctx := t.Context()
	for !closed(done) {
		have, err := s.Get(ctx, store.KindGrant, "left-"+w.name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			mustBeUnreachable(t, err)
			continue
		}
		if have.Version < w.acked.Load() {
			t.Errorf("writer %s: reads version %d; %d was acknowledged", w.name, have.Version, w.acked.Load())
		}
		value := binary.BigEndian.AppendUint64(nil, have.Version+1)
		passing := change("passing-"+w.name, have.Version%2, value)
		passing.Delete = have.Version%2 == 1
		if err := s.Apply(ctx, change("left-"+w.name, have.Version, value), passing, change("right-"+w.name, have.Version, value)); err != nil {
			mustBeUnreachable(t, err)
			continue
		}
		w.acked.Store(have.Version + 1)
		select {
		case acknowledged <- struct{}{}:
		case <-done:
		}
	}
}

func (w *failoverWriter) check(t *testing.T, s store.Store) {
	t.Helper()
	left, leftErr := s.Get(t.Context(), store.KindGrant, "left-"+w.name)
	right, rightErr := s.Get(t.Context(), store.KindGrant, "right-"+w.name)
	if leftErr != nil || rightErr != nil || left.Version < w.acked.Load() {
		t.Fatalf("writer %s: version %d, %v, %v; %d was acknowledged", w.name, left.Version, leftErr, rightErr, w.acked.Load())
	}
	if left.Version != right.Version || string(left.Value) != string(right.Value) || binary.BigEndian.Uint64(left.Value) != left.Version {
		t.Errorf("writer %s: half of a change: versions %d and %d", w.name, left.Version, right.Version)
	}
	_, err := s.Get(t.Context(), store.KindGrant, "passing-"+w.name)
	if odd := left.Version%2 == 1; odd && err != nil || !odd && !errors.Is(err, store.ErrNotFound) {
		t.Errorf("writer %s: half of a change: at version %d the third record is %v", w.name, left.Version, err)
	}
}

// leaseTaker takes the same lease again and again, and releases every other one.
type leaseTaker struct{ grants []leaseGrant }

// leaseGrant is a lease with the times between which the server gave it and began to end it. ended is zero where nobody ended it.
type leaseGrant struct {
	fence                  uint64
	asked, answered, ended time.Time
}

const failoverTTL = 50 * time.Millisecond

func (l *leaseTaker) run(t *testing.T, s store.Store, done <-chan struct{}) {
	ctx := t.Context()
	for i := 0; !closed(done); {
		grant := leaseGrant{asked: time.Now()}
		lease, err := s.Lease(ctx, "refresh/acme", failoverTTL)
		grant.answered = time.Now()
		if err != nil {
			if !errors.Is(err, store.ErrHeld) {
				mustBeUnreachable(t, err)
			}
			continue
		}
		grant.fence = lease.Fence()
		if i++; i%2 == 0 {
			grant.ended = time.Now()
			if err := lease.Release(ctx); err != nil {
				mustBeUnreachable(t, err)
			}
		}
		l.grants = append(l.grants, grant)
	}
}

// checkGrants: the fences have the order of the leases, and none was given while another one held. Both servers have this machine's clock.
func checkGrants(t *testing.T, grants []leaseGrant, vanished time.Time) {
	t.Helper()
	slices.SortFunc(grants, func(a, b leaseGrant) int { return cmp.Compare(a.fence, b.fence) })
	for i := range len(grants) - 1 {
		holds, next := grants[i], grants[i+1]
		until := holds.asked.Add(failoverTTL)
		if !holds.ended.IsZero() && holds.ended.Before(until) {
			until = holds.ended
		}
		if next.fence == holds.fence || next.answered.Before(until) {
			t.Errorf("fence %d was given %s before the lease with fence %d ended", next.fence, until.Sub(next.answered), holds.fence)
		}
	}
	if len(grants) == 0 || grants[0].answered.After(vanished) || grants[len(grants)-1].asked.Before(vanished) {
		t.Errorf("%d leases, not of both servers", len(grants))
	}
}

// mirror follows the changes of a store.
type mirror struct {
	store store.Shared
	at    store.Cursor
	held  map[string]store.Record
	whole bool // held was listed, and followed since
}

func newMirror(s store.Shared) *mirror { return &mirror{store: s, held: map[string]store.Record{}} }

func (m *mirror) run(t *testing.T, done <-chan struct{}) {
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for {
		if err := m.ask(t.Context()); err != nil {
			mustBeUnreachable(t, err)
		}
		select {
		case <-ticks.C:
		case <-done:
			return
		}
	}
}

// ask brings held up to date, from the beginning where the place is gone. What an error interrupts is told again the next time.
func (m *mirror) ask(ctx context.Context) error {
	if !m.whole {
		at, err := m.store.Cursor(ctx)
		if err != nil {
			return err
		}
		clear(m.held)
		if err := m.store.List(ctx, store.KindGrant, m.take); err != nil {
			return err
		}
		m.at, m.whole = at, true
	}
	next, err := m.store.Changes(ctx, m.at, nil, m.take)
	if errors.Is(err, store.ErrCursorGone) {
		m.whole = false
		return nil
	}
	if err == nil {
		m.at = next
	}
	return err
}

func (m *mirror) take(r store.Record) error {
	if m.held[r.Key] = r; r.Value == nil {
		delete(m.held, r.Key)
	}
	return nil
}

// check asks until the place is one that the promoted server knows.
func (m *mirror) check(t *testing.T, s store.Store) {
	t.Helper()
	for asked := false; !asked || !m.whole; asked = true {
		if err := m.ask(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]store.Record{}
	if err := s.List(t.Context(), store.KindGrant, func(r store.Record) error { want[r.Key] = r; return nil }); err != nil {
		t.Fatal(err)
	}
	same := func(a, b store.Record) bool { return a.Version == b.Version && string(a.Value) == string(b.Value) }
	if !maps.EqualFunc(m.held, want, same) {
		t.Errorf("the follower holds %+v, the store %+v", m.held, want)
	}
}
