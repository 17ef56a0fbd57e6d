package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/haproxy"
	signals "github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// upgrade is a rolling one under load.
type upgrade struct {
	*gateways
	arrivals *delivery.Arrivals
	client   *delivery.Client
	totals   []*delivery.Totals // of each customer, by OTLP/HTTP
	sdks     []*world.Client    // of each customer, by OTLP/gRPC
	every    time.Duration      // between two exports of totals
	watched  time.Duration      // how long each step is looked at

	stays int // of a customer at a gateway, all together
	last  map[string]int

	accepted, dropped map[string]int // items of processes that ended, by signal; and why
}

// TestRollingUpgrade drains one gateway of examples/gateway-postgres after the other, stops it and starts a new process on its files, while services of six
// customers send. Then the balancer's ring changes, and changes back. No log, span or count is lost or comes twice; of a cumulative series nothing is missing
// but what is counted as a baseline.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	u := &upgrade{arrivals: delivery.NewArrivals(), every: 100 * time.Millisecond, watched: time.Second, accepted: map[string]int{}, dropped: map[string]int{}}
	if os.Getenv("DATADOGOAUTH_LONG") != "" { // with the rhythm that the times say
		u.every, u.watched = time.Second, 30*time.Second
	}
	u.gateways = startGateways(t, func(o *world.Options) { o.Tenants, o.Sink = sixCustomers, u.arrivals })
	u.arrivals.PassTo(u.Standin.Intake())
	u.client = u.gateways.client(t)
	stop := u.load(t)

	home := u.step(t, "at first")
	for i := range u.nodes {
		u.replace(t, i)
		if got := u.step(t, fmt.Sprintf("after %s came back", serverOf(i))); !maps.Equal(got, home) {
			t.Errorf("%s came back, and the customers are on %v; before on %v", serverOf(i), got, home)
		}
	}
	const shrunk, grown = 1, 0
	u.set(t, shrunk, "weight 20%")
	moved := 0
	for tenant, by := range u.step(t, "after the rebalance") {
		if by != home[tenant] {
			moved++
			if by != grown {
				t.Errorf("%s moved to the gateway that shrank", tenant)
			}
		}
	}
	if moved == 0 {
		t.Error("the rebalance moved nobody")
	}
	u.set(t, shrunk, "weight 100%")
	if got := u.step(t, "after the ring was restored"); !maps.Equal(got, home) {
		t.Errorf("the ring is as before, and the customers are on %v; before on %v", got, home)
	}
	stop()
	u.judgeItems(t)
	for i := range u.nodes {
		u.close(t, i, true)
	}
	u.judgeTotals(t)
	for _, n := range u.nodes { // open buckets of APM stats go to the disk, and from there to Datadog
		if err := errors.Join(n.Collector.Stop(), n.StartCollector(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	u.judgeStats(t)
}

// load has every customer send until stop.
func (u *upgrade) load(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	t.Cleanup(func() { cancel(); work.Wait() })
	// Ten exports a second with times a second apart end up ahead of the clock, for less than Datadog allows.
	begin := time.Now().Add(-5 * time.Minute).Truncate(time.Second)
	for i, c := range u.Customers {
		totals := u.client.NewTotals(c.Tenant, int64(7+i), begin)
		u.totals = append(u.totals, totals)
		work.Go(func() {
			for tick := time.NewTicker(u.every); ctx.Err() == nil; <-tick.C {
				o1, err1 := totals.Export(t.Context())
				o2, err2 := u.client.Send(t.Context(), c.Tenant, signals.Logs, 5)
				o3, err3 := u.client.Send(t.Context(), c.Tenant, signals.Traces, 5)
				if err := errors.Join(err1, err2, err3); err != nil || o1 != delivery.Acknowledged || o2 != o1 || o3 != o1 {
					t.Errorf("%s was not served: outcomes %d, %d, %d: %v", c.Tenant, o1, o2, o3, err)
					return
				}
			}
		})
		sdk, err := world.NewTLSClient(t.Context(), u.grpc, c.Tenant, u.service)
		if err != nil {
			t.Fatal(err)
		}
		u.sdks = append(u.sdks, sdk)
		work.Go(func() {
			for ctx.Err() == nil {
				// Within a second that has had no export. Counts of one second would be sent in later ones, which the next gateway does not know of.
				now := time.Now()
				select {
				case <-time.After(now.Truncate(time.Second).Add(1300 * time.Millisecond).Sub(now)):
				case <-ctx.Done():
					continue
				}
				if err := sdk.Work(t.Context(), unitsOfWork); err != nil {
					t.Errorf("%s was not served by gRPC: %v", c.Tenant, err)
					return
				}
			}
			if err := sdk.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	return func() { cancel(); work.Wait() }
}

// unitsOfWork are those of one export of an SDK, and bytesOfWork what they add to demo.bytes.
const unitsOfWork, bytesOfWork = 10, 10*100 + 9*10/2

// step looks where the customers are once what is under way has arrived: each on one gateway.
func (u *upgrade) step(t *testing.T, when string) map[string]int {
	t.Helper()
	pauseUntil(t, time.Now().Add(1500*time.Millisecond)) // more than a flush of the batcher
	since := time.Now()
	pauseUntil(t, since.Add(u.watched+time.Second))
	on := map[string]int{}
	for tenant, by := range u.gatewayOf(since) {
		if len(by) != 1 {
			t.Fatalf("%s: %s is on %d gateways", when, tenant, len(by))
		}
		on[tenant] = by[0]
	}
	if len(on) != len(u.Customers) {
		t.Fatalf("%s: logs come from %d of %d customers", when, len(on), len(u.Customers))
	}
	for tenant, by := range on {
		if was, known := u.last[tenant]; !known || was != by {
			u.stays++
		}
	}
	u.last = on
	t.Logf("%s: %v", when, on)
	return on
}

// replace drains a gateway, stops it, and has a new process in its place.
func (u *upgrade) replace(t *testing.T, i int) {
	t.Helper()
	u.set(t, i, "state drain")
	u.await(t, i, "is drained", haproxy.Idle)
	u.close(t, i, false)
	if err := u.nodes[i].Collector.Stop(); err != nil {
		t.Fatal(err)
	}
	for tenant, by := range u.step(t, fmt.Sprintf("while %s is away", serverOf(i))) {
		if by == i {
			t.Errorf("%s is on the gateway that is away", tenant)
		}
	}
	if err := u.nodes[i].StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	u.set(t, i, "state ready")
	u.await(t, i, "is up", haproxy.Up)
}

// close reads the books of a process that takes nothing any more. empty waits until it has sent all.
func (u *upgrade) close(t *testing.T, i int, empty bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	books, err := balance.Await(ctx, func(ctx context.Context) (balance.Books, error) { return balance.Scrape(ctx, u.books[i]) }, func(b balance.Books) error {
		for name, a := range b {
			if empty && a.Queued+a.Parking > 0 {
				return fmt.Errorf("%s: %s", name.Signal, a)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("the books of %s: %v", serverOf(i), err)
	}
	for _, s := range signals.Signals {
		a := books.Of(string(s))
		u.accepted[string(s)] += a.Accepted
		for reason, n := range a.Dropped {
			u.dropped[reason] += n
		}
		if a.Expired > 0 {
			t.Errorf("%s: %d %s expired", serverOf(i), a.Expired, s)
		}
	}
}

// judgeItems wants every log and span to have arrived once.
func (u *upgrade) judgeItems(t *testing.T) {
	t.Helper()
	sent := u.client.IDs(func(delivery.Item) bool { return true })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := errors.Join(u.arrivals.Await(ctx, sent), u.arrivals.Err()); err != nil {
		t.Fatal(err)
	}
	for _, id := range sent {
		if n := len(u.arrivals.Of(id)); n != 1 {
			t.Errorf("%s of %s arrived %d times", id, u.client.Item(id).Tenant, n)
		}
	}
	for i, c := range u.Customers {
		logs, spans := u.sent(c, signals.Logs)+int(u.sdks[i].Sent().Logs), u.sent(c, signals.Traces)+int(u.sdks[i].Sent().Spans)
		awaitCounts(t, u.World, c, intake.Counts{Logs: logs, Spans: spans})
		if got := u.Standin.Intake().Counts(c.Org.ID); got.Logs != logs || got.Spans != spans {
			t.Errorf("%s sent %d logs and %d spans, and has %d and %d", c.Tenant, logs, spans, got.Logs, got.Spans)
		}
	}
	if strays := u.Strays(); len(strays) > 0 {
		t.Errorf("%d requests went astray, the first is %+v", len(strays), strays[0])
	}
	t.Logf("%d logs and spans arrived once each", len(sent))
}

// sent is how many items of a customer were sent one by one.
func (u *upgrade) sent(c world.Customer, signal signals.Signal) int {
	return len(u.client.IDs(func(i delivery.Item) bool { return i.Tenant == c.Tenant && i.Signal == signal }))
}

// judgeTotals wants whatever the delta metrics counted, and of the cumulative ones all but what the collectors counted as baselines.
func (u *upgrade) judgeTotals(t *testing.T) {
	t.Helper()
	want := map[string]int{}
	ofTotals, ofSDKs := 0, 0 // baselines
	for i, c := range u.Customers {
		totals, sdk := u.totals[i], u.sdks[i].Sent()
		want["metrics"] += 4*int(totals.Exports) + int(sdk.Points)
		want["logs"] += u.sent(c, signals.Logs) + int(sdk.Logs)
		want["traces"] += u.sent(c, signals.Traces) + int(sdk.Spans)
		received := u.Standin.Intake().Received(c.Org.ID)
		got := map[string]int64{}
		for _, p := range received.Series {
			got[p.Metric] += int64(p.Value)
		}
		for _, s := range received.Sketches {
			got[s.Metric] += s.Cnt
		}
		counted := totals.Exports * totals.By
		for metric, truth := range map[string]int64{
			delivery.DeltaSum: counted, delivery.DeltaHistogram: counted, "demo.requests": sdk.Requests, "demo.duration": sdk.Bytes / bytesOfWork * unitsOfWork,
		} {
			if got[metric] != truth {
				t.Errorf("%s of %s: Datadog has %d, the truth is %d", metric, c.Tenant, got[metric], truth)
			}
		}
		baselines := func(metric string, truth, each int64) int {
			missing := truth - got[metric]
			if missing < each || missing%each != 0 {
				t.Errorf("%s of %s: Datadog has %d, the truth is %d: the difference is no number of baselines of %d", metric, c.Tenant, got[metric], truth, each)
			}
			return int(missing / each)
		}
		ofTotals += baselines(delivery.CumulativeSum, counted, totals.By) + baselines(delivery.CumulativeHistogram, counted, totals.By)
		ofSDKs += baselines("demo.bytes", sdk.Bytes, bytesOfWork)
	}
	if counted := u.dropped["baseline"]; counted != ofTotals+ofSDKs {
		t.Errorf("%d and %d points are missing, and %d were counted as baselines", ofTotals, ofSDKs, counted)
	}
	// A stay costs two at most, of each of two metrics. A busy machine has SDKs come late, which costs more.
	if most := 2 * 2 * u.stays; ofTotals > most {
		t.Errorf("%d baselines are more than the %d of %d stays", ofTotals, most, u.stays)
	}
	for reason, n := range u.dropped {
		if reason != "baseline" && n > 0 {
			t.Errorf("%d items were dropped: %s", n, reason)
		}
	}
	if !maps.Equal(u.accepted, want) {
		t.Errorf("%v items were sent, and %v accepted", want, u.accepted)
	}
	t.Logf("%v items; %d and %d baselines of %d stays", want, ofTotals, ofSDKs, u.stays)
}

// judgeStats wants each span in the APM stats once.
func (u *upgrade) judgeStats(t *testing.T) {
	t.Helper()
	for i, c := range u.Customers {
		sdk := int(u.sdks[i].Sent().Spans)
		want := map[string]int{"GET /delivery": u.sent(c, signals.Traces), "GET /orders/{id}": sdk / 2, "SELECT * FROM orders WHERE id = ?": sdk / 2}
		var got map[string]int
		within(t, 20*time.Second, fmt.Sprintf("the hits of %s are %v", c.Tenant, want), func() bool {
			got = u.hits(c)
			for resource, n := range want {
				if got[resource] < n {
					return false
				}
			}
			return true
		})
		if !maps.Equal(got, want) {
			t.Errorf("APM stats of %s have %v, and %v were sent", c.Tenant, got, want)
		}
	}
}

// hits are what Datadog's APM stats count of a customer, by resource.
func (u *upgrade) hits(c world.Customer) map[string]int {
	all := map[string]int{}
	for _, payload := range u.Standin.Intake().Received(c.Org.ID).Stats {
		for _, from := range payload.Stats {
			for _, bucket := range from.Stats {
				for _, group := range bucket.Stats {
					all[group.Resource] += int(group.Hits)
				}
			}
		}
	}
	return all
}
