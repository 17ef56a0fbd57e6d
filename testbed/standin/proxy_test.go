package standin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
)

func TestUnknownHostsAreRefusedAndRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	for _, target := range []string{
		"https://evil.example/", "https://api.datadoghq.com.evil.example/", "https://api.bigcorp.datadoghq.eu/", "https://api.datadoghq.eu:8443/", "https://127.0.0.1/",
	} {
		if r, err := w.try("GET", target, ""); err == nil || !strings.Contains(err.Error(), "Bad Gateway") {
			t.Errorf("%s: %v, %v; want a refusal by the proxy", target, r.status, err)
		}
	}
	if r := w.do("GET", "http://api.datadoghq.eu/", ""); r.status != http.StatusMethodNotAllowed {
		t.Errorf("plain http: %d", r.status)
	}
	refused := w.History().List(history.Filter{Status: http.StatusBadGateway})
	if len(refused) != 5 || refused[0].Host != "evil.example" || refused[0].Site != "" || refused[3].Notes["refused"] != "api.datadoghq.eu:8443" {
		t.Errorf("history of refusals: %+v", refused)
	}
}

func TestEveryHostAnswersOnBothProtocols(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	for _, http2 := range []bool{true, false} {
		w.client = w.httpClient(http2)
		want := "HTTP/1.1"
		if http2 {
			want = "HTTP/2.0"
		}
		for _, s := range hosts.Sites() {
			if r := w.do("GET", "https://api."+s.Domain+"/api/v2/oauth2/.well-known/sites", ""); r.status != http.StatusOK || r.proto != want {
				t.Errorf("%s: %d over %s, want 200 over %s", s.Domain, r.status, r.proto, want)
			}
			if r := w.do("GET", s.AppOrigin()+"/nothing", ""); r.status != http.StatusNotFound {
				t.Errorf("%s: unknown page: %d", s.AppHost, r.status)
			}
		}
	}
}

func TestPathsBelongToTheirSide(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	for _, target := range []string{
		"https://api.datadoghq.eu/oauth2/v1/authorize?" + authorizeQuery().Encode(),
		"https://app.datadoghq.eu/api/v1/validate",
	} {
		if r := w.do("GET", target, ""); r.status != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", target, r.status)
		}
	}
	if r := w.post("https://app.datadoghq.eu/oauth2/v1/token", codeForm("x")); r.status != http.StatusNotFound {
		t.Errorf("token endpoint on the app host: %d, want 404", r.status)
	}
	w.client = w.httpClient(false)
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://api.datadoghq.eu/api/v1/validate", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "api.datadoghq.com"
	resp, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("Host header of another site: %d, want 421", resp.StatusCode)
	}
}

func TestHistoryNamesOwnersAndKeepsNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	access, _ := w.connect(w.eu1)
	key := w.mint(w.eu1.Site, access)
	w.do("POST", "https://http-intake.logs.us3.datadoghq.com/api/v2/logs", `[{"message":"astray"}]`, "DD-API-KEY", key, "Content-Type", "application/json")
	entries, err := w.History().Await(t.Context(), 1, history.Filter{Purpose: "logs"})
	if err != nil {
		t.Fatal(err)
	}
	got := entries[0]
	if got.Site != "us3.datadoghq.com" || got.Org != w.eu1.ID || got.OrgSite != "datadoghq.eu" || got.Auth != "key" || got.KeyLast4 != key[28:] ||
		got.Status != http.StatusForbidden || got.RequestBytes == 0 || got.Path != "/api/v2/logs" {
		t.Errorf("entry of a key on the wrong site: %+v", got)
	}
	token := w.History().List(history.Filter{Path: "/oauth2/v1/token"})
	if len(token) != 1 || token[0].Notes["grant_type"] != "authorization_code" || token[0].Notes["client_id"] != partner.ID {
		t.Errorf("entry of the token request: %+v", token)
	}
	kinds := map[string]int{}
	all := w.History().List(history.Filter{})
	for _, s := range w.OAuth().Secrets() {
		kinds[s.Kind]++
		for _, e := range all {
			for _, text := range []string{e.Path, e.Host, e.KeyLast4, e.CredentialSHA256, e.Fault, strings.Join(mapValues(e.Notes), " ")} {
				if strings.Contains(text, s.Value) {
					t.Errorf("entry %d holds a %s", e.Seq, s.Kind)
				}
			}
		}
	}
	for _, kind := range []string{"client_secret", "state", "code", "code_verifier", "access_token", "refresh_token", "api_key"} {
		if kinds[kind] != 1 {
			t.Errorf("%d secrets of kind %s, want 1", kinds[kind], kind)
		}
	}
}

func mapValues(m map[string]string) []string {
	var v []string
	for _, s := range m {
		v = append(v, s)
	}
	return v
}
