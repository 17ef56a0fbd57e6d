package standin_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

const (
	redirectURI = "https://partner.example/datadog/callback?keep=1"
	verifier    = "a-code-verifier-of-the-shortest-length-43-ch"
)

var partner = oauth.Client{
	ID: "client-1", Secret: "client-secret-0123456789", Name: "Partner",
	RedirectURIs: []string{redirectURI}, Scopes: []string{"api_keys_write", "timeseries_query"},
}

// world is a running stand-in with one published client and an organisation on each of three sites.
type world struct {
	*standin.Server
	t             *testing.T
	us1, us3, eu1 oauth.Org
	client        *http.Client // with cookies; follows no redirect
}

func newWorld(t *testing.T, o standin.Options) *world {
	t.Helper()
	w := &world{Server: standin.New(o), t: t}
	if err := w.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := w.OAuth().AddClient(partner); err != nil {
		t.Fatal(err)
	}
	w.us1 = w.addOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "datadoghq.com"}, Name: "Acme US1"})
	w.us3 = w.addOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "us3.datadoghq.com"}, Name: "Acme US3", Subdomain: "acme"})
	w.eu1 = w.addOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "datadoghq.eu"}, Name: "Acme EU"})
	w.client = w.httpClient(true)
	return w
}

func (w *world) addOrg(o oauth.Org) oauth.Org {
	w.t.Helper()
	o, err := w.OAuth().AddOrg(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func (w *world) httpClient(http2 bool) *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.CAPEM())
	jar, _ := cookiejar.New(nil) // without options it never fails
	tr := &http.Transport{Proxy: http.ProxyURL(w.ProxyURL()), TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: http2}
	w.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// reply is a response that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	proto  string
}

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatalf("body is not JSON: %v: %s", err, r.body)
	}
	return m
}

func (w *world) try(method, target, body string, headers ...string) (reply, error) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(bytes.TrimSpace(b)), resp.Proto}, err
}

func (w *world) do(method, target, body string, headers ...string) reply {
	w.t.Helper()
	r, err := w.try(method, target, body, headers...)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) post(target string, form url.Values) reply {
	w.t.Helper()
	return w.do("POST", target, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func authorizeQuery() url.Values {
	return url.Values{"client_id": {partner.ID}, "redirect_uri": {redirectURI}, "response_type": {"code"},
		"code_challenge": {challenge()}, "code_challenge_method": {"S256"}, "state": {"state-0123456789"}}
}

var consentID = regexp.MustCompile(`name="consent" value="([0-9a-f]+)"`)

// consent opens the authorize page on an app origin and answers it.
func (w *world) consent(origin string, query url.Values, answer url.Values) reply {
	w.t.Helper()
	page := w.do("GET", origin+"/oauth2/v1/authorize?"+query.Encode(), "")
	m := consentID.FindStringSubmatch(page.body)
	if page.status != http.StatusOK || m == nil {
		w.t.Fatalf("consent page: %d %s", page.status, page.body)
	}
	answer.Set("consent", m[1])
	return w.post(origin+"/oauth2/v1/authorize", answer)
}

func (r reply) callback(t *testing.T) url.Values {
	t.Helper()
	u, err := url.Parse(r.header.Get("Location"))
	if err != nil || r.status != http.StatusFound || u.Scheme+"://"+u.Host+u.Path != "https://partner.example/datadog/callback" {
		t.Fatalf("no redirect to the partner: %d, Location %q, %s", r.status, r.header.Get("Location"), html.UnescapeString(r.body))
	}
	return u.Query()
}

// code connects an organisation from its own site's app origin and returns the code.
func (w *world) code(o oauth.Org) string {
	w.t.Helper()
	origin := map[string]string{"datadoghq.com": "https://app.datadoghq.com", "us3.datadoghq.com": "https://us3.datadoghq.com", "datadoghq.eu": "https://app.datadoghq.eu"}[o.Site]
	q := w.consent(origin, authorizeQuery(), url.Values{"action": {"authorize"}, "org": {o.ID}}).callback(w.t)
	if q.Get("code") == "" {
		w.t.Fatalf("callback without code: %v", q)
	}
	return q.Get("code")
}

func codeForm(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "client_id": {partner.ID}, "client_secret": {partner.Secret},
		"redirect_uri": {redirectURI}, "code": {code}, "code_verifier": {verifier}}
}

func refreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {partner.ID}, "client_secret": {partner.Secret}, "refresh_token": {token}}
}

func tokenURL(site string) string { return "https://api." + site + "/oauth2/v1/token" }

// connect runs the flow to its end and returns the tokens.
func (w *world) connect(o oauth.Org) (access, refresh string) {
	w.t.Helper()
	r := w.post(tokenURL(o.Site), codeForm(w.code(o)))
	if r.status != http.StatusOK {
		w.t.Fatalf("token endpoint: %d %s", r.status, r.body)
	}
	m := r.json(w.t)
	return m["access_token"].(string), m["refresh_token"].(string)
}

// mint asks for a key and returns it.
func (w *world) mint(site, access string) string {
	w.t.Helper()
	r := w.do("POST", "https://api."+site+"/api/v2/api_keys/marketplace", "", "Authorization", "Bearer "+access)
	if r.status != http.StatusCreated {
		w.t.Fatalf("mint: %d %s", r.status, r.body)
	}
	return r.json(w.t)["data"].(map[string]any)["attributes"].(map[string]any)["key"].(string)
}

func (w *world) validate(site, key string) int {
	w.t.Helper()
	return w.do("GET", "https://api."+site+"/api/v1/validate", "", "DD-API-KEY", key).status
}
