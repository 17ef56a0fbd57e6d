package store_test

import (
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

func BenchmarkPostgresGet(b *testing.B) {
	st := openPostgres(b, store.PostgresOptions{DSN: pgtest.Start(b).Database(b).Writer})
	value := make([]byte, 1024)
	if err := st.Apply(b.Context(), change("acme", 0, value)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := st.Get(b.Context(), store.KindGrant, "acme"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPostgresApply(b *testing.B) {
	st := openPostgres(b, store.PostgresOptions{DSN: pgtest.Start(b).Database(b).Writer})
	value := make([]byte, 1024)
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	version := uint64(0)
	for b.Loop() {
		if err := st.Apply(b.Context(), change("acme", version, value)); err != nil {
			b.Fatal(err)
		}
		version++
	}
}

// What a collector asks every second or so when nothing happens.
func BenchmarkPostgresChangesOfNothing(b *testing.B) {
	st := openPostgres(b, store.PostgresOptions{DSN: pgtest.Start(b).Database(b).Writer})
	at, err := st.Cursor(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := st.Changes(b.Context(), at, nil, func(store.Record) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
