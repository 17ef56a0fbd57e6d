package standin_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/hostile"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

func TestWhateverATestChoosesIsSentAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	set := func(change func(*oauth.Settings)) {
		t.Helper()
		if err := w.OAuth().UpdateSettings(func(s *oauth.Settings) error { change(s); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range hostile.Texts() {
		set(func(s *oauth.Settings) { s.ConsentError, s.ConsentErrorText = text.Value, text.Value })
		for _, action := range []string{"authorize", "deny"} {
			q := w.consent("https://app.datadoghq.eu", authorizeQuery(), url.Values{"action": {action}, "org": {w.eu1.ID}}).callback(t)
			if q.Get("error") != text.Value || q.Get("error_description") != text.Value || q.Has("code") || q.Get("state") != "state-0123456789" {
				t.Errorf("%s, %s: %v", text.Name, action, q)
			}
		}
		f := w.fault(faults.Fault{Path: "/api/v1/validate", Status: http.StatusForbidden, Body: text.Value, Count: 1})
		if r := w.do("GET", "https://api.datadoghq.eu/api/v1/validate", ""); r.status != http.StatusForbidden || r.body != strings.TrimSpace(text.Value) { // as do leaves it
			t.Errorf("%s: an API answers %d %q", text.Name, r.status, r.body)
		}
		w.Faults().Remove(f.ID)
	}
	set(func(s *oauth.Settings) { s.ConsentError, s.ConsentErrorText, s.MoreScope = "", "", "a\u202eb" })
	answer := func() url.Values {
		return w.consent("https://app.datadoghq.eu", authorizeQuery(), url.Values{"action": {"authorize"}, "org": {w.eu1.ID}}).callback(t)
	}
	if answer().Get("dd_org_name") != w.eu1.Name {
		t.Error("the callback does not name the organisation")
	}
	set(func(s *oauth.Settings) { s.OmitOrgName = true })
	if q := answer(); q.Has("dd_org_name") || !q.Has("code") {
		t.Errorf("a callback without a name: %v", q)
	}
	if got := w.post(tokenURL(w.eu1.Site), codeForm(w.code(w.eu1))).json(t)["scope"]; !strings.HasSuffix(got.(string), " a\u202eb") {
		t.Errorf("granted scopes %q", got)
	}
}

// Every page is text wherever a name comes from outside, since a test would blame the product for what the stand-in lets through.
func TestTheConsentPageShowsNamesAsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	for _, text := range hostile.Texts() {
		w.addOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "datadoghq.eu"}, Name: text.Value})
	}
	page := w.do("GET", "https://app.datadoghq.eu/oauth2/v1/authorize?"+authorizeQuery().Encode(), "").body
	for _, markup := range []string{"<script", "<SCRIPT", "<img", "<iframe", "<b hostile", "</style", "\" hostile"} {
		if strings.Contains(page, markup) {
			t.Errorf("the page has %s", markup)
		}
	}
}
