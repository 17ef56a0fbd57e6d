package apmstats_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/apmstats"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// calls are spans of so many groups, as an instrumented service makes them.
func calls(spans, groups int) []apmstats.Span {
	all := make([]apmstats.Span, spans)
	for i := range all {
		all[i] = apmstats.Span{
			Service: "checkout", Name: "postgresql.query", Resource: "SELECT id, price FROM items WHERE cart = ? LIMIT " + strconv.Itoa(i%groups), Type: "sql", Kind: "client",
			Start: start - int64(i)*1000, Duration: int64(1_000_000 + i*37_000),
			PeerTags: []apmstats.Tag{{Key: "db.name", Value: "orders"}, {Key: "db.system", Value: "postgresql"}, {Key: "server.address", Value: "10.0.0.7:5432"}},
		}
	}
	return all
}

func addAll(set *apmstats.Concentrators, c *apmstats.Chunk, spans []apmstats.Span) {
	x := set.Begin("acme", "org")
	for i := range spans {
		if i%8 == 0 {
			x.Chunk(c)
		}
		x.Span(&spans[i])
	}
	x.Commit()
}

func newBench() (*apmstats.Concentrators, *apmstats.Chunk, []apmstats.Span) {
	set := apmstats.New(apmstats.Options{
		BySpanKind: true, BucketInterval: 10 * second, MaxKeysPerTenant: 10_000, MaxKeys: 100_000,
		Now: func() time.Time { return time.Unix(0, start) },
	})
	return set, &apmstats.Chunk{Env: "prod", Hostname: "web-1", Version: "1.4.2", Lang: "go"}, calls(800, 20)
}

func TestSpansDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	set, c, spans := newBench()
	addAll(set, c, spans)
	if n := testing.AllocsPerRun(100, func() { addAll(set, c, spans) }); n != 0 {
		t.Errorf("%v allocations for %d spans", n, len(spans))
	}
}

// BenchmarkAdd measures a span from what its mapping tells to the group that counts it.
func BenchmarkAdd(b *testing.B) {
	set, c, spans := newBench()
	addAll(set, c, spans)
	b.ReportAllocs()
	for b.Loop() {
		addAll(set, c, spans)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(spans)), "ns/span")
}

// BenchmarkFlush measures a bucket of 1,000 groups, its filling included.
func BenchmarkFlush(b *testing.B) {
	set, c, _ := newBench()
	spans := calls(1000, 1000)
	bytes := 0
	b.ReportAllocs()
	for b.Loop() {
		addAll(set, c, spans)
		set.Flush(true, func(_, _ string, p intake.Payload) bool {
			bytes = len(p.Body)
			return true
		})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(spans)), "ns/group")
	b.ReportMetric(float64(bytes)/float64(len(spans)), "wire-B/group")
}
