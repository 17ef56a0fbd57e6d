package e2e

import (
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// twoCollectors share one PostgreSQL, and so the customers.
func twoCollectors(t *testing.T, a, b world.Setup) (*world.World, []*world.Node) {
	t.Helper()
	db := database(t)
	a.DSN = db.DSN(db.Addr(), grantsDB)
	b.DSN = a.DSN
	w := start(t, func(o *world.Options) { o.Tenants, o.Setup = threeCustomers[:1], &a })
	connectAll(t, w)
	other := addNode(t, w, "other", b)
	within(t, 20*time.Second, "the second collector knows the customer", func() bool {
		return other.SendPoint(t.Context(), w.Customers[0].Tenant, "probe", 1) == nil
	})
	return w, []*world.Node{w.Node, other}
}

// seriesOf adds up what Datadog has of a metric.
func seriesOf(w *world.World, c world.Customer, metric string) (points int, sum float64) {
	for _, p := range w.Standin.Intake().Received(c.Org.ID).Series {
		if p.Metric == metric {
			points++
			sum += p.Value
		}
	}
	return points, sum
}

// Replicas that nothing tells apart: several resources of a call, several calls of a collector, several collectors. All of it is of one second.
func TestCountsOfOneSecondReachDatadog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		tags   [2]string
		want   float64 // of 3+4, 5 and 20, 30
		points int
	}{
		{"without writer tags a collector overwrites the other", [2]string{}, 20 + 30, 2},
		{"with writer tags all arrives", [2]string{"collector:gw-0", "collector:gw-1"}, 3 + 4 + 5 + 20 + 30, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, nodes := twoCollectors(t, world.Setup{WriterTag: c.tags[0]}, world.Setup{WriterTag: c.tags[1]})
			customer, at := w.Customers[0], time.Now().Add(-time.Minute)
			send := func(n *world.Node, values ...int) {
				t.Helper()
				if err := n.SendCounts(t.Context(), customer.Tenant, "e2e.count", at, values...); err != nil {
					t.Fatal(err)
				}
			}
			flushed := func(n *world.Node, marker string) { // one tenant's series of one collector arrive in their order
				t.Helper()
				if err := n.SendPoint(t.Context(), customer.Tenant, marker, 1); err != nil {
					t.Fatal(err)
				}
				within(t, 20*time.Second, marker+" arrives", func() bool { points, _ := seriesOf(w, customer, marker); return points > 0 })
			}
			send(nodes[0], 3, 4)
			send(nodes[0], 5)
			flushed(nodes[0], "first")
			send(nodes[1], 20)
			flushed(nodes[1], "second")
			send(nodes[1], 30)
			flushed(nodes[1], "third")
			points, sum := seriesOf(w, customer, "e2e.count")
			if points != c.points || sum != c.want {
				t.Errorf("Datadog has %v in %d points, want %v in %d", sum, points, c.want, c.points)
			}
		})
	}
}

// A sender moves from one collector to another and back, and one of them restarts while the other serves. Exports are ten seconds apart by their
// times, which are ahead of the clock, so that nothing has to wait for them.
func TestARebalanceCountsNothingTwice(t *testing.T) {
	t.Parallel()
	w, nodes := twoCollectors(t, world.Setup{Shared: true}, world.Setup{Shared: true})
	customer, began := w.Customers[0], time.Now()
	const steps, growth = 5, 10
	total, exports := 0, 0
	serve := func(n *world.Node) {
		t.Helper()
		for range steps {
			exports++
			total += growth
			// The sum is younger than both collectors, and its points are those of the time since.
			at := began.Add(time.Duration(exports) * 10 * time.Second)
			if err := n.SendTotal(t.Context(), customer.Tenant, "e2e.total", began, at, total); err != nil {
				t.Fatal(err)
			}
		}
	}
	serve(nodes[0])
	serve(nodes[1])
	serve(nodes[0])
	if err := nodes[0].Collector.Stop(); err != nil { // what it remembers is saved
		t.Fatal(err)
	}
	serve(nodes[1])
	if err := nodes[0].StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "the first collector serves again", func() bool {
		return nodes[0].SendPoint(t.Context(), customer.Tenant, "probe", 1) == nil
	})
	serve(nodes[0])
	// Each collector loses two intervals when it first sees the sender, one when the sender comes back, of which it knows the rhythm.
	want := 5*steps*growth - (2+2+1+1+1)*growth
	within(t, 30*time.Second, "all arrives", func() bool { _, sum := seriesOf(w, customer, "e2e.total"); return sum >= float64(want) })
	time.Sleep(2 * time.Second) // more than a flush of the batcher, in which something that is too much would come
	if _, sum := seriesOf(w, customer, "e2e.total"); sum != float64(want) {
		t.Errorf("Datadog has %v, want %d of %d", sum, want, total)
	}
}
