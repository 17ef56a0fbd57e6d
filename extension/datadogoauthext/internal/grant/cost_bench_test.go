package grant_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/pgtest"
)

// onBoth runs a benchmark on a service in either store, with its files on a disk.
func onBoth(b *testing.B, run func(*testing.B, *granttest.Fixture, *grant.Service)) {
	b.Run("bbolt", func(b *testing.B) {
		f := granttest.NewFixture(b)
		run(b, f, f.Start())
	})
	b.Run("PostgreSQL", func(b *testing.B) {
		f := granttest.NewFixture(b)
		st, err := store.OpenPostgres(store.PostgresOptions{DSN: pgtest.Start(b).Database(b).Writer})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = st.Close() })
		s := f.NewOn(st, nil)
		granttest.AwaitReady(b, s)
		run(b, f, s)
	})
}

func BenchmarkRefresh(b *testing.B) {
	onBoth(b, func(b *testing.B, f *granttest.Fixture, s *grant.Service) {
		if _, err := f.Connect(s, "acme", eu(b), granttest.OrgA); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			f.Clock.Advance(time.Hour)
			if _, err := s.AccessToken(b.Context(), "acme"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkConnect(b *testing.B) {
	onBoth(b, func(b *testing.B, f *granttest.Fixture, s *grant.Service) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := f.Connect(s, fmt.Sprintf("tenant-%d", i), eu(b), fmt.Sprintf("%08d-1111-2222-3333-444455556666", i)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
