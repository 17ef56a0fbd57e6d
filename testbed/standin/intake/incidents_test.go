package intake_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

// incidents calls the API with a token that may, and returns status and answer.
func (h *harness) incidents(method, path, body string) (int, string) {
	h.t.Helper()
	return h.send(method, "api", "/api/v2/incidents"+path, headers{"Authorization": "Bearer all"}, []byte(body))
}

func attributes(text string) string {
	return `{"data":{"type":"incidents","attributes":{` + text + `}}}`
}

func TestAnIncidentIsMadeChangedAndDeleted(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	status, answer := h.incidents("POST", "", attributes(`"title":"down","customer_impacted":true,"customer_impact_scope":"all","is_test":true,"fields":{"severity":{"type":"dropdown","value":"SEV-1"}}`))
	if status != 201 {
		t.Fatalf("%d %s", status, answer)
	}
	first := h.Received(orgEU).Incidents[0]
	if first.Title != "down" || !first.Impacted || !first.Test || !strings.Contains(answer, `"id":"`+first.ID+`"`) || !strings.Contains(answer, `"public_id":1`) {
		t.Errorf("%+v, answer %s", first, answer)
	}
	// The same again makes another: there is nothing to tell them apart by.
	if status, _ = h.incidents("POST", "", attributes(`"title":"down","customer_impacted":false`)); status != 201 || h.Counts(orgEU).Incidents != 2 {
		t.Errorf("%d, %+v", status, h.Counts(orgEU))
	}
	change := fmt.Sprintf(`{"data":{"id":%q,"type":"incidents","attributes":{"fields":{"state":{"type":"dropdown","value":"resolved"}}}}}`, first.ID)
	if status, answer = h.incidents("PATCH", "/"+first.ID, change); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	got := h.Received(orgEU).Incidents[0]
	if got.Title != "down" || got.Updates != 1 || got.Fields["state"].(map[string]any)["value"] != "resolved" || got.Fields["severity"] == nil {
		t.Errorf("%+v", got)
	}
	if status, answer = h.incidents("GET", "/"+first.ID, ""); status != 200 || !strings.Contains(answer, "resolved") {
		t.Errorf("%d %s", status, answer)
	}
	if status, _ = h.incidents("DELETE", "/"+first.ID, ""); status != 204 || len(h.Received(orgEU).Incidents) != 1 {
		t.Errorf("%d", status)
	}
	if status, _ = h.incidents("PATCH", "/"+first.ID, change); status != 404 {
		t.Errorf("a deleted one: %d", status)
	}
}

func TestIncidentsAreFoundByStateAfterAWhile(t *testing.T) {
	t.Parallel()
	h := newHarness(t, intake.WithSearchDelay(30*time.Second))
	for i := range 3 {
		h.incidents("POST", "", attributes(fmt.Sprintf(`"title":"number %d","customer_impacted":false`, i)))
	}
	search := func(query string) string {
		status, answer := h.incidents("GET", "/search?"+query, "")
		if status != 200 {
			t.Fatalf("%s: %d %s", query, status, answer)
		}
		return answer
	}
	const all = "query=state:(active%20OR%20resolved)&sort=-created"
	if got := search(all); !strings.Contains(got, `"total":0`) {
		t.Errorf("at once: %s", got)
	}
	h.sec.Add(31)
	got := search(all)
	if !strings.Contains(got, `"total":3`) || strings.Index(got, "number 2") > strings.Index(got, "number 0") {
		t.Errorf("%s", got)
	}
	if got := search(all + "&page%5Bsize%5D=1&page%5Boffset%5D=1"); !strings.Contains(got, "number 1") || strings.Contains(got, "number 0") || strings.Contains(got, "number 2") {
		t.Errorf("second page: %s", got)
	}
	if got := search("query=state:resolved"); !strings.Contains(got, `"total":0`) {
		t.Errorf("resolved: %s", got)
	}
}

func TestIncidentsAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for name, c := range map[string]struct{ method, path, body, says string }{
		"no title":               {"POST", "", attributes(`"customer_impacted":false`), "title"},
		"nothing about impact":   {"POST", "", attributes(`"title":"x"`), "customer_impacted"},
		"impact without scope":   {"POST", "", attributes(`"title":"x","customer_impacted":true`), "customer_impact_scope"},
		"a list in a dropdown":   {"POST", "", attributes(`"title":"x","customer_impacted":false,"fields":{"severity":{"type":"dropdown","value":["SEV-1"]}}`), "severity"},
		"text in a list":         {"POST", "", attributes(`"title":"x","customer_impacted":false,"fields":{"teams":{"type":"autocomplete","value":"a"}}`), "teams"},
		"a type that is unknown": {"POST", "", attributes(`"title":"x","customer_impacted":false,"fields":{"teams":{"type":"list","value":"a"}}`), "teams"},
		"another type of data":   {"POST", "", `{"data":{"type":"events","attributes":{}}}`, "data.type"},
		"an update without id":   {"PATCH", "/x", attributes(`"title":"x"`), "data.id"},
		"a search for words":     {"GET", "/search?query=checkout", "", "by state alone"},
		"a page of 1000":         {"GET", "/search?query=state:active&page%5Bsize%5D=1000", "", "page[size]"},
	} {
		if status, answer := h.incidents(c.method, c.path, c.body); status != 400 || !strings.Contains(answer, c.says) {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if n := len(h.Received(orgEU).Incidents); n != 0 {
		t.Errorf("%d incidents", n)
	}
	// An API key alone is not enough.
	if status, _ := h.send("POST", "api", "/api/v2/incidents", nil, []byte(attributes(`"title":"x","customer_impacted":false`))); status != 401 {
		t.Errorf("with an API key: %d", status)
	}
}
