package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

// A failover swallows the answer to whoever asks for a lease or gives one back. Nobody acts on such a lease, so nobody waits its hour.
func TestALeaseWhoseAnswerIsLostIsLetGo(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(ctx context.Context, t *testing.T, s store.Store, way *relay) error{
		"asking": func(ctx context.Context, t *testing.T, s store.Store, way *relay) error {
			way.mute.Store(true)
			_, err := s.Lease(ctx, "refresh/acme", time.Hour)
			return err
		},
		"giving back": func(ctx context.Context, t *testing.T, s store.Store, way *relay) error {
			lease, err := s.Lease(t.Context(), "refresh/acme", time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			way.deaf.Store(true)
			return lease.Release(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.Shared(t).Database(t)
			relay := newRelay(t, database.Writer)
			one := openPostgres(t, store.PostgresOptions{DSN: pgtest.WithPort(database.Writer, relay.port())})
			two := openPostgres(t, store.PostgresOptions{DSN: database.Writer})
			kept, err := one.Lease(t.Context(), "refresh/globex", time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := lose(ctx, t, one, relay); !errors.Is(err, store.ErrUnreachable) {
				t.Fatalf("got %v, want ErrUnreachable", err)
			}
			relay.mute.Store(false)
			relay.deaf.Store(false)
			awaitLease(t, two, "refresh/acme", kept.Fence())
			if _, err := two.Lease(t.Context(), "refresh/globex", time.Hour); !errors.Is(err, store.ErrHeld) {
				t.Errorf("a lease that is held: somebody else got %v, want ErrHeld", err)
			}
		})
	}
}

// awaitLease asks until a lease is given, since nobody tells when.
func awaitLease(t *testing.T, s store.Store, name string, after uint64) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		lease, err := s.Lease(t.Context(), name, time.Hour)
		switch {
		case err == nil && lease.Fence() <= after:
			t.Fatalf("fence %d does not follow %d", lease.Fence(), after)
		case err == nil:
			return
		case !errors.Is(err, store.ErrHeld) || time.Now().After(deadline):
			t.Fatalf("lease %s: %v", name, err)
		}
	}
}
