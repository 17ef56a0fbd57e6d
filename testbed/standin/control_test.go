package standin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// control calls the control API and decodes the answer into out, unless that is nil.
func control(t *testing.T, base, method, path, body string, wantStatus int, out any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != wantStatus {
		t.Fatalf("%s %s %s: %d %s", method, path, body, resp.StatusCode, b)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
}

func TestControlAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	server := httptest.NewServer(w.ControlHandler())
	t.Cleanup(server.Close)
	call := func(method, path, body string, wantStatus int, out any) {
		t.Helper()
		control(t, server.URL, method, path, body, wantStatus, out)
	}

	call("POST", "/control/clients", `{"id":"c2","secret":"s2","name":"Two","redirect_uris":["http://127.0.0.1:9/cb"],"scopes":["api_keys_write"],"refresh":"reissue","test_org":{"site":"datadoghq.eu","id":"x"}}`, 200, nil)
	call("POST", "/control/clients", `{"id":"c3"}`, 400, nil)
	call("POST", "/control/clients", `{"id":"c3","secrets":"typo"}`, 400, nil)
	var rotated struct{ Secret string }
	call("POST", "/control/clients/rotate_secret", `{"id":"c2"}`, 200, &rotated)
	if len(rotated.Secret) < 20 {
		t.Errorf("rotated secret %q", rotated.Secret)
	}
	var org oauth.Org
	call("POST", "/control/orgs", `{"site":"ap1.datadoghq.com","name":"Acme Japan","subdomain":"acme-jp"}`, 200, &org)
	call("POST", "/control/orgs", `{"site":"ap9.datadoghq.com"}`, 400, nil)
	var orgs []oauth.Org
	call("GET", "/control/orgs", "", 200, &orgs)
	if len(orgs) != 4 || orgs[3].ID != org.ID || org.Name != "Acme Japan" {
		t.Errorf("organisations %+v", orgs)
	}
	var settings map[string]any
	call("POST", "/control/settings", `{"refresh":"omit","fresh_key_delay_ms":1500}`, 200, nil)
	call("POST", "/control/settings", `{"access_token_life_ms":60000}`, 200, &settings)
	if settings["refresh"] != "omit" || settings["fresh_key_delay_ms"] != 1500.0 || settings["access_token_life_ms"] != 60000.0 {
		t.Errorf("settings %v", settings)
	}
	call("POST", "/control/settings", `{"refresh":"sometimes"}`, 400, nil)
	call("POST", "/control/scenario", `{"name":"swap_key"}`, 200, nil)
	call("POST", "/control/scenario", `{"name":"chaos"}`, 400, nil)
	var scenario struct{ Name string }
	call("GET", "/control/scenario", "", 200, &scenario)
	if scenario.Name != "swap_key" {
		t.Errorf("scenario %q", scenario.Name)
	}
	call("POST", "/control/scenario", `{"name":"none"}`, 200, nil)

	ref := `"site":"` + org.Site + `","org":"` + org.ID + `"`
	var key struct{ ID, Key, SHA256 string }
	call("POST", "/control/keys", `{`+ref+`}`, 200, &key)
	if w.validate(org.Site, key.Key) != http.StatusOK || key.SHA256 != oauth.SHA256(key.Key) {
		t.Errorf("key made by hand: %+v", key)
	}
	var token struct{ Token string }
	call("POST", "/control/tokens", `{`+ref+`,"scopes":["metrics_read"]}`, 200, &token)
	if id, scopes, ok := w.OAuth().Bearer(org.Site, token.Token); !ok || id != org.ID || len(scopes) != 1 {
		t.Errorf("reader token: %q %v %v", id, scopes, ok)
	}
	call("POST", "/control/faults", `{"id":"slow","purpose":"api","latency_ms":1}`, 200, nil)
	call("POST", "/control/faults", `{"id":"nothing"}`, 400, nil)
	w.validate(org.Site, key.Key)
	call("GET", "/control/faults/slow/await?await=1&timeout=5s", "", 200, nil)
	call("GET", "/control/faults/slow/await?await=9&timeout=1ms", "", 504, nil)
	call("DELETE", "/control/faults/slow", "", 200, nil)
	call("DELETE", "/control/faults/slow", "", 404, nil)

	var entries []map[string]any
	call("GET", "/control/history?"+url.Values{"org": {org.ID}, "path": {"/api/v1/validate"}, "await": {"2"}}.Encode(), "", 200, &entries)
	if len(entries) != 2 || entries[1]["fault"] != "slow" || entries[0]["key_last4"] != key.Key[28:] {
		t.Errorf("history %v", entries)
	}
	call("GET", "/control/history?await=1000&timeout=1ms", "", 504, nil)
	call("DELETE", "/control/history", "", 204, nil)
	call("GET", "/control/history", "", 200, &entries)
	if len(entries) != 0 {
		t.Errorf("history after clearing: %v", entries)
	}

	w.do("POST", "https://http-intake.logs."+org.Site+"/api/v2/logs", `[{"message":"hello"}]`, "DD-API-KEY", key.Key, "Content-Type", "application/json")
	var kept struct{ Counts struct{ Logs int } }
	call("POST", "/control/intake/await", `{"org":"`+org.ID+`","counts":{"Logs":1},"timeout_ms":5000}`, 200, &kept)
	if kept.Counts.Logs != 1 {
		t.Errorf("counts %+v", kept)
	}
	call("GET", "/control/intake/counts?org="+org.ID, "", 200, &kept)
	call("POST", "/control/intake/reset", `{"org":"`+org.ID+`"}`, 200, nil)
	call("POST", "/control/intake/await", `{"org":"`+org.ID+`","counts":{"Logs":1},"timeout_ms":1}`, 504, nil)

	w.connect(w.eu1)
	for path, body := range map[string]string{
		"/control/keys/revoke":     `{` + ref + `,"key_id":"` + key.ID + `"}`,
		"/control/grants/expire":   `{"site":"datadoghq.eu","org":"` + w.eu1.ID + `"}`,
		"/control/grants/revoke":   `{"client":"client-1","site":"datadoghq.eu","org":"` + w.eu1.ID + `"}`,
		"/control/clients/disable": `{"client":"client-1","site":"datadoghq.eu","org":"` + w.eu1.ID + `"}`,
	} {
		call("POST", path, body, 200, nil)
	}
	if w.validate(org.Site, key.Key) != http.StatusForbidden {
		t.Error("the revoked key still works")
	}
	var secrets []oauth.Secret
	call("GET", "/control/secrets", "", 200, &secrets)
	if len(secrets) < 8 {
		t.Errorf("%d secrets", len(secrets))
	}
	var info struct {
		ProxyURL string `json:"proxy_url"`
		Sites    []struct{ Domain string }
	}
	call("GET", "/control/info", "", 200, &info)
	if len(info.Sites) != 9 || info.ProxyURL != w.ProxyURL().String() {
		t.Errorf("info %+v", info)
	}
}

func TestServerListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	var s standin.Server
	t.Cleanup(func() { s.Close() })
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "nonsense"} {
		if err := s.Start(addr); err == nil {
			t.Errorf("Start(%q) succeeded", addr)
		}
	}
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Error(err)
	}
}
