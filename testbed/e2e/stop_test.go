package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestAStopIsShortWhileAnIntakeHangs stops the collector while everything of one customer hangs, in all three signals. It ends in time, and with a storage
// everything arrives after the next start.
func TestAStopIsShortWhileAnIntakeHangs(t *testing.T) {
	t.Parallel()
	const timeout, margin, bodies = 3 * time.Second, 2 * time.Second, 100
	for _, durable := range []bool{true, false} {
		t.Run(fmt.Sprintf("durable %t", durable), func(t *testing.T) {
			t.Parallel()
			w := start(t, func(o *world.Options) {
				o.Tenants, o.Setup = threeCustomers[:2], &world.Setup{}
				o.Args = []string{fmt.Sprintf("--config=yaml:exporters::datadogoauth::shutdown_timeout: %s", timeout)}
				if !durable {
					o.Args = append(o.Args, "--config=yaml:exporters::datadogoauth::sending_queue::storage: null")
				}
			})
			connectAll(t, w)
			broken, other := w.Customers[0], w.Customers[1]
			fault, err := w.Standin.Faults().Add(faults.Fault{Org: broken.Org.ID, Path: "/api/*", Hang: true})
			if err != nil {
				t.Fatal(err)
			}
			client, err := world.NewClient(t.Context(), w.OTLP, broken.Tenant)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = client.Close(t.Context()) }()
			if err := client.Work(t.Context(), 10); err != nil {
				t.Fatal(err)
			}
			for i := range bodies {
				for _, c := range []world.Customer{broken, other} {
					if err := w.SendLog(t.Context(), c.Tenant, fmt.Sprintf("log %d of %s.", i, c.Tenant)); err != nil {
						t.Fatal(err)
					}
				}
			}
			awaited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := w.Standin.Faults().Await(awaited, fault.ID, 1); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			if err := w.Collector.Stop(); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took > timeout+margin {
				t.Errorf("the stop took %s, the limit is %s", took, timeout)
			}
			w.Standin.Faults().Remove(fault.ID)
			if err := w.StartCollector(t.Context()); err != nil {
				t.Fatal(err)
			}
			arrived := func(c world.Customer) int {
				seen := make(map[string]bool)
				for _, l := range w.Standin.Intake().Received(c.Org.ID).Logs {
					seen[l.Message] = true
				}
				n := 0
				for i := range bodies {
					if seen[fmt.Sprintf("log %d of %s.", i, c.Tenant)] {
						n++
					}
				}
				return n
			}
			within(t, 30*time.Second, "everything of the other customer arrived", func() bool { return arrived(other) == bodies })
			if durable {
				within(t, 30*time.Second, "everything arrived", func() bool { return arrived(broken) == bodies })
			} else if n := arrived(broken); n != 0 {
				t.Errorf("%d logs arrived that no storage had", n)
			}
		})
	}
}
