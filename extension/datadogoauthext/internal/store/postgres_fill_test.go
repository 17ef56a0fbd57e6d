package store_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

func TestOneOfThoseWhoFillADatabaseAtOnceFillsIt(t *testing.T) {
	t.Parallel()
	ctx, dsn := t.Context(), pgtest.Shared(t).Database(t).Writer
	var fillers sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		st := openPostgres(t, store.PostgresOptions{DSN: dsn})
		fillers.Go(func() {
			errs[i] = st.Fill(ctx, store.Record{Kind: store.KindCanary, Key: "tokens", Version: uint64(7 + i), Value: []byte{byte(i)}},
				store.Record{Kind: store.KindGrant, Key: "acme", Version: 3, Value: []byte{byte(i)}})
		})
	}
	fillers.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case !errors.Is(err, store.ErrConflict):
			t.Errorf("filler %d, after %d: %v", i, winner, err)
		}
	}
	st := openPostgres(t, store.PostgresOptions{DSN: dsn})
	for key, version := range map[store.Kind]uint64{store.KindCanary: uint64(7 + winner), store.KindGrant: 3} {
		got, err := st.Get(ctx, key, map[store.Kind]string{store.KindCanary: "tokens", store.KindGrant: "acme"}[key])
		if err != nil || got.Version != version || got.Value[0] != byte(winner) {
			t.Errorf("%s: version %d of filler %d, %v; want version %d of filler %d", key, got.Version, got.Value, err, version, winner)
		}
	}
}

// A collector that begins an empty database writes its canaries before anything else.
func TestADatabaseThatACollectorBeganIsNotFilled(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	st := openPostgres(t, store.PostgresOptions{DSN: pgtest.Shared(t).Database(t).Writer})
	canary := store.Record{Kind: store.KindCanary, Key: "tokens", Value: []byte("of the collector")}
	if err := st.Apply(ctx, store.Change{Record: canary}); err != nil {
		t.Fatal(err)
	}
	err := st.Fill(ctx, store.Record{Kind: store.KindCanary, Key: "tokens", Version: 1, Value: []byte("of the backup")},
		store.Record{Kind: store.KindGrant, Key: "acme", Version: 3, Value: []byte("x")})
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
	if got, err := st.Get(ctx, store.KindCanary, "tokens"); err != nil || string(got.Value) != "of the collector" {
		t.Errorf("the canary is %q, %v", got.Value, err)
	}
	if _, err := st.Get(ctx, store.KindGrant, "acme"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a record of the backup: %v", err)
	}
}
