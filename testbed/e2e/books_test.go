package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestTheBooksBalanceAcrossRestarts has one customer who is served, one who is paused and one whose intake answers 503, and then hangs. The collector
// is stopped, and killed. Its books balance in each process, agree with what was sent and with what the stand-in has, and each process finds what
// the one before left.
func TestTheBooksBalanceAcrossRestarts(t *testing.T) {
	t.Parallel()
	addrs, err := freeport.Addrs(1)
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(addrs[0], ":")
	w := start(t, func(o *world.Options) {
		o.Setup = &world.Setup{}
		o.Args = []string{
			"--set=service.telemetry.metrics.level=normal",
			fmt.Sprintf(`--set=service.telemetry.metrics.readers=[{"pull":{"exporter":{"prometheus":{"host":%q,"port":%s}}}}]`, host, port),
		}
	})
	connectAll(t, w)
	paused, failing, served := w.Customers[0], w.Customers[1], w.Customers[2]
	sent := map[string]int{}
	send := func(n int, to ...world.Customer) {
		t.Helper()
		for range n {
			for _, c := range to {
				sent[c.Tenant]++
				if err := w.SendLog(t.Context(), c.Tenant, fmt.Sprintf("log %d.", sent[c.Tenant])); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	recorded := func() (all int) {
		for _, c := range w.Customers {
			all += len(w.Standin.Intake().Received(c.Org.ID).Logs)
		}
		return all
	}
	before := 0 // delivered by the processes before
	// books waits until they balance, and the figures are these.
	books := func(when string, so func(balance.Account) bool) balance.Account {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		b, err := balance.Await(ctx, func(ctx context.Context) (balance.Books, error) {
			return balance.Scrape(ctx, "http://"+addrs[0]+"/metrics")
		}, func(b balance.Books) error {
			if a := b.Of("logs"); !so(a) || before+a.Delivered != recorded() {
				return fmt.Errorf("not as expected, and Datadog has %d: %s", recorded(), a)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		return b.Of("logs")
	}
	fault := func(f faults.Fault) {
		t.Helper()
		w.Standin.Faults().Remove("failing")
		f.ID, f.Org, f.Path = "failing", failing.Org.ID, "/api/v2/logs"
		if _, err := w.Standin.Faults().Add(f); err != nil {
			t.Fatal(err)
		}
	}

	orders := "/v1/tenants/" + paused.Tenant + "/"
	ask(t, w.Node, http.MethodPost, orders+"pause", map[string]string{"reason": "a test"}, nil)
	fault(faults.Fault{Status: http.StatusServiceUnavailable})
	send(20, paused, failing, served)
	a := books("in the middle of faults", func(a balance.Account) bool {
		return a.Accepted == 60 && a.Restored == 0 && a.Delivered == 20 && a.Parking+a.Queued == 40 && a.Parking >= 20
	})
	before += a.Delivered
	if err := w.Collector.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	books("after a stop", func(a balance.Account) bool {
		return a.Accepted == 0 && a.Restored == 40 && a.Delivered == 0 && a.Parking+a.Queued == 40
	})

	fault(faults.Fault{Hang: true})
	send(10, failing)
	a = books("before the kill", func(a balance.Account) bool {
		return a.Accepted == 10 && a.Restored == 40 && a.Delivered == 0 && a.Parking+a.Queued == 50
	})
	before += a.Delivered
	w.Collector.Kill()
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What was on its way from the queue to the park at the kill is found in both.
	books("after the kill", func(a balance.Account) bool {
		return a.Accepted == 0 && a.Restored >= 50 && a.Restored <= 60 && a.Parking+a.Queued == a.Restored
	})
	w.Standin.Faults().Remove("failing")
	ask(t, w.Node, http.MethodPost, orders+"resume", nil, nil)
	books("in the end", func(a balance.Account) bool {
		return a.Parking == 0 && a.Queued == 0 && a.Delivered == a.Restored && a.Lost() == 0 && a.Expired == 0
	})
	for _, c := range []world.Customer{paused, failing, served} {
		seen := map[string]bool{}
		for _, l := range w.Standin.Intake().Received(c.Org.ID).Logs {
			seen[l.Message] = true
		}
		if len(seen) != sent[c.Tenant] {
			t.Errorf("%d logs of %s were sent, %d arrived", sent[c.Tenant], c.Tenant, len(seen))
		}
	}
}
