package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// sendFigure is what the admin API shows of one intake of a tenant.
type sendFigure struct {
	Signal, Intake string
	LastSent       time.Time `json:"last_sent_at"`
	LastError      string    `json:"last_error"`
	LastErrorAt    time.Time `json:"last_error_at"`
	Parked         int
	ParkedSince    time.Time `json:"parked_since"`
}

// shownSends are the figures of a tenant by intake, and how many bodies its history says were sent and refused.
func shownSends(t *testing.T, w *world.World, tenant string) (by map[string]sendFigure, sent, refused int) {
	t.Helper()
	status, body, err := w.Admin(t.Context(), http.MethodGet, "/v1/tenants/"+tenant, nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d, %v", tenant, status, err)
	}
	var shown struct {
		Sends   []sendFigure
		History struct {
			Step          int `json:"step_seconds"`
			Sent, Refused []int
		}
	}
	if err := json.Unmarshal(body, &shown); err != nil {
		t.Fatal(err)
	}
	by = map[string]sendFigure{}
	for _, f := range shown.Sends {
		if _, twice := by[f.Intake]; twice {
			t.Errorf("%s is shown twice: %s", f.Intake, body)
		}
		by[f.Intake] = f
	}
	for i := range shown.History.Sent {
		sent, refused = sent+shown.History.Sent[i], refused+shown.History.Refused[i]
	}
	return by, sent, refused
}

// TestWhatWasSentIsShown: an operator sees for each tenant when its intakes last took data, why one did not, and what waits. A tenant in trouble shows
// its own, and nobody else shows it.
func TestWhatWasSentIsShown(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) {
		setIntakes(o, "traces.bucket_interval=1s", "sending_queue.batch.flush_timeout=100ms")
	})
	connectAll(t, w)
	good, poisoned, silent := w.Customers[0], w.Customers[1], w.Customers[2]
	const secret = "sk_live_what_the_peer_wrote"
	fault, err := w.Standin.Faults().Add(faults.Fault{Org: poisoned.Org.ID, Path: "/api/v2/logs", Status: http.StatusServiceUnavailable, Body: `{"errors":["` + secret + `"]}`})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	counts := map[string]world.Sent{}
	for _, c := range []world.Customer{good, poisoned} {
		counts[c.Tenant] = work(t, w, c.Tenant, 5)
	}
	within(t, 30*time.Second, "the figures are shown", func() bool {
		got, _, _ := shownSends(t, w, good.Tenant)
		for _, intake := range []string{"series", "sketches", "logs", "traces", "stats"} {
			if f := got[intake]; f.LastSent.Before(begin) || f.LastError != "" || f.Parked != 0 {
				return false
			}
		}
		return true
	})
	waits := int(counts[poisoned.Tenant].Logs)
	within(t, 60*time.Second, "the logs are parked", func() bool {
		got, _, _ := shownSends(t, w, poisoned.Tenant)
		return got["logs"].Parked == waits && !got["series"].LastSent.Before(begin)
	})
	got, sent, refused := shownSends(t, w, poisoned.Tenant)
	f := got["logs"]
	if f.Signal != "logs" || !f.LastSent.IsZero() || f.LastErrorAt.Before(begin) || time.Since(f.ParkedSince) > 2*time.Minute || strings.Contains(f.LastError, secret) ||
		!strings.HasPrefix(f.LastError, fmt.Sprintf("send logs of tenant %s to %s: 503: an error text of ", poisoned.Tenant, poisoned.Org.Site)) {
		t.Errorf("shown is %+v", f)
	}
	if sent < 3 || refused < 3 {
		t.Errorf("the history has %d bodies sent and %d refused", sent, refused)
	}
	if got, sent, refused := shownSends(t, w, good.Tenant); sent < 5 || refused != 0 || got["logs"].LastError != "" {
		t.Errorf("of %s %d bodies were sent, %d refused: %+v", good.Tenant, sent, refused, got)
	}
	if got, sent, _ := shownSends(t, w, silent.Tenant); len(got) != 0 || sent != 0 {
		t.Errorf("of a tenant that sent nothing %+v is shown", got)
	}
	if _, body, err := w.Admin(t.Context(), http.MethodGet, "/v1/tenants", nil); err != nil || strings.Contains(string(body), "last_sent_at") {
		t.Errorf("the list has figures: %s, %v", body, err)
	}
	if _, ok := w.Standin.Faults().Remove(fault.ID); !ok {
		t.Fatal("there is no fault")
	}
	within(t, 60*time.Second, "what waited is sent", func() bool {
		got, _, _ := shownSends(t, w, poisoned.Tenant)
		return got["logs"].Parked == 0 && got["logs"].LastSent.After(got["logs"].LastErrorAt)
	})
	awaitCounts(t, w, poisoned, intake.Counts{Logs: waits})
}
