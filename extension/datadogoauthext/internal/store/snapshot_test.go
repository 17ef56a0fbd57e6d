package store_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

type snapshotter interface {
	store.Store
	store.Snapshotter
}

func TestASnapshotShowsEveryRecordAsAtOneMoment(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) snapshotter{
		"bbolt":      func(t *testing.T) snapshotter { return openBolt(t) },
		"PostgreSQL": func(t *testing.T) snapshotter { return openDSN(t, pgtest.Shared(t).Database(t).Writer, false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := open(t)
			ctx, stop := context.WithCancel(t.Context())
			var writer sync.WaitGroup
			begun := make(chan struct{})
			writer.Go(func() {
				for version := uint64(0); ; version++ {
					err := st.Apply(ctx, // the org that a grant points to is written with it
						store.Change{Record: store.Record{Kind: store.KindGrant, Key: "acme", Version: version, Value: []byte("x")}},
						store.Change{Record: store.Record{Kind: store.KindOrg, Key: "org\xff", Version: version, Value: []byte("x")}})
					if version == 0 {
						close(begun)
					}
					if err != nil {
						if ctx.Err() == nil {
							t.Error(err)
						}
						return
					}
				}
			})
			<-begun
			for range 50 {
				var seen []store.Record
				err := st.Snapshot(t.Context(), func(r store.Record) error {
					seen = append(seen, r)
					_, err := st.Get(t.Context(), r.Kind, r.Key) // no transaction is open
					return err
				})
				if err != nil || len(seen) != 2 || seen[0].Kind != store.KindOrg || seen[0].Key != "org\xff" || seen[0].Version != seen[1].Version {
					t.Fatalf("got %+v, %v", seen, err)
				}
			}
			stop()
			writer.Wait()
		})
	}
}

func TestASnapshotThatARoleSeesInPartIsRefused(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).Database(t)
	writer := openDSN(t, database.Writer, false)
	if err := writer.Import(t.Context(), store.Record{Kind: store.KindToken, Key: "acme", Version: 1, Value: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	database.GrantSender(t)
	sender := openDSN(t, database.Sender, true)
	err := sender.Snapshot(t.Context(), func(store.Record) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "role that owns the tables") {
		t.Errorf("got %v", err)
	}
}

func openDSN(t *testing.T, dsn string, readOnly bool) *store.Postgres {
	t.Helper()
	st, err := store.OpenPostgres(store.PostgresOptions{DSN: dsn, ReadOnly: readOnly})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}
