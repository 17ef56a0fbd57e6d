package incidents_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// note is what the only entry of the journal says to people.
func (w *world) note(t *testing.T) (n credential.JournalNote) {
	t.Helper()
	w.see(func() {
		if len(w.entries) != 1 {
			t.Fatalf("%d entries", len(w.entries))
		}
		for _, e := range w.entries {
			n = e.Note
		}
	})
	return n
}

func TestTheNoteFollowsAnIncidentThatIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		worker := w.worker(t)
		w.faults(func(method string, n int) fault {
			if method == "POST" && n == 1 {
				return fault{status: 429}
			}
			return fault{status: 503}
		})
		take(t, worker, record(0, map[string]string{"title": "Checkout is down"}))
		n := w.note(t)
		if n.Tenant != "acme" || n.State != credential.JournalWaiting {
			t.Errorf("refused, and tried again later: %+v", n)
		}
		time.Sleep(5 * time.Second)
		tried := time.Now()
		if n = w.note(t); n.State != credential.JournalSearching || !n.Since.Equal(tried) {
			t.Errorf("without an answer: %+v, tried at %s", n, tried)
		}
		w.faults(func(method string, _ int) fault {
			if method == "POST" {
				t.Error("created again")
			}
			return fault{}
		})
		w.see(func() { w.incidents = nil })
		time.Sleep(15 * time.Minute)
		if n = w.note(t); n != (credential.JournalNote{Tenant: "acme", State: credential.JournalUnknown, Since: n.Since}) || !n.Since.Equal(tried) {
			t.Errorf("not found in time: %+v, tried at %s", n, tried)
		}
		if err := worker.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestTheNoteOfAnIncidentThatIsThereIsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		worker := w.worker(t)
		take(t, worker, record(0, nil))
		if n := w.note(t); n.State != credential.JournalDone {
			t.Errorf("created: %+v", n)
		}
		w.faults(only("PATCH", 1, fault{status: 429}))
		take(t, worker, record(1, map[string]string{"state": "resolved"}))
		if n := w.note(t); n.State != credential.JournalWaiting {
			t.Errorf("to be changed: %+v", n)
		}
		time.Sleep(time.Minute)
		if n := w.note(t); n.State != credential.JournalDone {
			t.Errorf("changed: %+v", n)
		}
		if err := worker.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
