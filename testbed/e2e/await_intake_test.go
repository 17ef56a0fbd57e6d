package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// awaitLogs waits until an organisation has n logs at least.
func awaitLogs(t *testing.T, w *world.World, c world.Customer, n int) {
	t.Helper()
	awaitCounts(t, w, c, intake.Counts{Logs: n})
}

// awaitPoints waits until an organisation was sent n points of series at least, whether or not they fell into one second.
func awaitPoints(t *testing.T, w *world.World, c world.Customer, n int) {
	t.Helper()
	within(t, 30*time.Second, "all points arrive", func() bool { return w.Standin.Intake().Accepted(c.Org.ID).Points >= n })
}

func awaitCounts(t *testing.T, w *world.World, c world.Customer, want intake.Counts) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := w.Standin.Intake().AwaitCounts(ctx, c.Org.ID, want); err != nil {
		t.Fatalf("%s: %v", c.Tenant, err)
	}
}

// health is the status that health_check answers, 0 where it does not.
func health(t *testing.T, n *world.Node) int {
	t.Helper()
	return healthAt(t, n.Health)
}

func healthAt(t *testing.T, address string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func acceptBearerLogs(t *testing.T, w *world.World) {
	t.Helper()
	if err := w.AcceptBearerLogs(); err != nil {
		t.Fatal(err)
	}
}
