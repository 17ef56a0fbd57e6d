package e2e

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const incidentsPath = "/api/v2/incidents"

// about sends one record about an incident and waits until the collector has it.
func about(t *testing.T, c *world.Client, key, body string, attrs ...attribute.KeyValue) {
	t.Helper()
	var r otellog.Record
	r.SetEventName("datadog.incident")
	r.SetTimestamp(time.Now())
	r.SetBody(attribute.StringValue(body))
	r.AddAttributes(attribute.String("datadog.incident.key", key))
	r.AddAttributes(attrs...)
	c.Logger().Emit(t.Context(), r)
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func withIncidents(o *world.Options) {
	o.Tenants = threeCustomers[:1]
	o.Scopes = []string{"api_keys_write", "incident_write", "incident_read"}
	o.Args = []string{"--set=exporters.datadogoauth.incidents.enabled=true"}
}

func value(i intake.Incident, field string) any {
	f, _ := i.Fields[field].(map[string]any)
	return f["value"]
}

// TestAnIncidentIsThereOnce loses the answer to its creation, then restarts the collector before it is resolved.
func TestAnIncidentIsThereOnce(t *testing.T) {
	t.Parallel()
	w := start(t, withIncidents)
	connectAll(t, w)
	customer := w.Customers[0]
	if _, err := w.Standin.Faults().Add(faults.Fault{ID: "lost", Method: "POST", Path: incidentsPath, Lose: true, Count: 1}); err != nil {
		t.Fatal(err)
	}
	sdk := client(t, w, customer.Tenant)
	about(t, sdk, "checkout-1", "Checkout is down\nsince noon", attribute.String("datadog.incident.severity", "SEV-2"), attribute.Bool("datadog.incident.is_test", true))
	incident := func() intake.Incident {
		got := w.Standin.Intake().Received(customer.Org.ID).Incidents
		if len(got) != 1 {
			t.Fatalf("%d incidents: %+v", len(got), got)
		}
		return got[0]
	}
	awaitCounts(t, w, customer, intake.Counts{Incidents: 1})
	within(t, 30*time.Second, "the incident is found", func() bool { return incident().Updates == 1 })
	if i := incident(); i.Title != "Checkout is down [checkout-1]" || value(i, "severity") != "SEV-2" || value(i, "summary") != "Checkout is down\nsince noon" || !i.Test || i.Impacted {
		t.Errorf("%+v", i)
	}

	if err := w.Collector.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	about(t, sdk, "checkout-1", "all is well", attribute.String("datadog.incident.state", "resolved"))
	within(t, 30*time.Second, "the incident is resolved", func() bool { return value(incident(), "state") == "resolved" })
	if i := incident(); i.Title != "Checkout is down [checkout-1]" || value(i, "summary") != "Checkout is down\nsince noon" {
		t.Errorf("%+v", i)
	}
	about(t, sdk, "another", "Another one")
	awaitCounts(t, w, customer, intake.Counts{Incidents: 2})
	if err := sdk.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var methods []string
	for _, e := range w.Standin.History().List(history.Filter{}) {
		if e.Path == incidentsPath && e.Method == "POST" {
			methods = append(methods, e.Auth)
		}
	}
	if !reflect.DeepEqual(methods, []string{"bearer", "bearer"}) {
		t.Errorf("creations by %q", methods)
	}
	if logs := w.Standin.Intake().Counts(customer.Org.ID).Logs; logs != 0 {
		t.Errorf("%d logs", logs)
	}
}

// TestIncidentsOfTwoTenantsStayApart has two tenants tell at once of incidents with the same keys. Some answers get lost, so that incidents are searched for as well.
func TestIncidentsOfTwoTenantsStayApart(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) {
		withIncidents(o)
		o.Tenants = threeCustomers[:2]
	})
	connectAll(t, w)
	if _, err := w.Standin.Faults().Add(faults.Fault{ID: "lost", Method: "POST", Path: incidentsPath, Lose: true, Count: 3}); err != nil {
		t.Fatal(err)
	}
	keys := []string{"a", "b", "c"}
	var all sync.WaitGroup
	for _, c := range w.Customers {
		sdk := client(t, w, c.Tenant)
		all.Go(func() {
			for _, key := range keys {
				about(t, sdk, key, key+" of "+c.Tenant, attribute.String("datadog.incident.root_cause", "cause of "+c.Tenant))
			}
			for _, key := range keys {
				about(t, sdk, key, "all is well at "+c.Tenant, attribute.String("datadog.incident.state", "resolved"))
			}
			if err := sdk.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i, c := range w.Customers {
		other := w.Customers[1-i].Tenant
		within(t, 60*time.Second, "the incidents of "+c.Tenant+" are resolved", func() bool {
			resolved := 0
			for _, i := range w.Standin.Intake().Received(c.Org.ID).Incidents {
				if value(i, "state") == "resolved" {
					resolved++
				}
			}
			return resolved == len(keys)
		})
		titles := map[string]int{}
		for _, i := range w.Standin.Intake().Received(c.Org.ID).Incidents {
			titles[i.Title]++
			if text := fmt.Sprintf("%+v", i); strings.Contains(text, other) || value(i, "root_cause") != "cause of "+c.Tenant {
				t.Errorf("%s has %s", c.Tenant, text)
			}
		}
		for _, key := range keys {
			if title := key + " of " + c.Tenant + " [" + key + "]"; titles[title] != 1 {
				t.Errorf("%s has %v, want one %q", c.Tenant, titles, title)
			}
		}
	}
	if fault, _ := w.Standin.Faults().Remove("lost"); fault.Applied != 3 {
		t.Errorf("%d answers got lost", fault.Applied)
	}
}

// TestAnIncidentOfUnknownOutcomeIsShown loses the answer to its creation, and lets no search find it.
func TestAnIncidentOfUnknownOutcomeIsShown(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) {
		withIncidents(o)
		o.Args = append(o.Args, "--set=exporters.datadogoauth.incidents.search_for=1s")
	})
	w.Standin.Intake().SetSearchDelay(time.Hour)
	connectAll(t, w)
	customer := w.Customers[0]
	if _, err := w.Standin.Faults().Add(faults.Fault{ID: "lost", Method: "POST", Path: incidentsPath, Lose: true, Count: 1}); err != nil {
		t.Fatal(err)
	}
	sdk := client(t, w, customer.Tenant)
	about(t, sdk, "checkout<1>", "Checkout is down")
	type incident struct {
		Tenant, Site, Key, State string
		Org                      struct{ ID string }
		Since                    time.Time
	}
	var got struct {
		Unknown   int
		Incidents []incident
	}
	within(t, 60*time.Second, "the API lists the incident", func() bool {
		status, body, err := w.Admin(t.Context(), "GET", "/v1/incidents", nil)
		if err != nil || status != 200 || json.Unmarshal(body, &got) != nil {
			t.Fatalf("%d %s %v", status, body, err)
		}
		return got.Unknown == 1
	})
	want := incident{Tenant: customer.Tenant, Site: string(customer.Org.Site), Key: "checkout<1>", State: "unknown"}
	want.Org.ID = customer.Org.ID
	if len(got.Incidents) == 1 {
		want.Since = got.Incidents[0].Since
	}
	if !reflect.DeepEqual(got.Incidents, []incident{want}) || time.Since(want.Since).Abs() > time.Hour {
		t.Errorf("the API lists %+v, want %+v", got.Incidents, want)
	}
	status, page, err := w.Admin(t.Context(), "GET", "/", nil)
	if err != nil || status != 200 || !strings.Contains(string(page), "<bdi>checkout&lt;1&gt;</bdi>") {
		t.Errorf("the page: %d %v %s", status, err, page)
	}
	if err := sdk.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Standin.History().List(history.Filter{Path: incidentsPath, Method: "POST"})); n != 1 {
		t.Errorf("%d creations", n)
	}
}

// TestTwoCollectorsCreateOneIncident gives each of them a record of the same keys at once, while the search lags.
func TestTwoCollectorsCreateOneIncident(t *testing.T) {
	t.Parallel()
	db := database(t)
	w := start(t, func(o *world.Options) {
		withIncidents(o)
		o.Setup = &world.Setup{DSN: db.DSN(db.Addr(), grantsDB)}
	})
	w.Standin.Intake().SetSearchDelay(2 * time.Second)
	connectAll(t, w)
	customer := w.Customers[0]
	other := addNode(t, w, "other", world.Setup{DSN: db.DSN(db.Addr(), grantsDB)})
	within(t, 30*time.Second, "the other collector knows the customer", func() bool {
		tenants, err := other.Tenants(t.Context())
		return err == nil && len(tenants) == 1
	})
	if _, err := w.Standin.Faults().Add(faults.Fault{ID: "lost", Method: "POST", Path: incidentsPath, Lose: true, Count: 2}); err != nil {
		t.Fatal(err)
	}
	keys := []string{"a", "b", "c", "d", "e"}
	var both sync.WaitGroup
	for _, n := range []*world.Node{w.Node, other} {
		both.Go(func() {
			c, err := world.NewClient(t.Context(), n.OTLP, customer.Tenant)
			if err != nil {
				t.Error(err)
				return
			}
			for _, key := range keys {
				about(t, c, key, "Incident "+key, attribute.String("datadog.incident.root_cause", n.Name))
			}
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	within(t, 60*time.Second, "those are found whose answer was lost", func() bool {
		updated := 0
		for _, i := range w.Standin.Intake().Received(customer.Org.ID).Incidents {
			updated += min(i.Updates, 1)
		}
		return updated >= 2
	})
	for _, n := range []*world.Node{w.Node, other} {
		if err := n.Collector.Stop(); err != nil {
			t.Error(err)
		}
	}
	titles := map[string]int{}
	for _, i := range w.Standin.Intake().Received(customer.Org.ID).Incidents {
		titles[i.Title]++
	}
	want := map[string]int{}
	for _, key := range keys {
		want["Incident "+key+" ["+key+"]"] = 1
	}
	if !reflect.DeepEqual(titles, want) {
		t.Errorf("Datadog has %v, want %v", titles, want)
	}
	if n := len(w.Standin.History().List(history.Filter{Path: incidentsPath})); n != len(keys) {
		t.Errorf("%d creations", n)
	}
}
