package standin_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

func TestTokenEndpointRefusesWhatDatadogRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	other := partner
	other.ID = "client-2"
	if err := w.OAuth().AddClient(other); err != nil {
		t.Fatal(err)
	}
	const formType = "application/x-www-form-urlencoded"
	for _, tc := range []struct {
		name        string
		site        string
		contentType string
		change      func(url.Values)
		header      []string
		wantStatus  int
		wantBody    string
	}{
		{"another site", "us3.datadoghq.com", formType, nil, nil, 400, `{"error":"invalid_grant","error_description":"Invalid code or code verifier"}`},
		{"wrong verifier", "", formType, func(f url.Values) { f.Set("code_verifier", verifier+"x") }, nil, 400, `{"error":"invalid_grant","error_description":"Invalid code or code verifier"}`},
		{"no verifier", "", formType, func(f url.Values) { f.Del("code_verifier") }, nil, 400, `{"error":"invalid_grant","error_description":"Invalid code or code verifier"}`},
		{"unknown code", "", formType, func(f url.Values) { f.Set("code", "made.up") }, nil, 400, `{"error":"invalid_grant","error_description":"Invalid code or code verifier"}`},
		{"another client's code", "", formType, func(f url.Values) { f.Set("client_id", other.ID) }, nil, 400, `{"error":"invalid_grant","error_description":"Invalid code or code verifier"}`},
		{"no content type", "", "", nil, nil, 400, `{"error":"invalid_grant","error_description":"Invalid code or code verifier"}`},
		{"content type that does not fit", "", "application/json", nil, nil, 400, `{"error":"invalid_grant","error_description":"Invalid code or code verifier"}`},
		{"redirect URI of another stage", "", formType, func(f url.Values) { f.Set("redirect_uri", "https://partner.example/") }, nil, 400, `{"error":"invalid_request","error_description":"Mismatching redirect URI"}`},
		{"no redirect URI", "", formType, func(f url.Values) { f.Del("redirect_uri") }, nil, 400, `{"error":"invalid_request","error_description":"redirect_uri is missing"}`},
		{"no secret", "", formType, func(f url.Values) { f.Del("client_secret") }, nil, 401, `{"error":"invalid_client","error_description":"client_secret is missing"}`},
		{"wrong secret", "", formType, func(f url.Values) { f.Set("client_secret", "wrong") }, nil, 401, `{"error":"invalid_client","error_description":"Client authentication failed"}`},
		{"credentials in the header", "", formType, nil, []string{"Authorization", "Basic Y2xpZW50LTE6eA=="}, 401, `{"error":"invalid_client","error_description":"Client authentication failed: send client_id and client_secret in the body"}`},
		{"other grant type", "", formType, func(f url.Values) { f.Set("grant_type", "client_credentials") }, nil, 400, `{"error":"unsupported_grant_type","error_description":"grant_type must be authorization_code or refresh_token"}`},
		{"parameter twice", "", formType, func(f url.Values) { f.Add("code", "again") }, nil, 400, `{"error":"invalid_request","error_description":"parameter given twice: code"}`},
	} {
		form := codeForm(w.code(w.eu1))
		if tc.change != nil {
			tc.change(form)
		}
		site := w.eu1.Site
		if tc.site != "" {
			site = tc.site
		}
		header := tc.header
		if tc.contentType != "" {
			header = append(header, "Content-Type", tc.contentType)
		}
		r := w.do("POST", tokenURL(site), form.Encode(), header...)
		if r.status != tc.wantStatus || r.body != tc.wantBody {
			t.Errorf("%s: %d %s, want %d %s", tc.name, r.status, r.body, tc.wantStatus, tc.wantBody)
		}
	}
}

func TestTokenEndpointTakesJSONAndAnswersInFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	fields := map[string]string{}
	for k, v := range codeForm(w.code(w.us3)) {
		fields[k] = v[0]
	}
	body, _ := json.Marshal(fields) // strings always marshal
	r := w.do("POST", tokenURL(w.us3.Site), string(body), "Content-Type", "application/json; charset=utf-8")
	m := r.json(t)
	if r.status != http.StatusOK || m["token_type"] != "Bearer" || m["expires_in"] != 3600.0 || m["scope"] != "api_keys_write timeseries_query" ||
		m["access_token"] == "" || m["refresh_token"] == "" || len(m) != 5 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestCodeWorksOnceAndReuseEndsTheGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	form := codeForm(w.code(w.eu1))
	first := w.post(tokenURL(w.eu1.Site), form)
	if first.status != http.StatusOK {
		t.Fatalf("first exchange: %d %s", first.status, first.body)
	}
	if r := w.post(tokenURL(w.eu1.Site), form); r.status != http.StatusBadRequest || r.json(t)["error"] != "invalid_grant" {
		t.Errorf("second exchange: %d %s", r.status, r.body)
	}
	access := first.json(t)["access_token"].(string)
	if r := w.do("GET", "https://api.datadoghq.eu/api/v2/validate_keys", "", "Authorization", "Bearer "+access); r.status != http.StatusForbidden {
		t.Errorf("token of a code that was used twice: %d", r.status)
	}
}

func TestWrongVerifierBurnsTheCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	form := codeForm(w.code(w.eu1))
	bad := codeForm(form.Get("code"))
	bad.Set("code_verifier", verifier+"x")
	w.post(tokenURL(w.eu1.Site), bad)
	if r := w.post(tokenURL(w.eu1.Site), form); r.status != http.StatusBadRequest {
		t.Errorf("right verifier after a wrong one: %d, want 400", r.status)
	}
}

func TestAFaultyTokenEndpointTakesAnyVerifier(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	for _, faulty := range []bool{true, false} {
		if err := w.OAuth().UpdateSettings(func(s *oauth.Settings) error { s.AnyVerifier = faulty; return nil }); err != nil {
			t.Fatal(err)
		}
		form := codeForm(w.code(w.eu1))
		form.Set("code_verifier", verifier+"x")
		if r := w.post(tokenURL(w.eu1.Site), form); (r.status == http.StatusOK) != faulty {
			t.Errorf("wrong verifier, faulty %v: %d %s", faulty, r.status, r.body)
		}
		if r := w.post(tokenURL(w.eu1.Site), codeForm(w.code(w.eu1))); r.status != http.StatusOK {
			t.Errorf("right verifier, faulty %v: %d %s", faulty, r.status, r.body)
		}
	}
}

func TestRefreshModes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		mode                         oauth.RefreshMode
		returnsToken, oldStillWorks  bool
		newStillWorksAfterOldWasUsed bool
	}{
		{"", true, false, false}, // rotate is the default
		{oauth.RefreshRotate, true, false, false},
		{oauth.RefreshReissue, true, true, true},
		{oauth.RefreshOmit, false, true, true},
	} {
		t.Run("mode "+string(tc.mode), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, standin.Options{})
			client := partner
			client.Refresh = tc.mode
			if err := w.OAuth().AddClient(client); err != nil {
				t.Fatal(err)
			}
			_, old := w.connect(w.eu1)
			endpoint := tokenURL(w.eu1.Site)
			r := w.post(endpoint, refreshForm(old))
			m := r.json(t)
			newest, returned := m["refresh_token"].(string)
			if r.status != http.StatusOK || returned != tc.returnsToken || m["scope"] != "api_keys_write timeseries_query" {
				t.Fatalf("refresh: %d %s", r.status, r.body)
			}
			if !returned {
				newest = old
			}
			if again := w.post(endpoint, refreshForm(old)); (again.status == http.StatusOK) != tc.oldStillWorks {
				t.Errorf("old token again: %d %s", again.status, again.body)
			}
			if r := w.post(endpoint, refreshForm(newest)); (r.status == http.StatusOK) != tc.newStillWorksAfterOldWasUsed {
				t.Errorf("newest token after the old one was used: %d %s", r.status, r.body)
			}
			access := m["access_token"].(string)
			if _, _, ok := w.OAuth().Bearer(w.eu1.Site, access); ok != tc.newStillWorksAfterOldWasUsed {
				t.Errorf("access token after the old one was used: valid %v", ok)
			}
			if r := w.post(tokenURL(w.us1.Site), refreshForm(newest)); r.json(t)["error"] != "invalid_grant" {
				t.Errorf("refresh on another site: %d %s", r.status, r.body)
			}
		})
	}
}

func TestRevokeEndsTheGrantAndLeavesTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	access, refresh := w.connect(w.eu1)
	key := w.mint(w.eu1.Site, access)
	endpoint := "https://api.datadoghq.eu/oauth2/v1/revoke"
	credentials := func(token string) url.Values {
		return url.Values{"client_id": {partner.ID}, "client_secret": {partner.Secret}, "token": {token}}
	}
	wrong := credentials(refresh)
	wrong.Set("client_secret", "wrong")
	for name, tc := range map[string]struct {
		form url.Values
		want int
	}{
		"unknown token is a success": {credentials("made.up"), 200}, "wrong secret": {wrong, 401}, "no token": {credentials(""), 400},
	} {
		if r := w.post(endpoint, tc.form); r.status != tc.want {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if _, _, ok := w.OAuth().Bearer(w.eu1.Site, access); !ok {
		t.Fatal("the grant ended although nothing was revoked")
	}
	if r := w.post(endpoint, credentials(refresh)); r.status != http.StatusOK {
		t.Fatalf("revoke: %d %s", r.status, r.body)
	}
	if _, _, ok := w.OAuth().Bearer(w.eu1.Site, access); ok {
		t.Error("the access token outlived its grant")
	}
	if r := w.post(tokenURL(w.eu1.Site), refreshForm(refresh)); r.status != 400 || r.json(t)["error"] != "invalid_grant" {
		t.Errorf("refresh after revoke: %d %s", r.status, r.body)
	}
	if status := w.validate(w.eu1.Site, key); status != http.StatusOK {
		t.Errorf("the key after revoke: %d, want 200", status)
	}
}

func TestRotatedClientSecretReplacesTheOldOneAndKeepsGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	_, refresh := w.connect(w.eu1)
	secret, err := w.OAuth().RotateClientSecret(partner.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	form := refreshForm(refresh)
	if r := w.post(tokenURL(w.eu1.Site), form); r.status != http.StatusUnauthorized || r.json(t)["error"] != "invalid_client" {
		t.Errorf("old secret: %d %s", r.status, r.body)
	}
	form.Set("client_secret", secret)
	if r := w.post(tokenURL(w.eu1.Site), form); r.status != http.StatusOK {
		t.Errorf("new secret: %d %s", r.status, r.body)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	access, refresh := w.connect(w.eu1)
	if n := w.OAuth().ExpireAccessTokens(w.eu1.OrgRef); n != 1 {
		t.Fatalf("expired %d tokens, want 1", n)
	}
	if r := w.do("GET", "https://api.datadoghq.eu/api/v2/current_user", "", "Authorization", "Bearer "+access); r.status != http.StatusUnauthorized || r.body != `{"errors":["Unauthorized"]}` {
		t.Errorf("expired token: %d %s", r.status, r.body)
	}
	if r := w.post(tokenURL(w.eu1.Site), refreshForm(refresh)); r.status != http.StatusOK {
		t.Errorf("refresh after expiry: %d %s", r.status, r.body)
	}
	code := w.code(w.eu1)
	if err := w.OAuth().UpdateSettings(func(s *oauth.Settings) error { s.CodeLife = time.Nanosecond; return nil }); err != nil {
		t.Fatal(err)
	}
	if r := w.post(tokenURL(w.eu1.Site), codeForm(w.code(w.eu1))); r.status != http.StatusBadRequest {
		t.Errorf("expired code: %d %s", r.status, r.body)
	}
	if r := w.post(tokenURL(w.eu1.Site), codeForm(code)); r.status != http.StatusOK {
		t.Errorf("code that was issued with a longer life: %d %s", r.status, r.body)
	}
}
