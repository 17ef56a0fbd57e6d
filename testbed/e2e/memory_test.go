package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/proc"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestMemoryLimiterRefusesForNowAndNothingIsLost sends large calls to a collector that has little memory and whose intake hangs, until memory_limiter has
// refused enough of them. Senders are told to come again; when the intake answers all of them get rid of their data, which arrives once; and what the
// senders, the processor, the exporter and Datadog count is the same. Without a storage it is the exporter's own queue that fills the memory, since its
// limits are set far above that of the processor; with one it is the calls themselves.
func TestMemoryLimiterRefusesForNowAndNothingIsLost(t *testing.T) {
	t.Parallel()
	const refusals = 30
	for _, c := range []struct {
		name                        string
		limit, above                int // MiB; above is what the process may have besides
		senders, records, recordLen int // recordLen is bytes
		config                      []string
		client                      func(*world.World) (*delivery.Client, error)
	}{
		{"in memory, by HTTP", 120, 160, 4, 5, 200_000, []string{
			"sending_queue::storage: null", "sending_queue::queue_size: 1000000000", "max_queue_share_per_tenant: 1",
			"parking::max_bytes_per_tenant: 1000000000", "parking::max_bytes: 1000000000",
		}, func(w *world.World) (*delivery.Client, error) {
			return delivery.NewClient(w.OTLPHTTP, world.TenantHeader), nil
		}},
		{"in a storage, by gRPC", 64, 450, 12, 5, 700_000, nil, func(w *world.World) (*delivery.Client, error) {
			return delivery.NewGRPCClient(w.OTLP, world.TenantHeader)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addrs, err := freeport.Addrs(1)
			if err != nil {
				t.Fatal(err)
			}
			host, port, _ := strings.Cut(addrs[0], ":")
			figures := "http://" + addrs[0] + "/metrics"
			arrivals := delivery.NewArrivals()
			w := start(t, func(o *world.Options) {
				o.Tenants, o.Setup, o.Sink = threeCustomers[:1], &world.Setup{}, arrivals
				o.Args = []string{
					"--set=service.telemetry.metrics.level=normal",
					fmt.Sprintf(`--set=service.telemetry.metrics.readers=[{"pull":{"exporter":{"prometheus":{"host":%q,"port":%s}}}}]`, host, port),
					"--config=yaml:processors::memory_limiter::check_interval: 50ms",
					fmt.Sprintf("--config=yaml:processors::memory_limiter::limit_mib: %d", c.limit),
					"--config=yaml:processors::memory_limiter::min_gc_interval_when_soft_limited: 1s",
					"--config=yaml:service::pipelines::logs::processors: [memory_limiter]",
					"--config=yaml:exporters::datadogoauth::timeout: 2s",
					"--config=yaml:exporters::datadogoauth::retry_on_failure::initial_interval: 100ms",
					"--config=yaml:exporters::datadogoauth::retry_on_failure::max_interval: 500ms",
				}
				for _, line := range c.config {
					o.Args = append(o.Args, "--config=yaml:exporters::datadogoauth::"+line)
				}
			})
			arrivals.PassTo(w.Standin.Intake())
			connectAll(t, w)
			customer := w.Customers[0]
			if _, err := w.Standin.Faults().Add(faults.Fault{ID: "hangs", Org: customer.Org.ID, Method: http.MethodPost, Path: "/api/v2/logs", Hang: true}); err != nil {
				t.Fatal(err)
			}
			client, err := c.client(w)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()

			var senders sync.WaitGroup
			for range c.senders {
				senders.Go(func() {
					for client.Retried.Load() < refusals && ctx.Err() == nil {
						if _, err := client.SendLarge(ctx, customer.Tenant, "logs", c.records, c.recordLen); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			within(t, 60*time.Second, "calls are refused for now", func() bool { return client.Retried.Load() >= refusals })
			w.Standin.Faults().Remove("hangs")
			senders.Wait()
			acknowledged := client.IDs(func(it delivery.Item) bool { return it.Outcome == delivery.Acknowledged })
			if others := len(client.IDs(func(delivery.Item) bool { return true })) - len(acknowledged); others > 0 {
				t.Errorf("%d records were never taken", others)
			}
			if err := arrivals.Await(ctx, acknowledged); err != nil {
				t.Fatal(err)
			}
			for _, id := range acknowledged {
				if n := len(arrivals.Of(id)); n != 1 {
					t.Errorf("%s arrived %d times", id, n)
				}
			}
			books, err := balance.Await(ctx, func(ctx context.Context) (balance.Books, error) { return balance.Scrape(ctx, figures) }, func(b balance.Books) error {
				if a := b.Of("logs"); a.Delivered != len(acknowledged) || a.Accepted != len(acknowledged) {
					return fmt.Errorf("%d were acknowledged: %s", len(acknowledged), a)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			own, err := delivery.Scrape(ctx, w.HTTPClient(), figures)
			if err != nil {
				t.Fatal(err)
			}
			refused, accepted, givenBack := limited(own, "refused"), limited(own, "accepted"), books.Of("logs").GivenBack
			if sent := int(client.Retried.Load()) * c.records; refused == 0 || refused+givenBack != sent {
				t.Errorf("%d records were refused to their senders, %d by the processor, %d by the exporter", sent, refused, givenBack)
			}
			if accepted != len(acknowledged)+givenBack {
				t.Errorf("the processor let %d records pass, the exporter took %d and refused %d", accepted, len(acknowledged), givenBack)
			}
			select {
			case <-w.Collector.Done():
				t.Error("the collector has ended")
			default:
			}
			use, err := proc.Read(w.Collector.PID(), "")
			if err != nil {
				t.Fatal(err)
			}
			// The limit is one of the heap, looked at every 50 ms: all calls that come between two looks, what the garbage collector has not given back, stacks and the pages
			// of the binary come on top.
			if most := int64(c.limit+c.above) << 20; use.Peak > most {
				t.Errorf("the process had %d MiB, with a limit of %d MiB %d are right", use.Peak>>20, c.limit, most>>20)
			}
			t.Logf("limit %d MiB, peak %d MiB: %d records of %d bytes arrived once; %d were refused by the processor, %d by the exporter",
				c.limit, use.Peak>>20, len(acknowledged), c.recordLen, refused, givenBack)
		})
	}
}

// limited is how many log records memory_limiter counts.
func limited(all delivery.Figures, as string) (records int) {
	for name, n := range all {
		if strings.HasPrefix(name, "otelcol_processor_memory_limiter_"+as+"_log_records") {
			records += int(n)
		}
	}
	return records
}
