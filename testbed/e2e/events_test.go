package e2e

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// client is an SDK about a tenant, closed at the end of the test.
func client(t *testing.T, w *world.World, tenant string) *world.Client {
	t.Helper()
	c, err := world.NewClient(t.Context(), w.OTLP, tenant)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// emit sends one event and waits until the collector has it.
func emit(t *testing.T, c *world.Client, title string, attrs ...attribute.KeyValue) {
	t.Helper()
	var r otellog.Record
	r.SetEventName("datadog.event")
	r.SetTimestamp(time.Now())
	r.SetSeverity(otellog.SeverityError)
	r.SetBody(attribute.StringValue(title + "\nthe rest"))
	r.AddAttributes(attrs...)
	c.Logger().Emit(t.Context(), r)
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAnSDKSendsEventsAndServiceChecks(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) {
		o.Tenants = threeCustomers[:2]
		o.Args = []string{"--set=exporters.datadogoauth.integration.source=my-integration"}
	})
	connectAll(t, w)
	for _, customer := range w.Customers {
		c := client(t, w, customer.Tenant)
		gauge, err := c.Meter().Int64Gauge("shop.can_connect")
		if err != nil {
			t.Fatal(err)
		}
		gauge.Record(t.Context(), 1, metric.WithAttributes(attribute.String("datadog.type", "service_check"), attribute.String("region", "eu")))
		var check otellog.Record
		check.SetEventName("datadog.service_check")
		check.SetTimestamp(time.Now())
		check.SetBody(attribute.StringValue("no answer"))
		check.AddAttributes(attribute.String("datadog.check.name", "shop.up"), attribute.Int("datadog.check.status", 2))
		c.Logger().Emit(t.Context(), check)
		emit(t, c, strings.Repeat("Payment failed ", 100), attribute.String("datadog.event.aggregation_key", "order-42"), attribute.String("customer", customer.Tenant))
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		awaitCounts(t, w, customer, intake.Counts{Events: 1, Checks: 2})

		got := w.Standin.Intake().Received(customer.Org.ID)
		tags := []string{"service:shop-" + customer.Tenant, "version:1.2.3", "env:demo"}
		e := got.Events[0]
		if !strings.HasPrefix(e.Title, "Payment failed ") || !strings.HasSuffix(e.Title, "…[truncated]") || !strings.HasSuffix(e.Text, "\nthe rest") ||
			e.AlertType != "error" || e.Host != "host-"+customer.Tenant || e.AggregationKey != "order-42" || e.SourceTypeName != "my-integration" {
			t.Errorf("event: %+v", e)
		}
		if want := append(tags[:3:3], "customer:"+customer.Tenant); !sameTags(e.Tags, want) {
			t.Errorf("tags of the event: %q, want %q", e.Tags, want)
		}
		checks := map[string]intake.Check{}
		for _, check := range got.Checks {
			checks[check.Name] = check
		}
		if c := checks["shop.up"]; c.Status != 2 || c.Host != "host-"+customer.Tenant || c.Message != "no answer" || !sameTags(c.Tags, tags) {
			t.Errorf("check of the log record: %+v", c)
		}
		if c := checks["shop.can_connect"]; c.Status != 1 || c.Host != "host-"+customer.Tenant || !sameTags(c.Tags, append(tags[:3:3], "region:eu")) {
			t.Errorf("check of the gauge: %+v", c)
		}
		if len(got.Logs) != 0 {
			t.Errorf("%d logs", len(got.Logs))
		}
		for _, p := range got.Series {
			if p.Metric == "shop.can_connect" {
				t.Error("the service check is a series too")
			}
		}
	}
}

func sameTags(got, want []string) bool {
	count := func(tags []string) map[string]int {
		n := map[string]int{}
		for _, tag := range tags {
			n[tag]++
		}
		return n
	}
	return reflect.DeepEqual(count(got), count(want))
}

// TestAnEventWhoseAnswerIsLost is there once, or twice for those who want it at least once. The queue is durable, and the collector is stopped in
// order, so that all attempts are over.
func TestAnEventWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   []string
		events []string
	}{
		"at most once":  {nil, []string{"first", "second"}},
		"at least once": {[]string{"--set=exporters.datadogoauth.events.at_least_once=true"}, []string{"first", "first", "second"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, func(o *world.Options) {
				o.Tenants = threeCustomers[:1]
				o.Args = append([]string{"--set=exporters.datadogoauth.retry_on_failure.initial_interval=10ms"}, c.args...)
			})
			connectAll(t, w)
			customer := w.Customers[0]
			if _, err := w.Standin.Faults().Add(faults.Fault{ID: "lost", Path: "/api/v1/events", Lose: true, Count: 1}); err != nil {
				t.Fatal(err)
			}
			sdk := client(t, w, customer.Tenant)
			emit(t, sdk, "first")
			awaitCounts(t, w, customer, intake.Counts{Events: len(c.events) - 1})
			emit(t, sdk, "second")
			awaitCounts(t, w, customer, intake.Counts{Events: len(c.events)})
			if err := sdk.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := w.Collector.Stop(); err != nil {
				t.Fatal(err)
			}
			var titles []string
			for _, e := range w.Standin.Intake().Received(customer.Org.ID).Events {
				titles = append(titles, e.Title)
			}
			if !reflect.DeepEqual(titles, c.events) {
				t.Errorf("Datadog has %q, want %q", titles, c.events)
			}
			if n := len(w.Standin.History().List(history.Filter{Path: "/api/v1/events"})); n != len(c.events) {
				t.Errorf("%d calls, want %d", n, len(c.events))
			}
		})
	}
}

// TestAnEventIsNotSentTwiceByTwoProcesses kills the collector while an event is on its way that Datadog has got. The queue, which has a storage,
// gives it out again after the restart.
func TestAnEventIsNotSentTwiceByTwoProcesses(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) { o.Tenants = threeCustomers[:1] })
	connectAll(t, w)
	customer := w.Customers[0]
	hang, err := w.Standin.Faults().Add(faults.Fault{ID: "hang", Path: "/api/v1/events", Hang: true})
	if err != nil {
		t.Fatal(err)
	}
	sdk := client(t, w, customer.Tenant)
	emit(t, sdk, "first")
	calls := func() int { return len(w.Standin.History().List(history.Filter{Path: "/api/v1/events"})) }
	if err := w.Standin.Faults().Await(t.Context(), hang.ID, 1); err != nil {
		t.Fatal(err)
	}
	w.Collector.Kill()
	w.Standin.Faults().Remove(hang.ID)
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	emit(t, sdk, "second")
	awaitCounts(t, w, customer, intake.Counts{Events: 1})
	if err := sdk.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Collector.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := w.Standin.Intake().Received(customer.Org.ID).Events; len(got) != 1 || got[0].Title != "second" {
		t.Errorf("Datadog has %+v, want the second event", got)
	}
	if n := calls(); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}
