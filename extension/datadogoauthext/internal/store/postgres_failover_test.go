package store_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

// The server crashes and comes back, three times, under writers that each change two records at a time.
func TestCrashesOfTheServerLoseNothingAcknowledged(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	database := cluster.Database(t)
	ctx, done := t.Context(), make(chan struct{})
	const writers = 4
	var (
		acked   [writers]atomic.Uint64
		total   = make(chan struct{}, 1<<20)
		running sync.WaitGroup
	)
	st := openPostgres(t, store.PostgresOptions{DSN: database.Writer})
	follower := openPostgres(t, store.PostgresOptions{DSN: database.Writer})
	at, err := follower.Cursor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range writers {
		running.Go(func() {
			left, right := fmt.Sprint("left-", i), fmt.Sprint("right-", i)
			for !closed(done) {
				have, err := st.Get(ctx, store.KindGrant, left)
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					mustBeOutage(ctx, t, err)
					continue
				}
				value := binary.BigEndian.AppendUint64(nil, have.Version+1)
				if err := st.Apply(ctx, change(left, have.Version, value), change(right, have.Version, value)); err != nil {
					mustBeOutage(ctx, t, err)
					continue
				}
				acked[i].Store(have.Version + 1)
				total <- struct{}{}
			}
		})
	}
	held := map[string]uint64{}
	for crash := range 4 {
		for range 50 {
			<-total
		}
		if crash < 3 {
			cluster.Kill(t)
			cluster.Run(t)
		}
		for len(total) > 0 {
			<-total // of before the crash
		}
	}
	close(done) // and not by a context: a call that is cut off may still be committed while the records are looked at
	running.Wait()

	if _, err := follower.Changes(t.Context(), at, nil, func(r store.Record) error { held[r.Key] = r.Version; return nil }); err != nil {
		t.Error(err)
	}
	for i := range writers {
		left, leftErr := st.Get(t.Context(), store.KindGrant, fmt.Sprint("left-", i))
		right, rightErr := st.Get(t.Context(), store.KindGrant, fmt.Sprint("right-", i))
		if leftErr != nil || rightErr != nil || left.Version < acked[i].Load() {
			t.Errorf("writer %d: version %d, %v, %v; %d was acknowledged", i, left.Version, leftErr, rightErr, acked[i].Load())
		}
		if left.Version != right.Version || string(left.Value) != string(right.Value) || binary.BigEndian.Uint64(left.Value) != left.Version {
			t.Errorf("writer %d: half of a change: versions %d and %d", i, left.Version, right.Version)
		}
		if held[left.Key] != left.Version || held[right.Key] != right.Version {
			t.Errorf("writer %d: the follower has versions %d and %d of %d", i, held[left.Key], held[right.Key], left.Version)
		}
	}
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func mustBeOutage(ctx context.Context, t *testing.T, err error) {
	t.Helper()
	if ctx.Err() == nil && !errors.Is(err, store.ErrUnreachable) && !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
}

func TestAStoreOpenedWhileTheDatabaseIsDownWorksOnceItIsUp(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	cluster := pgtest.Start(t)
	database := cluster.Database(t)
	cluster.Kill(t)
	st := openPostgres(t, store.PostgresOptions{DSN: database.Writer})
	hints := st.Hint()
	for range 2 {
		if _, err := st.Get(ctx, store.KindGrant, "acme"); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("while it is down: got %v, want ErrUnreachable", err)
		}
	}
	cluster.Run(t)
	if err := st.Apply(ctx, change("acme", 0, []byte("x"))); err != nil {
		t.Errorf("once it is up: %v", err)
	}
	<-hints
	cluster.Kill(t)
	cluster.Run(t)
	if got, err := st.Get(ctx, store.KindGrant, "acme"); err != nil || got.Version != 1 {
		t.Errorf("a read with the sessions of before the crash: %+v, %v", got, err)
	}
}

// The answer to a write is lost behind the server. The error must say that the outcome is unknown, and the store must find out.
func TestALostAnswerIsNotTakenForAFailure(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	relay := newRelay(t, database.Writer)
	st := openPostgres(t, store.PostgresOptions{DSN: pgtest.WithPort(database.Writer, relay.port())})
	if err := st.Apply(t.Context(), change("acme", 0, []byte("one"))); err != nil {
		t.Fatal(err)
	}
	relay.mute.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := st.Apply(ctx, change("acme", 1, []byte("two")))
	if !errors.Is(err, store.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "unknown until the record is read again") {
		t.Errorf("got %v, want ErrUnreachable of unknown outcome", err)
	}
	relay.mute.Store(false)
	if got, err := st.Get(t.Context(), store.KindGrant, "acme"); err != nil || got.Version != 2 || string(got.Value) != "two" {
		t.Errorf("got %+v, %v; want what was written", got, err)
	}
}

// relay passes bytes on to a server, none while it is deaf, and none back while it is mute.
type relay struct {
	listener net.Listener
	mute     atomic.Bool
	deaf     atomic.Bool
}

func newRelay(t *testing.T, dsn string) *relay {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	r := &relay{listener: listener}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", config.Port))
			if err != nil {
				_ = client.Close()
				return
			}
			go pass(server, client, &r.deaf)
			go pass(client, server, &r.mute)
		}
	}()
	return r
}

// pass passes bytes on, but not while they are to be lost, and closes where they go when they end.
func pass(to io.WriteCloser, from io.Reader, lost *atomic.Bool) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if lost.Load() {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (r *relay) port() int { return r.listener.Addr().(*net.TCPAddr).Port }
