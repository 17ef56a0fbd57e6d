package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// refusedIntakes are those that the admin API shows of a tenant.
func refusedIntakes(t *testing.T, w *world.World, tenant string) []string {
	t.Helper()
	status, body, err := w.Admin(t.Context(), http.MethodGet, "/v1/tenants/"+tenant, nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d, %v", tenant, status, err)
	}
	var shown struct {
		Refused []struct {
			Intake string    `json:"intake"`
			Since  time.Time `json:"since"`
		} `json:"refused_intakes"`
	}
	if err := json.Unmarshal(body, &shown); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range shown.Refused {
		if age := time.Since(r.Since); age < 0 || age > 5*time.Minute {
			t.Errorf("%s: refused since %s", r.Intake, r.Since)
		}
		names = append(names, r.Intake)
	}
	return names
}

// order gives one to the admin API.
func order(t *testing.T, w *world.World, path string) {
	t.Helper()
	status, body, err := w.Admin(t.Context(), http.MethodPost, path, map[string]string{})
	if err != nil || status/100 != 2 {
		t.Fatalf("%s: %d %s, %v", path, status, body, err)
	}
}

// TestAnIntakeThatRefusesAGoodKey: one intake answers 403 to one customer's key, which Datadog calls valid. The key is validated once, the customer's other
// intakes go on, so do other customers, an operator sees which intake it is, and what waited arrives when it takes data again. A key is new for a minute,
// in which a 403 says nothing, so this takes longer than that.
func TestAnIntakeThatRefusesAGoodKey(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) {
		o.Tenants, o.Setup = threeCustomers[:2], &world.Setup{}
		setIntakes(o, "sending_queue.batch.flush_timeout=100ms")
	})
	connectAll(t, w)
	c, other := w.Customers[0], w.Customers[1]
	pauseUntil(t, time.Now().Add(61*time.Second))
	fault, err := w.Standin.Faults().Add(faults.Fault{Org: c.Org.ID, Path: "/api/v2/series", Status: http.StatusForbidden, Body: `{"errors":["Forbidden"]}`})
	if err != nil {
		t.Fatal(err)
	}
	validated := func() int {
		return len(w.Standin.History().List(history.Filter{Org: c.Org.ID, Path: "/api/v1/validate"})) + len(w.Standin.History().List(history.Filter{Org: c.Org.ID, Path: "/api/v2/validate"}))
	}
	before := validated()
	for i := range 10 {
		for _, to := range w.Customers {
			if err := w.SendPoint(t.Context(), to.Tenant, fmt.Sprint("refused.", i), 1); err != nil {
				t.Fatal(err)
			}
			if err := w.SendLog(t.Context(), to.Tenant, "goes on"); err != nil {
				t.Fatal(err)
			}
		}
		pauseUntil(t, time.Now().Add(150*time.Millisecond)) // batches of their own
	}
	awaitCounts(t, w, c, intake.Counts{Logs: 10})
	awaitCounts(t, w, other, intake.Counts{Logs: 10, Points: 10})
	within(t, 10*time.Second, "the refused intake is shown", func() bool { return fmt.Sprint(refusedIntakes(t, w, c.Tenant)) == "[series]" })
	if names := refusedIntakes(t, w, other.Tenant); len(names) != 0 {
		t.Errorf("of %s %v are shown", other.Tenant, names)
	}
	if n := validated() - before; n < 1 || n > 2 { // the endpoint is in preview: where it says nothing clear an older one is asked
		t.Errorf("the key was validated by %d calls", n)
	}
	if f, _ := w.Standin.Faults().Remove(fault.ID); f.Applied > 2 {
		t.Errorf("the intake was asked %d times", f.Applied)
	}
	if n := strings.Count(w.Log.String(), "One intake refuses a tenant's data"); n > 1 {
		t.Errorf("that was logged %d times", n)
	}
	if got := w.Standin.Intake().Counts(c.Org.ID).Points; got != 0 {
		t.Errorf("%d points arrived", got)
	}
	order(t, w, "/v1/tenants/"+c.Tenant+"/pause")
	order(t, w, "/v1/tenants/"+c.Tenant+"/resume")
	awaitCounts(t, w, c, intake.Counts{Logs: 10, Points: 10})
	within(t, 10*time.Second, "nothing is shown", func() bool { return len(refusedIntakes(t, w, c.Tenant)) == 0 })
}
