package grant_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

const manyGrants = 10_000

func withGrants(tb testing.TB, n int) (*granttest.Fixture, *grant.Service) {
	tb.Helper()
	f := granttest.NewFixture(tb)
	s := f.Start()
	require.NoError(tb, seed(f, n).Write(context.Background(), s))
	return f, s
}

func TestAWrongSecretCostsFewCallsAndNoGrant(t *testing.T) {
	t.Parallel()
	f, s := withGrants(t, manyGrants)
	f.Clock.Advance(25 * time.Hour)
	f.Datadog.SetSecret("another-secret-0123456789")
	for range 20 { // ten minutes
		s.Pass(t.Context())
		f.Clock.Advance(30 * time.Second)
	}
	calls := len(f.Datadog.Calls(tokenPath))
	t.Logf("%d token calls", calls)
	assert.LessOrEqual(t, calls, 25)
	assert.GreaterOrEqual(t, calls, 2, "it is probed")
	for _, st := range s.Tenants() {
		if st.State != grant.StateOK || !st.Sending || st.RefreshedAt.After(f.Clock.Now().Add(-25*time.Hour)) {
			t.Fatalf("tenant %s changed: %+v", st.Tenant, st.Facts)
		}
	}
}

// Not parallel: allocations of the whole process are counted.
func TestLookupDoesNotAllocateWhileGrantsAreRefreshed(t *testing.T) {
	f, s := withGrants(t, manyGrants)
	f.Clock.Advance(2 * time.Hour)
	_, err := s.AccessToken(t.Context(), grant.SeedTenant(0)) // a few calls of a client go at the same time once its secret is known to be good
	require.NoError(t, err)
	const flying = 4
	results := make(chan error, flying)
	var releases []func()
	for i := range flying {
		entered, release := f.Datadog.Held(tokenPath)
		releases = append(releases, release)
		go func() { _, err := s.AccessToken(t.Context(), grant.SeedTenant(1+i)); results <- err }()
		<-entered
	}
	tenants := make([]string, 1000)
	for i := range tenants {
		tenants[i] = grant.SeedTenant(i * manyGrants / len(tenants))
	}
	copy(tenants[1:], []string{grant.SeedTenant(1), grant.SeedTenant(2), grant.SeedTenant(3), grant.SeedTenant(4), "nobody"})
	assert.Zero(t, testing.AllocsPerRun(50, func() {
		for _, tenant := range tenants {
			_, _ = s.Lookup(tenant)
			_, _ = s.Org(tenant)
		}
	}))
	select {
	case err := <-results:
		t.Fatalf("a refresh was over before the lookups were: %v", err)
	default:
	}
	for _, release := range releases {
		release()
	}
	for range flying {
		require.NoError(t, <-results)
	}
	_, err = s.Lookup(tenants[1])
	require.NoError(t, err)
}

// BenchmarkLookupAmongRefreshes answers while grants are refreshed, which is when entries are replaced.
func BenchmarkLookupAmongRefreshes(b *testing.B) {
	f, s := withGrants(b, manyGrants)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			f.Clock.Advance(25 * time.Hour)
			s.RefreshDue(ctx)
		}
	}()
	tenants := make([]string, 1024)
	for i := range tenants {
		tenants[i] = grant.SeedTenant(i * 9)
	}
	i := 0
	for b.Loop() {
		if _, err := s.Lookup(tenants[i%len(tenants)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.StopTimer()
	cancel()
	<-done
}

// BenchmarkStart is from an open store to the first answered lookup, and what the grants then take of the heap.
func BenchmarkStart(b *testing.B) {
	f, s := withGrants(b, manyGrants)
	bolt := f.Store()
	require.NoError(b, s.Close(context.Background()))
	s = nil
	var heap float64
	for b.Loop() {
		b.StopTimer()
		s := f.NewOn(bolt, nil)
		before := heapBytes()
		b.StartTimer()
		granttest.AwaitReady(b, s)
		b.StopTimer()
		_, err := s.Lookup(grant.SeedTenant(manyGrants - 1))
		require.NoError(b, err)
		require.NoError(b, s.Close(context.Background()))
		heap = max(heap, heapBytes()-before)
		runtime.KeepAlive(s)
		b.StartTimer()
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/start")
	b.ReportMetric(heap/1e6, "MB")
}

func heapBytes() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkDue is what a pass costs where nothing is due.
func BenchmarkDue(b *testing.B) {
	_, s := withGrants(b, manyGrants)
	b.ReportAllocs()
	for b.Loop() {
		s.RefreshDue(context.Background())
	}
}

// BenchmarkChange is what one change costs in memory and in the store.
func BenchmarkChange(b *testing.B) {
	_, s := withGrants(b, manyGrants)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, s.Pause(context.Background(), grant.SeedTenant(17), "unpaid", "benchmark"))
		require.NoError(b, s.Resume(context.Background(), grant.SeedTenant(17), "benchmark"))
	}
}
