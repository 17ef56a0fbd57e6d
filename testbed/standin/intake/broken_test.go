package intake_test

import (
	"net/http"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

func TestABrokenScopeIsRefusedAndNoOther(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	status := func(path string) int {
		status, _ := h.send("POST", "api", path, headers{"Authorization": "Bearer all"}, []byte(`{"filter":{"query":"*"}}`))
		return status
	}
	h.BreakScopes(orgEU, "logs_read_data")
	h.BreakScopes("another", "events_read")
	if logs, events := status("/api/v2/logs/events/search"), status("/api/v2/events/search"); logs != http.StatusForbidden || events != http.StatusOK {
		t.Errorf("logs %d, events %d", logs, events)
	}
	h.BreakScopes(orgEU)
	if logs := status("/api/v2/logs/events/search"); logs != http.StatusOK {
		t.Errorf("logs %d after all were mended", logs)
	}
}

func TestAKindThatIsDroppedIsNotKept(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	send := func() {
		h.post("logs", "/api/v2/logs", typeJSON, []byte(`[{"message":"hello"}]`))
		h.post("api", "/api/v1/events", typeJSON, []byte(`{"title":"a","text":"b"}`))
	}
	h.DropKinds(orgEU, intake.KindLogs)
	send()
	if n := h.Counts(orgEU); n.Logs != 0 || n.Events != 1 {
		t.Errorf("%+v", n)
	}
	if drops := h.Dropped(orgEU); len(drops) != 1 || drops[0] != (intake.Drop{Kind: intake.KindLogs, Reason: intake.DropDiscarded, Count: 1}) {
		t.Errorf("%+v", drops)
	}
	h.DropKinds(orgEU)
	send()
	if n := h.Counts(orgEU); n.Logs != 1 || n.Events != 2 {
		t.Errorf("%+v", n)
	}
}

func TestEventsAreFoundByTag(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.post("api", "/api/v1/events", typeJSON, []byte(`{"title":"Deploy","text":"of the shop","tags":["probe:abc","env:prod"],"host":"web-1","alert_type":"info"}`))
	h.post("api", "/api/v1/events", typeJSON, []byte(`{"title":"Other","text":"nothing","tags":["probe:abd"]}`))
	for query, want := range map[string]int{"probe:abc": 1, "tags:probe:abc": 1, "host:web-1": 1, "shop": 1, "*": 2, "probe:ab*": 2, "-probe:abc": 1, "probe:none": 0, "@probe:abc": 0} {
		answer := h.read("POST", "/api/v2/events/search", `{"filter":{"query":"`+query+`"}}`)
		if got := len(at(answer, "data").([]any)); got != want {
			t.Errorf("%s: %d events, want %d", query, got, want)
		}
	}
	answer := h.read("POST", "/api/v2/events/search", `{"filter":{"query":"probe:abc"}}`)
	if at(answer, "data", 0, "attributes", "message") != "of the shop" || at(answer, "data", 0, "attributes", "attributes", "title") != "Deploy" {
		t.Errorf("%v", answer)
	}
}

func TestListsAnswer(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	if status, answer := h.send("GET", "api", "/api/v1/monitor?page_size=1", headers{"Authorization": "Bearer all"}, nil); status != http.StatusOK || answer != "[]" {
		t.Errorf("monitors: %d %s", status, answer)
	}
	if hosts := at(h.read("GET", "/api/v1/hosts", ""), "host_list").([]any); len(hosts) != 0 {
		t.Errorf("hosts: %v", hosts)
	}
	if types := at(h.read("GET", "/api/v2/incidents/config/types", ""), "data").([]any); len(types) != 1 {
		t.Errorf("incident types: %v", types)
	}
}

func TestATraceIsReadByItsID(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.post("traces", "/api/v0.2/traces", typeProto, traceBody(nil))
	for id, want := range map[string]int{"255": 2, "00000000000000ff": 2, "00000000000000aa00000000000000ff": 2} {
		if spans := at(h.read("GET", "/api/v2/trace/"+id, ""), "data", "attributes", "spans").([]any); len(spans) != want {
			t.Errorf("%s: %d spans", id, len(spans))
		}
	}
	if status, _ := h.send("GET", "api", "/api/v2/trace/1", headers{"Authorization": "Bearer all"}, nil); status != http.StatusNotFound {
		t.Errorf("an unknown trace: %d", status)
	}
}
