package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestParkedDataSurvivesAKill pauses a customer, sends, kills the collector when some of it is parked and some queued, and again while it is being
// sent. Everything arrives, and nothing of it at another customer.
func TestParkedDataSurvivesAKill(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) { o.Tenants, o.Setup = threeCustomers[:2], &world.Setup{} })
	connectAll(t, w)
	c, other := w.Customers[0], w.Customers[1]
	orders := "/v1/tenants/" + c.Tenant + "/"
	ask(t, w.Node, http.MethodPost, orders+"pause", map[string]string{"reason": "a test"}, nil)
	const bodies = 200
	for i := range bodies {
		if err := w.SendLog(t.Context(), c.Tenant, fmt.Sprintf("parked %d.", i)); err != nil {
			t.Fatal(err)
		}
		if i == bodies/2 {
			awaitLog(t, w, "Parking data of a tenant that cannot take it")
		}
	}
	if err := w.SendLog(t.Context(), other.Tenant, "not parked"); err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "the other customer has its log", func() bool { return len(w.Standin.Intake().Received(other.Org.ID).Logs) > 0 })
	w.Collector.Kill()
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitLog(t, w, "Data that an earlier run parked waits to be sent")
	if n := len(w.Standin.Intake().Received(c.Org.ID).Logs); n > 0 {
		t.Errorf("%d logs arrived of a customer that is paused", n)
	}
	ask(t, w.Node, http.MethodPost, orders+"resume", nil, nil)
	arrived := func() int {
		seen := make(map[string]bool)
		for _, l := range w.Standin.Intake().Received(c.Org.ID).Logs {
			if strings.HasPrefix(l.Message, "parked ") {
				seen[l.Message] = true
			}
		}
		return len(seen)
	}
	within(t, 20*time.Second, "some of it arrived", func() bool { return arrived() > 0 })
	w.Collector.Kill()
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	within(t, 30*time.Second, "all of it arrived", func() bool { return arrived() == bodies })
	if logs := w.Standin.Intake().Received(other.Org.ID).Logs; len(logs) != 1 {
		t.Errorf("the other customer has %d logs", len(logs))
	}
}
