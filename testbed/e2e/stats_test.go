package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestStatsOfTheSpansArrive: each customer's organisation gets the APM stats of its own spans, each span counted once.
func TestStatsOfTheSpansArrive(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) {
		o.Tenants = threeCustomers[:2]
		o.Args = []string{"--set=exporters.datadogoauth.traces.bucket_interval=1s"}
	})
	connectAll(t, w)
	for i, c := range w.Customers {
		requests := uint64(20 + 10*i)
		sent := work(t, w, c.Tenant, int(requests))
		arrived(t, w, c, sent)
		calls := statsOf(t, w, c, uint64(sent.Spans))
		if got, want := calls["GET /orders/{id}"], (figures{hits: requests, topLevel: requests}); got != want {
			t.Errorf("%s: requests %+v, want %+v", c.Tenant, got, want)
		}
		if got, want := calls["SELECT * FROM orders WHERE id = ?"], (figures{hits: requests, errors: requests / 10}); got != want {
			t.Errorf("%s: queries %+v, want %+v", c.Tenant, got, want)
		}
	}
}

type figures struct{ hits, errors, topLevel uint64 }

// statsOf waits until the stats of so many spans have arrived, and returns them by resource.
func statsOf(t *testing.T, w *world.World, c world.Customer, spans uint64) map[string]figures {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		all, hits, groups := make(map[string]figures), uint64(0), 0
		for _, p := range w.Standin.Intake().Received(c.Org.ID).Stats {
			for _, from := range p.Stats {
				if from.Env != "demo" || from.Hostname != "host-"+c.Tenant || from.Version != "1.2.3" || p.AgentEnv != "none" {
					t.Errorf("%s: stats of env %q, host %q, version %q", c.Tenant, from.Env, from.Hostname, from.Version)
				}
				for _, bucket := range from.Stats {
					for _, g := range bucket.Stats {
						if g.Service != "shop-"+c.Tenant || len(g.OkSummary) == 0 {
							t.Errorf("%s: stats of %q", c.Tenant, g.Service)
						}
						f := all[g.Resource]
						all[g.Resource] = figures{f.hits + g.Hits, f.errors + g.Errors, f.topLevel + g.TopLevelHits}
						hits, groups = hits+g.Hits, groups+1
					}
				}
			}
		}
		if hits >= spans {
			return all
		}
		if err := w.Standin.Intake().AwaitCounts(ctx, c.Org.ID, intake.Counts{Stats: groups + 1}); err != nil {
			t.Fatalf("%s: stats of %d of %d spans arrived: %v", c.Tenant, hits, spans, err)
		}
	}
}
