package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// A link for a customer got into the wrong hands, and somebody gives consent for an organisation of their own, at another site.
func TestAnAttackerWithALinkReceivesNothing(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) { o.Tenants, o.Setup = threeCustomers[1:], &world.Setup{} })
	victim, attacker := w.Customers[0], w.Customers[1].Org
	if err := w.Connect(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	sent := send(t, w, victim.Tenant, 5)
	if err := w.Connect(t.Context(), world.Customer{Tenant: victim.Tenant, Org: attacker}); err != nil {
		t.Fatal(err)
	}
	sent += send(t, w, victim.Tenant, 5)

	var list struct {
		Changes []struct {
			Tenant, Site string
			Org          struct{ ID string }
		}
	}
	ask(t, w.Node, http.MethodGet, "/v1/changes", nil, &list)
	if len(list.Changes) != 1 || list.Changes[0].Tenant != victim.Tenant || list.Changes[0].Org.ID != attacker.ID || list.Changes[0].Site != attacker.Site {
		t.Fatalf("changes that wait: %+v", list.Changes)
	}
	ask(t, w.Node, http.MethodPost, "/v1/tenants/"+victim.Tenant+"/change/reject", nil, nil)
	sent += send(t, w, victim.Tenant, 5)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := w.Standin.History().Await(ctx, 1, history.Filter{Path: "/oauth2/v1/revoke", Site: attacker.Site, Status: http.StatusOK}); err != nil {
		t.Error(err)
	}
	if n := w.Standin.OAuth().LiveTokens(attacker.OrgRef); n > 0 {
		t.Errorf("%d tokens of the rejected grant still work", n)
	}
	if err := w.Standin.Intake().AwaitCounts(ctx, victim.Org.ID, intake.Counts{Logs: sent}); err != nil {
		t.Error(err)
	}
	if got := w.Standin.Intake().Counts(victim.Org.ID); got.Logs != sent {
		t.Errorf("the victim has %d logs, %d were sent", got.Logs, sent)
	}
	if got := w.Standin.Intake().Counts(attacker.ID); got != (intake.Counts{}) {
		t.Errorf("the attacker has %+v", got)
	}
	for _, e := range w.Standin.History().List(history.Filter{Site: attacker.Site}) {
		if e.Auth == "key" {
			t.Errorf("%s%s was sent to with a key", e.Host, e.Path)
		}
	}
	list.Changes = nil
	ask(t, w.Node, http.MethodGet, "/v1/changes", nil, &list)
	if len(list.Changes) > 0 {
		t.Errorf("a rejected change still waits: %+v", list.Changes)
	}
}

// send hands n log records over and returns n.
func send(t *testing.T, w *world.World, tenant string, n int) int {
	t.Helper()
	for range n {
		if err := w.SendLog(t.Context(), tenant, "from "+tenant); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// ask wants a 200 from the admin API and decodes the answer into out, unless that is nil.
func ask(t *testing.T, n *world.Node, method, path string, in, out any) {
	t.Helper()
	status, body, err := n.Admin(t.Context(), method, path, in)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s %s: %d %v: %s", method, path, status, err, body)
	}
	if out != nil {
		if err := json.Unmarshal(body, out); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, body)
		}
	}
}
