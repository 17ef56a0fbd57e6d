package standin_test

import (
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

func TestMintGivesOneKeyPerClientAndOrganisation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	access, _ := w.connect(w.eu1)
	const endpoint = "https://api.datadoghq.eu/api/v2/api_keys/marketplace"
	r := w.do("POST", endpoint, "", "Authorization", "Bearer "+access)
	data := r.json(t)["data"].(map[string]any)
	attributes := data["attributes"].(map[string]any)
	key := attributes["key"].(string)
	if r.status != http.StatusCreated || data["type"] != "api_keys" || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(key) ||
		attributes["last4"] != key[28:] || !strings.HasPrefix(attributes["name"].(string), "[Partner] OAuth Client API Key ") {
		t.Fatalf("mint: %d %s", r.status, r.body)
	}
	if r := w.do("POST", endpoint, "", "Authorization", "Bearer "+access); r.status != http.StatusConflict || r.body != `{"errors":["An API key with this name already exists"]}` {
		t.Errorf("second mint: %d %s", r.status, r.body)
	}
	other, _ := w.connect(w.eu1)
	if r := w.do("POST", endpoint, "", "Authorization", "Bearer "+other); r.status != http.StatusConflict {
		t.Errorf("mint with another grant of the same organisation: %d", r.status)
	}
	if n := w.OAuth().RevokeKeys(w.eu1.OrgRef, data["id"].(string)); n != 1 {
		t.Errorf("revoked %d keys, want 1", n)
	}
	if again := w.mint(w.eu1.Site, access); again == key {
		t.Error("a deleted key came back")
	}
	if status := w.validate(w.eu1.Site, key); status != http.StatusForbidden {
		t.Errorf("deleted key: %d", status)
	}
}

func TestKeysAndTokensWorkOnTheirOwnSiteOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	access, _ := w.connect(w.eu1)
	key := w.mint(w.eu1.Site, access)
	for site, want := range map[string]int{"datadoghq.eu": http.StatusOK, "datadoghq.com": http.StatusForbidden, "us3.datadoghq.com": http.StatusForbidden} {
		api := "https://api." + site
		for _, path := range []string{"/api/v1/validate", "/api/v2/validate"} {
			if r := w.do("GET", api+path, "", "DD-API-KEY", key); r.status != want {
				t.Errorf("key on %s%s: %d, want %d", site, path, r.status, want)
			}
		}
		for _, path := range []string{"/api/v2/validate_keys", "/api/v2/current_user"} {
			if r := w.do("GET", api+path, "", "Authorization", "Bearer "+access); r.status != want {
				t.Errorf("token on %s%s: %d, want %d", site, path, r.status, want)
			}
		}
		if org, ok := w.OAuth().Key(site, key); ok != (want == http.StatusOK) || ok && org != w.eu1.ID {
			t.Errorf("Key(%s) = %q, %v", site, org, ok)
		}
	}
	if got := w.do("GET", "https://api.datadoghq.eu/api/v2/validate", "", "DD-API-KEY", key).json(t)["data"].(map[string]any); got["id"] != w.eu1.ID || got["type"] != "validate_v2" {
		t.Errorf("v2 validate: %v", got)
	}
	user := w.do("GET", "https://api.datadoghq.eu/api/v2/current_user", "", "Authorization", "Bearer "+access).json(t)
	org := user["included"].([]any)[0].(map[string]any)
	if org["id"] != w.eu1.ID || org["type"] != "orgs" || org["attributes"].(map[string]any)["name"] != w.eu1.Name {
		t.Errorf("current_user: %v", user)
	}
}

func TestCallsWithTheWrongKindOfCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	access, _ := w.connect(w.eu1)
	key := w.mint(w.eu1.Site, access)
	reader, err := w.OAuth().IssueReader(w.eu1.OrgRef, "api_keys_write", "api_keys_read", "api_keys_delete")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, method, path, header, value string
		want                              int
	}{
		{"mint with a key", "POST", "/api/v2/api_keys/marketplace", "DD-API-KEY", key, 403},
		{"mint with nothing", "POST", "/api/v2/api_keys/marketplace", "X-Nothing", "", 401},
		{"mint with a token of no client", "POST", "/api/v2/api_keys/marketplace", "Authorization", "Bearer " + reader, 403},
		{"list keys without the scope", "GET", "/api/v2/api_keys", "Authorization", "Bearer " + access, 403},
		{"list keys", "GET", "/api/v2/api_keys?filter=OAuth%20Client", "Authorization", "Bearer " + reader, 200},
		{"delete a key without the scope", "DELETE", "/api/v2/api_keys/x", "Authorization", "Bearer " + access, 403},
		{"delete an unknown key", "DELETE", "/api/v2/api_keys/x", "Authorization", "Bearer " + reader, 404},
		{"delete the key", "DELETE", "/api/v2/api_keys/" + w.OAuth().Keys()[0].ID, "Authorization", "Bearer " + reader, 204},
	} {
		r := w.do(tc.method, "https://api.datadoghq.eu"+tc.path, "", tc.header, tc.value)
		if r.status != tc.want || strings.Contains(r.body, key) {
			t.Errorf("%s: %d %s, want %d", tc.name, r.status, r.body, tc.want)
		}
	}
}

func TestFreshKeyIsRefusedUntilItsDelayIsOver(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := newWorld(t, standin.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	if err := w.OAuth().UpdateSettings(func(s *oauth.Settings) error { s.FreshKeyDelay = 5 * time.Minute; return nil }); err != nil {
		t.Fatal(err)
	}
	access, _ := w.connect(w.eu1)
	key := w.mint(w.eu1.Site, access)
	if status := w.validate(w.eu1.Site, key); status != http.StatusForbidden {
		t.Errorf("fresh key: %d, want 403", status)
	}
	ahead.Store(int64(6 * time.Minute))
	if status := w.validate(w.eu1.Site, key); status != http.StatusOK {
		t.Errorf("key after its delay: %d, want 200", status)
	}
}
