package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestWhoSendsBeforeConnectingLosesNothing sends for a customer that nobody knows yet, kills the collector when that is parked, and connects the customer. What
// names nobody goes to the default tenant, and no name but the first may wait.
func TestWhoSendsBeforeConnectingLosesNothing(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) {
		o.Tenants, o.Setup = threeCustomers[:2], &world.Setup{}
		for _, setting := range []string{"when_unknown: park", "max_waiting: 1", "default: " + threeCustomers[1][0]} {
			o.Args = append(o.Args, "--config=yaml:exporters::datadogoauth::tenant::"+setting)
		}
	})
	early, other := w.Customers[0], w.Customers[1]
	connect := func(c world.Customer) {
		t.Helper()
		if err := w.Connect(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	connect(other)
	const bodies = 50
	for i := range bodies {
		if err := w.SendLog(t.Context(), early.Tenant, fmt.Sprintf("early %d.", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SendLog(t.Context(), "another-name", "too many names"); err == nil {
		t.Error("a second name may wait")
	}
	resp, err := http.Post(w.OTLPHTTP+"/v1/logs", "application/json",
		strings.NewReader(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"of nobody"}}]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	awaitLogs(t, w, other, 1)
	awaitLog(t, w, "Parking data of a tenant that cannot take it")
	w.Collector.Kill()
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitLog(t, w, "Data that an earlier run parked waits to be sent")
	connect(early)
	within(t, 30*time.Second, "all of it arrived", func() bool {
		seen := make(map[string]bool)
		for _, l := range w.Standin.Intake().Received(early.Org.ID).Logs {
			seen[l.Message] = true
		}
		return len(seen) == bodies
	})
	if logs := w.Standin.Intake().Received(other.Org.ID).Logs; len(logs) != 1 || logs[0].Message != "of nobody" {
		t.Errorf("the other customer has %v", logs)
	}
}
