package apmstats_test

import (
	"fmt"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/apmstats"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Each tenant is in one part, and the parts are alike in size.
func TestEachPartFlushesItsTenants(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	const tenants, parts = 100, 10
	of := make(map[string]int)
	for interval := range int64(3) {
		for i := range tenants {
			f.add(fmt.Sprint(i), apmstats.Chunk{}, entry("GET /", interval*10))
		}
		f.now = start + (interval*10+20)*second
		flushed := make(map[string]bool)
		for part := range parts {
			n := 0
			f.FlushSome(part, parts, func(tenant, _ string, p intake.Payload) bool {
				if before, ok := of[tenant]; ok && before != part || flushed[tenant] || p.Count() != 1 {
					t.Errorf("tenant %s with %d groups in part %d, was in %d", tenant, p.Count(), part, before)
				}
				of[tenant], flushed[tenant] = part, true
				n++
				return true
			})
			if n != tenants/parts {
				t.Errorf("%d tenants in part %d", n, part)
			}
		}
	}
}

// A span that comes after the turn of another tenant is late for the bucket of none but its own.
func TestAPartClosesNoBucketOfAnother(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.add("first", apmstats.Chunk{}, entry("GET /", 5))
	f.add("second", apmstats.Chunk{}, entry("GET /", 5))
	f.now = start + 20*second
	f.FlushSome(0, 2, func(tenant, _ string, _ intake.Payload) bool {
		if tenant != "first" {
			t.Errorf("%s was flushed", tenant)
		}
		return true
	})
	f.add("second", apmstats.Chunk{}, entry("GET /", 5))
	if got := hits(f.flush(false)["second org-of-second"]); got != "0: GET /×2" || f.late != 0 {
		t.Errorf("flushed %q, %d late", got, f.late)
	}
}
