package e2e

import (
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestCumulativeSeriesOutliveARestart has a service that counts on while the collector is stopped, and while it crashes. A restart costs
// nothing, a crash one interval.
func TestCumulativeSeriesOutliveARestart(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) { o.Tenants = threeCustomers[:1] })
	connectAll(t, w)
	c := w.Customers[0]
	client, err := world.NewClient(t.Context(), w.OTLP, c.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := client.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	// add does some work and returns how many bytes that was. Each flush has a second of its own: Datadog keeps one point of a second.
	add := func() int64 {
		t.Helper()
		time.Sleep(time.Second)
		before := client.Sent().Bytes
		if err := client.Work(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		return client.Sent().Bytes - before
	}
	arrivedBytes := func() (sum int64) {
		for _, p := range w.Standin.Intake().Received(c.Org.ID).Series {
			if p.Metric == "demo.bytes" {
				sum += int64(p.Value)
			}
		}
		return sum
	}
	await := func(what string, want int64) {
		t.Helper()
		within(t, 30*time.Second, what, func() bool { return arrivedBytes() >= want })
		if got := arrivedBytes(); got != want {
			t.Fatalf("%s: Datadog has %d, the truth is %d", what, got, want)
		}
	}
	restart := func() {
		t.Helper()
		if err := w.StartCollector(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	total := add()
	total += add()
	await("before the restart", total)
	if err := w.Collector.Stop(); err != nil {
		t.Fatal(err)
	}
	restart()
	total += add()
	await("after the restart", total)

	w.Collector.Kill()
	restart()
	add() // the interval that the crash costs
	total += add()
	await("after the crash", total)
}
