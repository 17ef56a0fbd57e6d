package e2e

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/isolation"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestACollectorFixedToOneTenantSendsForNoOther feeds a collector that is fixed to one tenant the name of every other connected tenant, as client
// metadata and as a resource attribute. Sources that are not configured are not read: such data is the fixed tenant's, and the attribute is
// not sent. Sources that are configured and disagree have their data refused. Nothing ever goes to another tenant's organisation.
func TestACollectorFixedToOneTenantSendsForNoOther(t *testing.T) {
	t.Parallel()
	const fixed = 3
	for name, c := range map[string]struct {
		sources []string
		refused bool
	}{
		"other sources are not configured": {[]string{"tenant.metadata_key="}, false},
		"other sources are configured":     {[]string{"tenant.resource_attribute=true"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := isolationSeed(t)
			sink := newIsolationSink(seed)
			sink.heal()
			w := startIsolated(t, sink, append(c.sources, "tenant.fixed="+isolation.Name(fixed), "sending_queue.batch.flush_timeout=100ms")...)
			g := isolation.NewGenerator(rand.New(rand.NewPCG(seed, 1)), new(isolation.Streams))
			own := isolation.Owner{Tenant: fixed}
			for n := range isolation.Tenants {
				if n == fixed {
					continue
				}
				// The data is the fixed tenant's; what names the tenant says otherwise.
				for _, named := range []http.Header{nil, {world.TenantHeader: {isolation.Name(n)}}} {
					for range 6 {
						g.Claim = isolation.Name(n) // the resource attribute
						if named != nil {
							g.Claim = isolation.Name(fixed)
						}
						path, body, err := g.Request(time.Now(), own)
						if err != nil {
							t.Fatal(err)
						}
						status, err := postProto(t, w, path, body, named)
						if err != nil || (status != http.StatusOK) != c.refused {
							t.Fatalf("%s as %v and %s: %d %v", path, named, g.Claim, status, err)
						}
					}
				}
			}
			g.Claim = ""
			for range 30 {
				path, body, err := g.Request(time.Now(), own)
				if err != nil {
					t.Fatal(err)
				}
				if status, err := postProto(t, w, path, body, http.Header{world.TenantHeader: {isolation.Name(fixed)}}); err != nil || status != http.StatusOK {
					t.Fatalf("%d %v", status, err)
				}
			}
			if err := w.Collector.Stop(); err != nil { // everything is sent then
				t.Fatal(err)
			}
			sink.verdict(t, seed, "202", isolation.Name(fixed), "/api/v2/series", "/api/v2/logs", "/api/v0.2/traces")
			sink.mu.Lock()
			defer sink.mu.Unlock()
			for n := range isolation.Tenants {
				if got := sink.bodies[isolation.Name(n)]; n != fixed && got > 0 {
					t.Errorf("%d bodies of %s", got, isolation.Name(n))
				}
			}
			for key, org := range sink.keys {
				if sink.used[key] && org != w.Customers[fixed].Org.OrgRef {
					t.Errorf("the key of %s was used", org.ID)
				}
			}
		})
	}
}
