package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const (
	// consumers of each signal's queue: one more than the least that the exporter takes.
	consumers = 6
	// A batch leaves after flushAfter, an intake that does not answer is given up after sendTimeout, and retries end after retriesEnd: what a
	// scenario waits for comes within seconds.
	flushAfter  = 150 * time.Millisecond
	sendTimeout = 5 * time.Second
	retriesEnd  = time.Second
	// arriveWithin bounds the wait for what is owed.
	arriveWithin = time.Minute
)

// deliveries is a world in which every item has an id: who sent it, what was acknowledged, what arrived.
type deliveries struct {
	*lab
	w        *world.World
	arrivals *delivery.Arrivals
	client   *delivery.Client
	figures  string // where the collector's own metrics are
	counters []*delivery.Counter
	pace     time.Duration // between two calls of one tenant and signal, when load is on
	perCall  int           // items of a call

	mu   sync.Mutex
	errs []error // answers that no sender expects; guarded by mu
}

// inDeliveries runs fn in a world of customers, each with a site of its own, that are connected. Its collector runs, with a queue on disk. In the end Datadog has
// kept all that its intakes took.
func (l *lab) inDeliveries(ctx context.Context, tenants []string, change func(*world.Options), fn func(*deliveries) error) error {
	figures, err := freeport.Addrs(1)
	if err != nil {
		return err
	}
	host, port, _ := strings.Cut(figures[0], ":")
	d := &deliveries{lab: l, arrivals: delivery.NewArrivals(), figures: "http://" + figures[0] + "/metrics", pace: 40 * time.Millisecond, perCall: 3}
	o := world.Options{Setup: &world.Setup{}, Sink: d.arrivals, Args: []string{
		"--set=service.telemetry.metrics.level=detailed",
		fmt.Sprintf(`--set=service.telemetry.metrics.readers=[{"pull":{"exporter":{"prometheus":{"host":"%s","port":%s}}}}]`, host, port),
		fmt.Sprintf("--set=exporters.datadogoauth.timeout=%s", sendTimeout),
		"--set=exporters.datadogoauth.retry_on_failure.initial_interval=50ms",
		"--set=exporters.datadogoauth.retry_on_failure.max_interval=500ms",
		fmt.Sprintf("--set=exporters.datadogoauth.retry_on_failure.max_elapsed_time=%s", retriesEnd),
		fmt.Sprintf("--set=exporters.datadogoauth.sending_queue.num_consumers=%d", consumers),
		fmt.Sprintf("--set=exporters.datadogoauth.sending_queue.batch.flush_timeout=%s", flushAfter),
		"--set=exporters.datadogoauth.sending_queue.batch.min_size=1000000",
		"--set=exporters.datadogoauth.sending_queue.batch.max_size=3000000",
	}}
	if change != nil {
		change(&o)
	}
	sites := []string{"datadoghq.com", "datadoghq.eu", "us3.datadoghq.com", "us5.datadoghq.com", "ap1.datadoghq.com", "ap2.datadoghq.com"}
	for i, name := range tenants {
		o.Tenants = append(o.Tenants, [2]string{name, sites[i%len(sites)]})
	}
	return l.inWorld(ctx, o, func(w *world.World) (err error) {
		d.w, d.client = w, delivery.NewClient(w.OTLPHTTP, world.TenantHeader)
		defer d.client.Close()
		d.arrivals.PassTo(w.Standin.Intake())
		if err := w.StartCollector(ctx); err != nil {
			return err
		}
		for _, c := range w.Customers {
			if err := w.Connect(ctx, c); err != nil {
				return err
			}
			d.counters = append(d.counters, d.client.NewCounter(c.Tenant, time.Now().Add(-20*time.Minute)))
		}
		if err := errors.Join(fn(d), d.kept()); err != nil {
			d.printf("the collector's last lines:\n%s", w.Log.Tail(4))
			return err
		}
		return nil
	})
}

// restart starts the collector once more.
func (d *deliveries) restart(ctx context.Context) error {
	d.nextRun()
	return d.w.StartCollector(ctx)
}

// nextRun says that another process answers from now on.
func (d *deliveries) nextRun() {
	d.arrivals.NextRun()
	d.client.NextRun()
	for _, c := range d.counters {
		c.NextRun()
	}
}

// load sends for tenants until the returned function is called, which waits for the calls that were begun. Nil is all tenants.
func (d *deliveries) load(ctx context.Context, tenants ...string) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	var senders sync.WaitGroup
	for i, c := range d.w.Customers {
		if len(tenants) > 0 && !slices.Contains(tenants, c.Tenant) {
			continue
		}
		for _, s := range load.Signals {
			senders.Go(func() {
				d.every(ctx, d.pace, func() error {
					_, err := d.client.Send(ctx, c.Tenant, s, d.perCall)
					return err
				})
			})
		}
		senders.Go(func() {
			d.every(ctx, 250*time.Millisecond, func() error {
				_, err := d.counters[i].Add(ctx, 7)
				return err
			})
		})
	}
	return func() error {
		cancel()
		senders.Wait()
		d.mu.Lock()
		defer d.mu.Unlock()
		return errors.Join(d.errs...)
	}
}

// every calls send over and over. The first few errors are kept.
func (d *deliveries) every(ctx context.Context, pace time.Duration, send func() error) {
	for pause(ctx, pace) == nil {
		if err := send(); err != nil {
			d.mu.Lock()
			if len(d.errs) < 3 {
				d.errs = append(d.errs, err)
			}
			d.mu.Unlock()
			return
		}
	}
}

// burst sends n calls of each signal at once for a tenant and does not wait for them.
func (d *deliveries) burst(ctx context.Context, calls *sync.WaitGroup, tenant string, n int) {
	for _, s := range load.Signals {
		for range n {
			calls.Go(func() { d.client.Send(ctx, tenant, s, d.perCall) })
		}
	}
}

// owed are the acknowledged items of some tenants, of all if none is named.
func (d *deliveries) owed(tenants ...string) []delivery.ID {
	return d.client.IDs(func(it delivery.Item) bool {
		return it.Outcome == delivery.Acknowledged && (len(tenants) == 0 || slices.Contains(tenants, it.Tenant))
	})
}

// describe counts items by tenant, signal, and the process that acknowledged them.
func (d *deliveries) describe(ids []delivery.ID) string {
	by := map[string]int{}
	for _, id := range ids {
		it := d.client.Item(id)
		by[fmt.Sprintf("%s of %s from process %d", it.Signal, it.Tenant, it.Run)]++
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%d %s", by[what], what))
	}
	const most = 12
	if len(parts) > most {
		parts = append(parts[:most], "…")
	}
	return strings.Join(parts, ", ")
}

// arrive waits until what is owed to some tenants has arrived.
func (d *deliveries) arrive(ctx context.Context, within time.Duration, tenants ...string) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := d.arrivals.Await(ctx, d.owed(tenants...))
	if err != nil {
		err = fmt.Errorf("%w: %s", err, d.describe(d.arrivals.Missing(d.owed(tenants...))))
	}
	return err
}

// customer is one by its name.
func (d *deliveries) customer(tenant string) world.Customer {
	for _, c := range d.w.Customers {
		if c.Tenant == tenant {
			return c
		}
	}
	panic("no customer " + tenant) // a mistake in a scenario
}

// fault puts one into force for what is sent with a tenant's key to the intakes of its signals.
func (d *deliveries) fault(id, tenant string, f faults.Fault) error {
	f.ID, f.Org, f.Method = id, d.customer(tenant).Org.ID, http.MethodPost
	_, err := d.w.Standin.Faults().Add(f)
	return err
}

// scrape reads the collector's own metrics.
func (d *deliveries) scrape(ctx context.Context) (delivery.Figures, error) {
	return delivery.Scrape(ctx, d.w.HTTPClient(), d.figures)
}

// tenantOfKey says whose key it is.
func (d *deliveries) tenantOfKey(key string) string {
	owner, _ := d.w.Standin.OAuth().KeyOwner(key)
	return d.tenantOfOrg(owner)
}

func (d *deliveries) tenantOfOrg(org oauth.OrgRef) string {
	for _, c := range d.w.Customers {
		if c.Org.OrgRef == org {
			return c.Tenant
		}
	}
	return ""
}

// crossed finds an item that came with the key of another tenant than it was sent for.
func (d *deliveries) crossed() error {
	for _, b := range d.arrivals.Bodies(0) {
		owner := d.tenantOfKey(b.Key)
		for _, id := range b.IDs {
			if tenant := d.client.Item(id).Tenant; owner != "" && tenant != owner { // a revoked key has no owner any more
				return fmt.Errorf("item %s of %s was sent to %s with the key of %s", id, tenant, b.Path, owner)
			}
		}
	}
	return d.arrivals.Err()
}

// totals compares what arrived of each cumulative series with what is owed.
func (d *deliveries) totals() error {
	var errs []error
	for i, c := range d.w.Customers {
		least, most := d.counters[i].Owed()
		if got := d.counted(c); got < least || got > most {
			errs = append(errs, fmt.Errorf("cumulative series of %s: %d arrived, %d to %d are owed", c.Tenant, got, least, most))
		}
	}
	return errors.Join(errs...)
}

// counted is what arrived of a tenant's cumulative series.
func (d *deliveries) counted(c world.Customer) (sum int64) {
	for _, p := range d.w.Standin.Intake().Received(c.Org.ID).Series {
		if p.Metric == delivery.CounterMetric {
			sum += int64(p.Value)
		}
	}
	return sum
}

// awaitTotals waits until the cumulative series have what is owed at least.
func (d *deliveries) awaitTotals(ctx context.Context, within time.Duration) error {
	return eventually(ctx, within, d.totals)
}
