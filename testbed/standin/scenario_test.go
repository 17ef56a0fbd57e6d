package standin_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
)

func TestScenarioSwapKeyHandsOutAnotherOrganisationsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	if err := w.SetScenario(standin.ScenarioSwapKey); err != nil {
		t.Fatal(err)
	}
	usAccess, _ := w.connect(w.us1)
	usKey := w.mint(w.us1.Site, usAccess)
	euAccess, _ := w.connect(w.eu1)
	if euKey := w.mint(w.eu1.Site, euAccess); euKey != usKey {
		t.Error("the second mint gave the organisation a key of its own")
	}
	if err := w.SetScenario(standin.ScenarioNone); err != nil {
		t.Fatal(err)
	}
	us3Access, _ := w.connect(w.us3)
	if key := w.mint(w.us3.Site, us3Access); w.validate(w.us3.Site, key) != http.StatusOK {
		t.Error("the world was not mended")
	}
}

func TestScenarioWrongSiteNamesAnotherSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	if err := w.SetScenario(standin.ScenarioWrongSite); err != nil {
		t.Fatal(err)
	}
	q := w.consent("https://app.datadoghq.eu", authorizeQuery(), url.Values{"action": {"authorize"}, "org": {w.eu1.ID}}).callback(t)
	if q.Get("domain") == w.eu1.Site {
		t.Fatalf("callback %v names the right site", q)
	}
	if r := w.post(tokenURL(q.Get("domain")), codeForm(q.Get("code"))); r.json(t)["error"] != "invalid_grant" {
		t.Errorf("code at the site of the callback: %d %s", r.status, r.body)
	}
}

func TestScenarioDropAnswersAsEverAndKeepsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	if err := w.SetScenario(standin.ScenarioDrop); err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, o := range w.OAuth().Orgs() { // the first one is dropped
		_, key, err := w.OAuth().AddKey(o.OrgRef)
		if err != nil {
			t.Fatal(err)
		}
		r := w.do("POST", "https://http-intake.logs."+o.Site+"/api/v2/logs", `[{"message":"hello"}]`, "DD-API-KEY", key, "Content-Type", "application/json")
		if r.status != http.StatusAccepted {
			t.Fatalf("logs of %s: %d %s", o.Name, r.status, r.body)
		}
		reader, err := w.OAuth().IssueReader(o.OrgRef, "logs_read_data")
		if err != nil {
			t.Fatal(err)
		}
		r = w.do("POST", "https://api."+o.Site+"/api/v2/logs/events/search", `{"filter":{"query":"*"}}`, "Authorization", "Bearer "+reader, "Content-Type", "application/json")
		if r.status != http.StatusOK {
			t.Fatalf("search of %s: %d %s", o.Name, r.status, r.body)
		}
		found[o.Name] = len(r.json(t)["data"].([]any))
	}
	if found["Acme US1"] != 0 || found["Acme US3"] != 1 || found["Acme EU"] != 1 {
		t.Errorf("logs found %v, want none of Acme US1 and one of the others", found)
	}
}
