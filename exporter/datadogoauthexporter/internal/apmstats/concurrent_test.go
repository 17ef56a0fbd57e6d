package apmstats_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/apmstats"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// TestEverySpanCountsOnce: from many goroutines, of tenants that come and go, while buckets are flushed.
func TestEverySpanCountsOnce(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(start)
	set := apmstats.New(apmstats.Options{
		BySpanKind: true, BucketInterval: 10 * second, MaxKeysPerTenant: 5, MaxKeys: 30, Now: func() time.Time { return time.Unix(0, now.Load()) },
	})
	hits := make(map[string]uint64)
	flush := func(force bool) {
		set.Flush(force, func(tenant, org string, p intake.Payload) bool {
			all, err := decodeItems(p.Body)
			if err != nil || org != "org-of-"+tenant {
				t.Errorf("of %s, %s: %v", tenant, org, err)
			}
			for _, c := range all {
				for _, g := range c.Groups {
					if hits[tenant] += g.Hits; g.Service != tenant && g.Service != apmstats.Overflow {
						t.Errorf("%s has stats of %s", tenant, g.Service)
					}
				}
			}
			return true
		})
	}
	const workers, rounds, spans = 8, 300, 6
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				tenant := fmt.Sprint("tenant-", (w+i)%7)
				x := set.Begin(tenant, "org-of-"+tenant)
				x.Chunk(&apmstats.Chunk{Env: fmt.Sprint(i % 3)})
				for j := range spans {
					s := entry(fmt.Sprint(j), (now.Load()-start)/second-int64(j))
					s.Service = tenant
					x.Span(&s)
				}
				if i%5 == 4 {
					x.Rollback()
				} else {
					x.Commit()
				}
				if w == 0 && i%10 == 0 {
					now.Add(5 * second)
				}
			}
		})
	}
	stop := make(chan struct{})
	var flusher sync.WaitGroup
	flusher.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				flush(false)
			}
		}
	})
	wg.Wait()
	close(stop)
	flusher.Wait()
	flush(true)
	var total uint64
	for _, n := range hits {
		total += n
	}
	if want := uint64(workers * rounds * spans * 4 / 5); total != want {
		t.Errorf("%d hits, want %d", total, want)
	}
}

// FuzzSpan gives every text to every field. What comes out is msgpack, with one hit.
func FuzzSpan(f *testing.F) {
	f.Add("shop", "10.1.2.3:80,[::1]:1,a,,a", int64(5), uint64(503))
	f.Add("synthetics", ",,,,", int64(1<<62), uint64(1<<40))
	f.Add("\xff\x00", "https://ip-10-1-2-3.ec2", int64(0), uint64(0))
	f.Fuzz(func(t *testing.T, a, b string, duration int64, number uint64) {
		x := newFixture(t, nil)
		s := apmstats.Span{
			Service: a, Name: b, Resource: a + b, Type: b, Kind: "client", ServiceSource: a, BaseService: b, HTTPStatus: int64(number), GRPCStatus: b,
			PeerTags: []apmstats.Tag{{Key: "peer.service", Value: b}, {Key: a, Value: a}}, Duration: max(duration, 0), Failed: number%2 == 0, TopLevel: number%3 == 0,
		}
		x.add("acme", apmstats.Chunk{Env: a, Hostname: b, Version: a, ContainerID: b, GitCommitSha: a, Lang: b, BaseService: a, Origin: b, SampleRate: 1}, s)
		if _, hits, _ := totals(x.flush(true)["acme org-of-acme"]); hits != 1 {
			t.Errorf("%d hits", hits)
		}
	})
}
