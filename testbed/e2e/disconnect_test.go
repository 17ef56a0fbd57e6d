package e2e

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// stopsWithin is how long a collector may send for a tenant after it was disconnected at another.
const stopsWithin = 5 * time.Second

func TestDisconnectStopsEveryCollector(t *testing.T) {
	t.Parallel()
	for name, scopes := range map[string][]string{
		"the client may delete keys":     {"api_keys_write", "api_keys_read", "api_keys_delete"},
		"the client may not delete keys": {"api_keys_write"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mayDelete := len(scopes) > 1
			db := database(t)
			w := start(t, func(o *world.Options) {
				o.Tenants, o.Scopes, o.Setup = threeCustomers[:2], scopes, &world.Setup{DSN: db.DSN(db.Addr(), grantsDB)}
			})
			pooled := addNode(t, w, "pooled", world.Setup{DSN: db.DSN(pool(t, db).Addr(), grantsDB)})
			connectAll(t, w)
			sidecar := addNode(t, w, "sidecar", world.Setup{DSN: db.DSN(db.Addr(), grantsDB), SendOnly: true, Tenants: []string{"acme", "globex"}})
			leaves, stays := w.Customers[0], w.Customers[1]
			nodes := []*world.Node{w.Node, pooled, sidecar}
			anything := func(error) bool { return true } // the tenant that left is refused, and whoever still sends is a finding
			for _, n := range nodes {
				for _, c := range w.Customers {
					startLoad(t, n, c.Tenant, 50*time.Millisecond, anything)
				}
			}
			sends(t, w, nodes, leaves, time.Time{})
			ask(t, pooled, http.MethodPost, "/v1/tenants/"+leaves.Tenant+"/disconnect", map[string]string{"reason": "the contract ended"}, nil)
			silent := time.Now().Add(stopsWithin)
			pauseUntil(t, silent.Add(3*time.Second))
			for _, e := range w.Standin.History().List(history.Filter{Org: leaves.Org.ID}) {
				if e.Auth == "key" && e.Path == "/api/v2/logs" && e.Time.After(silent) {
					t.Errorf("%s sent %s after the disconnect", e.Via, e.Time.Sub(silent)+stopsWithin)
				}
			}
			sends(t, w, nodes, stays, silent)
			disconnected(t, w, pooled, leaves, mayDelete)
		})
	}
}

// sends waits until every node delivered for a customer after some time.
func sends(t *testing.T, w *world.World, nodes []*world.Node, c world.Customer, after time.Time) {
	t.Helper()
	for _, n := range nodes {
		within(t, 20*time.Second, n.Name+" sends for "+c.Tenant, func() bool {
			return slices.ContainsFunc(w.Standin.History().List(history.Filter{Org: c.Org.ID, Via: n.Name, Path: "/api/v2/logs"}), func(e history.Entry) bool {
				return e.Status == http.StatusAccepted && e.Time.After(after)
			})
		})
	}
}

// disconnected checks what is left of a customer: no token, and no key, or its name for the customer to delete it.
func disconnected(t *testing.T, w *world.World, n *world.Node, c world.Customer, mayDelete bool) {
	t.Helper()
	within(t, 20*time.Second, "the tokens are revoked", func() bool { return w.Standin.OAuth().LiveTokens(c.Org.OrgRef) == 0 })
	var last4 string
	keys := func() int {
		found := 0
		for _, k := range w.Standin.OAuth().Keys() {
			if k.Org == c.Org.ID {
				found, last4 = found+1, k.Last4
			}
		}
		return found
	}
	if mayDelete {
		within(t, 20*time.Second, "the key is deleted", func() bool { return keys() == 0 })
		return
	}
	if keys() != 1 {
		t.Fatalf("the organisation has %d keys, and nobody may delete one", keys())
	}
	var tenant world.Tenant
	ask(t, n, http.MethodGet, "/v1/tenants/"+c.Tenant, nil, &tenant)
	if tenant.Hold.State != "disconnected" || tenant.Key.Last4 != last4 {
		t.Errorf("the customer has to be told to delete the key …%s: %+v", last4, tenant)
	}
}

// within waits until something in other processes is so.
func within(t *testing.T, d time.Duration, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	for tick := time.NewTicker(50 * time.Millisecond); !so(); {
		select {
		case <-ctx.Done():
			t.Fatalf("not so within %s: %s", d, what)
		case <-tick.C:
		}
	}
}

func pauseUntil(t *testing.T, due time.Time) {
	t.Helper()
	select {
	case <-time.After(time.Until(due)):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
