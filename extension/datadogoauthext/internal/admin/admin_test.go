package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
)

const linkSecret = "L1nkS3cretThatNobodyElseSees"

// grants is a hand-made Grants.
type grants struct {
	tenants  []admin.TenantStatus
	notReady bool
	why      string
	err      error
	invited  []string
	ordered  []string
	queried  []admin.Query
	archive  func(io.Writer) error

	quarantine *admin.Quarantine
	incidents  admin.Incidents
	hang       bool // of Incidents
	sends      map[string][]admin.SendFigure
	history    admin.SendHistory

	audit   []admin.AuditRecord
	next    string
	asked   admin.AuditQuery
	reports reports
	waits   []admin.SendWait
	notes   notes
	clients []string
	only    bool // without an exporter

	links       []admin.OpenInvitation // nil for one
	revocations []admin.Revocation     // nil for two
}

func (g *grants) Sends(tenants []string) map[string][]admin.SendFigure {
	of := map[string][]admin.SendFigure{}
	for _, tenant := range tenants {
		of[tenant] = g.sends[tenant]
	}
	return of
}
func (g *grants) Waits() []admin.SendWait              { return g.waits }
func (g *grants) Clients() []string                    { return g.clients }
func (g *grants) Sending() bool                        { return !g.only }
func (g *grants) SendHistory(string) admin.SendHistory { return g.history }
func (g *grants) Ready() (bool, string)                { return !g.notReady, g.why }

func (g *grants) Invite(_ context.Context, tenant, client string, lifetime time.Duration, by string) (admin.Invitation, error) {
	if g.err != nil {
		return admin.Invitation{}, g.err
	}
	g.invited = append(g.invited, strings.TrimSpace(fmt.Sprintf("%s for %s by %s %s", tenant, lifetime, by, client)))
	return admin.Invitation{Link: "https://connect.example.com/i/" + linkSecret, ExpiresAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, nil
}

// server is the admin listener with a token for each role; each token's secret is its name repeated.
type server struct {
	*httptest.Server
	t      testing.TB
	grants *grants
	dir    string
	log    *observer.ObservedLogs
}

func secretOf(name string) string { return strings.Repeat(name+"-", 10) }

func start(t testing.TB, g *grants) *server { return startWith(t, g, func(*admin.Options) {}) }

func startWith(t testing.TB, g *grants, edit func(*admin.Options)) *server {
	t.Helper()
	s := &server{t: t, grants: g, dir: t.TempDir()}
	s.Server = httptest.NewServer(s.handler(edit))
	s.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(s.Close)
	return s
}

// handler is that of a listener with options after edit.
func (s *server) handler(edit func(*admin.Options)) http.Handler {
	s.t.Helper()
	core, log := observer.New(zapcore.DebugLevel)
	s.log = log
	opts := admin.Options{Grants: s.grants, Logger: zap.New(core), PublicURL: "https://connect.example.com", Endpoint: "0.0.0.0:8445", Hosts: []string{"Admin.Example.com"}}
	for _, role := range []admin.Role{admin.RoleRead, admin.RoleOperate, admin.RoleConnect} {
		name := "the-" + string(role)
		file := filepath.Join(s.dir, name)
		s.write(file, secretOf(name)+"\n")
		opts.Tokens = append(opts.Tokens, admin.Token{Name: name, Role: role, File: file})
	}
	edit(&opts)
	a := admin.New(opts)
	if err := a.CheckTokens(); err != nil {
		s.t.Fatal(err)
	}
	return a.Handler()
}

func (s *server) write(file, text string) {
	s.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

type change func(*http.Request)

func bearer(name string) change {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secretOf(name)) }
}

func accept(types string) change { return func(r *http.Request) { r.Header.Set("Accept", types) } }

func host(name string) change { return func(r *http.Request) { r.Host = name } }

func jsonBody(r *http.Request) { r.Header.Set("Content-Type", "application/json") }

// do sends a request and returns the answer with its body read.
func (s *server) do(method, path, body string, changes ...change) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, change := range changes {
		change(r)
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(text)
}

// refused checks that an answer is a problem of that status whose detail says something.
func (s *server) refused(resp *http.Response, body string, status int, says string) {
	s.t.Helper()
	var p struct {
		Title, Detail string
		Status        int
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil || resp.Header.Get("Content-Type") != "application/problem+json" {
		s.t.Errorf("%d %s is no problem document: %s", resp.StatusCode, resp.Header.Get("Content-Type"), body)
		return
	}
	if resp.StatusCode != status || p.Status != status || p.Title != http.StatusText(status) || !strings.Contains(p.Detail, says) {
		s.t.Errorf("got %d %+v, want %d and %q", resp.StatusCode, p, status, says)
	}
}

func acme() admin.TenantStatus {
	return admin.TenantStatus{
		Tenant: "acme", Client: "main", Site: "us3.datadoghq.com", OrgID: "0f8b1c7e-0000-4000-8000-000000000001", OrgName: "Acme Corp",
		Token: "reauthorise", TokenReason: "revoked: send the customer a connect link", Key: "ok", Hold: "none",
		KeyLast4: "9f3c", Generation: 2, Sending: true, Stage: "published", KeyName: "Partner OAuth Client API Key",
		KeyMintedAt: time.Date(2026, 1, 2, 3, 4, 1, 0, time.UTC), TokenExpiry: time.Date(2026, 1, 2, 4, 4, 0, 0, time.UTC), TokenRefreshedAt: time.Date(2026, 1, 2, 3, 4, 2, 0, time.UTC),
		AppOrigin: "https://acme.datadoghq.com", StartedDomain: "datadoghq.com", CallbackDomain: "us3.datadoghq.com", Scopes: []string{"api_keys_write", "events_read"},
		KeySince: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), ConnectedAt: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC),
	}
}

func TestTheAPIListsTenantsInOrderOfName(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{tenants: []admin.TenantStatus{{Tenant: "zeta/ü", Client: "main", Token: "none", Key: "none", Hold: "none"}, acme()}})
	resp, body := s.do("GET", "/v1/tenants", "", bearer("the-read"))
	const wantAcme = `{"tenant":"acme","client":"main","stage":"published","site":"us3.datadoghq.com","org":{"id":"0f8b1c7e-0000-4000-8000-000000000001","name":"Acme Corp"},` +
		`"consent":{"app_origin":"https://acme.datadoghq.com","started_domain":"datadoghq.com","callback_domain":"us3.datadoghq.com","scopes":["api_keys_write","events_read"]},` +
		`"token":{"state":"reauthorise","reason":"revoked: send the customer a connect link","expires_at":"2026-01-02T04:04:00Z","refreshed_at":"2026-01-02T03:04:02Z"},` +
		`"key":{"state":"ok","name":"Partner OAuth Client API Key","last4":"9f3c","generation":2,"minted_at":"2026-01-02T03:04:01Z","since":"2026-01-02T03:04:05Z"},"hold":{"state":"none"},"sending":true,"connected_at":"2026-01-02T03:04:00Z"}`
	const wantZeta = `{"tenant":"zeta/ü","client":"main","token":{"state":"none"},"key":{"state":"none"},"hold":{"state":"none"},"sending":false}`
	if want := `{"tenants":[` + wantAcme + `,` + wantZeta + `],"total":2}` + "\n"; resp.StatusCode != 200 || body != want {
		t.Errorf("got %d %s\nwant %s", resp.StatusCode, body, want)
	}
	if resp, body := s.do("GET", "/v1/tenants/zeta%2F%C3%BC", "", bearer("the-operate")); resp.StatusCode != 200 || body != wantZeta+"\n" {
		t.Errorf("one tenant: got %d %s", resp.StatusCode, body)
	}
	resp, body = s.do("GET", "/v1/tenants/globex", "", bearer("the-read"))
	s.refused(resp, body, 404, "POST /v1/invitations")
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	invite := `{"tenant":"acme"}`
	for name, c := range map[string]struct {
		method, path, body string
		auth               change
		status             int
	}{
		"read reads":                         {"GET", "/v1/tenants", "", bearer("the-read"), 200},
		"operate reads":                      {"GET", "/v1/tenants", "", bearer("the-operate"), 200},
		"connect does not read":              {"GET", "/v1/tenants", "", bearer("the-connect"), 403},
		"connect does not read one":          {"GET", "/v1/tenants/acme", "", bearer("the-connect"), 403},
		"connect invites":                    {"POST", "/v1/invitations", invite, bearer("the-connect"), 201},
		"operate invites":                    {"POST", "/v1/invitations", invite, bearer("the-operate"), 201},
		"read does not invite":               {"POST", "/v1/invitations", invite, bearer("the-read"), 403},
		"nobody reads":                       {"GET", "/v1/tenants", "", func(*http.Request) {}, 401},
		"a wrong token":                      {"GET", "/v1/tenants", "", bearer("the-reed"), 401},
		"an empty token":                     {"GET", "/v1/tenants", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, 401},
		"a prefix of a token":                {"GET", "/v1/tenants", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secretOf("the-read")[:40]) }, 401},
		"a login is no right to change":      {"POST", "/v1/invitations", invite, s.loggedIn("the-operate"), 401},
		"the page is not for bearers":        {"GET", "/", "", bearer("the-read"), 303},
		"read logs in":                       {"GET", "/", "", s.loggedIn("the-read"), 200},
		"operate logs in":                    {"GET", "/", "", s.loggedIn("the-operate"), 200},
		"connect may log in to make links":   {"GET", "/", "", s.loggedIn("the-connect"), 200},
		"connect sees no tenant":             {"GET", "/tenants/acme", "", s.loggedIn("the-connect"), 403},
		"a made-up session":                  {"GET", "/", "", withCookie(strings.Repeat("A", 43)), 303},
		"a token is no session":              {"GET", "/", "", withCookie(secretOf("the-read")), 303},
		"nobody sees the page":               {"GET", "/", "", func(*http.Request) {}, 303},
		"anybody may ask whether it is up":   {"GET", "/v1/ready", "", func(*http.Request) {}, 200},
		"anybody may have the style":         {"GET", "/status.css", "", func(*http.Request) {}, 200},
		"a method that a path does not have": {"DELETE", "/v1/tenants", "", bearer("the-operate"), 405},
		"a path that is not there":           {"GET", "/v2/tenants", "", bearer("the-operate"), 404},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := s.do(c.method, c.path, c.body, c.auth, jsonBody)
			if resp.StatusCode != c.status {
				t.Errorf("got %d %s, want %d", resp.StatusCode, body, c.status)
			}
			if c.status == 401 && resp.Header.Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
			if c.status >= 400 && strings.HasPrefix(c.path, "/v") && !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
				t.Errorf("answered as %s", resp.Header.Get("Content-Type"))
			}
			referrer := "no-referrer"
			if !strings.HasPrefix(c.path, "/v") && c.path != "/status.css" {
				referrer = "same-origin"
			}
			for header, want := range map[string]string{
				"Cache-Control": "no-store", "Referrer-Policy": referrer, "X-Content-Type-Options": "nosniff",
				"Content-Security-Policy": "frame-ancestors 'none'",
			} {
				if !strings.Contains(resp.Header.Get(header), want) {
					t.Errorf("%s is %q", header, resp.Header.Get(header))
				}
			}
		})
	}
}

func TestATokenIsReplacedAndTakenAwayWhileRunning(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	file := filepath.Join(s.dir, "the-read")
	status := func(name string) int {
		resp, _ := s.do("GET", "/v1/tenants", "", bearer(name))
		return resp.StatusCode
	}
	s.write(file, secretOf("the-next")) // as long as the one before, within the same tick of the file system
	if old, next := status("the-read"), status("the-next"); old != 401 || next != 200 {
		t.Errorf("after replacing: old %d, new %d", old, next)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if first, again := status("the-next"), status("the-next"); first != 401 || again != 401 {
		t.Errorf("after removal: %d, %d", first, again)
	}
	if n := s.log.FilterMessageSnippet("locked out").Len(); n != 1 {
		t.Errorf("logged %d times, want once", n)
	}
	if got := status("the-operate"); got != 200 {
		t.Errorf("another token: %d", got)
	}
}

// A file that comes to hold the secret of another one makes no reader an operator, nor the other way round.
func TestTwoTokensOfOneSecretLetNobodyIn(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	file := filepath.Join(s.dir, "the-read")
	status := func() int {
		resp, _ := s.do("GET", "/v1/tenants", "", bearer("the-operate"))
		return resp.StatusCode
	}
	s.write(file, secretOf("the-operate"))
	if first, again := status(), status(); first != 401 || again != 401 {
		t.Errorf("while both hold it: %d, %d", first, again)
	}
	if resp, _ := s.do("POST", "/login", loginForm("the-operate", secretOf("the-operate"), ""), formBody); resp.StatusCode != 403 {
		t.Errorf("logged in: %d", resp.StatusCode)
	}
	if n := s.log.FilterMessageSnippet("locked out").Len(); n != 2 {
		t.Errorf("logged %d times, want once for each", n)
	}
	if resp, _ := s.do("GET", "/v1/invitations", "", bearer("the-connect")); resp.StatusCode != 403 {
		t.Errorf("a third token: %d", resp.StatusCode) // its role may not
	}
	s.write(file, secretOf("the-read"))
	if got := status(); got != 200 {
		t.Errorf("afterwards: %d", got)
	}
}

func TestFaultsOfTokensAreNamedAndNeverShown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	short, long, one, two := filepath.Join(dir, "short"), filepath.Join(dir, "long"), filepath.Join(dir, "one"), filepath.Join(dir, "two")
	for file, text := range map[string]string{short: "s3cret-that-is-too-short-31-chr\n", long: strings.Repeat("s3cret", 300), one: secretOf("s3cret"), two: " " + secretOf("s3cret") + "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := admin.New(admin.Options{Grants: &grants{}, Tokens: []admin.Token{
		{"a", admin.RoleRead, short}, {"b", admin.RoleRead, long}, {"c", admin.RoleRead, one}, {"d", admin.RoleRead, two}, {"e", admin.RoleRead, filepath.Join(dir, "none")},
	}}).CheckTokens()
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, want := range []string{`token "a": ` + short, "31 characters", `token "b"`, `token "d": holds the same secret as "c"`, `token "e"`, "no such file", "openssl rand -hex 32"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("does not say %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("shows a token: %v", err)
	}
	err = admin.ValidateTokens([]admin.Token{{"", "read", "f"}, {"x", "admin", "f"}, {"x", "read", ""}, {"a:b", "read", "f"}})
	for _, want := range []string{"tokens::0::name", "tokens::1::role", "tokens::2::name", "tokens::2::file", "tokens::3::name"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("does not say %q: %v", want, err)
		}
	}
}

func TestANameOfATokenIsShortAndPrints(t *testing.T) {
	t.Parallel()
	for name, good := range map[string]bool{
		"ops": true, "운영팀 (Seoul)": true, `<b>"'&`: true, strings.Repeat("x", 64): true,
		strings.Repeat("x", 65): false, "a\nb": false, "a\x1b[31m": false, "a\u202eb": false, "a\u200b": false, "a\u2028b": false, "a\u0085b": false, "caf\xe9": false,
	} {
		err := admin.ValidateTokens([]admin.Token{{Name: name, Role: admin.RoleRead, File: "f"}})
		if (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
		if err != nil && (strings.ContainsAny(err.Error(), "\n\x1b\u202e\u200b\u2028\u0085") || strings.Contains(err.Error(), "\xe9")) {
			t.Errorf("the error repeats %q as it is: %q", name, err)
		}
	}
}

func TestOnlyTheListenersOwnNamesAreAnswered(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	session := s.loggedIn("the-read")
	for name, allowed := range map[string]bool{
		"localhost": true, "LOCALHOST:8445": true, "127.0.0.1:1": true, "127.9.9.9": true, "[::1]:8445": true, "admin.example.com": true, "ADMIN.example.com.:8445": true,
		"evil.example": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "admin.example.com.evil.example": false,
		"0.0.0.0:8445": false, "10.0.0.7": false, "[::]": false, "[::1": true,
	} {
		resp, body := s.do("GET", "/v1/tenants", "", bearer("the-read"), host(name))
		switch {
		case allowed && resp.StatusCode != 200:
			t.Errorf("%s: got %d %s", name, resp.StatusCode, body)
		case !allowed:
			s.refused(resp, body, 421, "configuration")
		}
		if page, _ := s.do("GET", "/", "", host(name), session); (page.StatusCode == 200) != allowed {
			t.Errorf("%s: the page answers %d", name, page.StatusCode)
		}
		if ready, _ := s.do("GET", "/v1/ready", "", host(name)); ready.StatusCode != 200 {
			t.Errorf("%s: a probe gets %d", name, ready.StatusCode)
		}
	}
}

func TestAnInvitationShowsItsSecretOnce(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	resp, body := s.do("POST", "/v1/invitations", `{"tenant":"acme","lifetime":"24h"}`, bearer("the-connect"), jsonBody)
	if want := `{"link":"https://connect.example.com/i/` + linkSecret + `","expires_at":"2026-03-01T12:00:00Z"}` + "\n"; resp.StatusCode != 201 || body != want {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	s.do("POST", "/v1/invitations", `{"tenant":"globex"}`, bearer("the-operate"), jsonBody)
	if got, want := fmt.Sprint(s.grants.invited), "[acme for 24h0m0s by the-connect globex for 72h0m0s by the-operate]"; got != want {
		t.Errorf("invited %s, want %s", got, want)
	}
	logged := fmt.Sprint(s.log.All())
	if strings.Contains(logged, linkSecret) || strings.Contains(fmt.Sprint(resp.Header), linkSecret) || strings.Contains(logged, secretOf("the-connect")) {
		t.Errorf("a secret is in the log or in a header: %s", logged)
	}
	if !strings.Contains(logged, "acme") || !strings.Contains(logged, "the-connect") {
		t.Errorf("the log does not say who invited whom: %s", logged)
	}
}

func TestWhatIsNoInvitationIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	for name, c := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"nothing":                    {"", 400, "JSON object"},
		"not JSON":                   {"tenant=acme", 400, "JSON object"},
		"a field that is not":        {`{"tenant":"acme","life":"1h"}`, 400, "life"},
		"more than an object":        {`{"tenant":"acme"}{}`, 400, "JSON object"},
		"too big":                    {`{"tenant":"` + strings.Repeat("a", 20<<10) + `"}`, 413, "16384 bytes"},
		"no tenant":                  {`{}`, 422, "tenant:"},
		"a tenant of two lines":      {`{"tenant":"acme\nlevel=error"}`, 422, "printable"},
		"a tenant that is too long":  {`{"tenant":"` + strings.Repeat("a", 257) + `"}`, 422, "256 bytes"},
		"a tenant that reorders":     {`{"tenant":"acme\u202e"}`, 422, "printable"},
		"a tenant without a page":    {`{"tenant":".."}`, 422, "cannot be part of an address"},
		"a tenant behind a space":    {`{"tenant":" acme"}`, 422, "must not begin or end with a space"},
		"a lifetime without a unit":  {`{"tenant":"acme","lifetime":"72"}`, 422, "72h"},
		"a lifetime below a minute":  {`{"tenant":"acme","lifetime":"1s"}`, 422, "lifetime:"},
		"a lifetime of a year":       {`{"tenant":"acme","lifetime":"8760h"}`, 422, "720h"},
		"a lifetime before creation": {`{"tenant":"acme","lifetime":"-1h"}`, 422, "lifetime:"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := s.do("POST", "/v1/invitations", c.body, bearer("the-connect"), jsonBody)
			s.refused(resp, body, c.status, c.says)
		})
	}
	resp, body := s.do("POST", "/v1/invitations", `{"tenant":"acme"}`, bearer("the-connect"))
	s.refused(resp, body, 415, "application/json")
	if len(s.grants.invited) > 0 {
		t.Errorf("invited %v all the same", s.grants.invited)
	}

	s.grants.err = fmt.Errorf("%w: the partner's client is rejected; replace its secret", admin.ErrRefused)
	resp, body = s.do("POST", "/v1/invitations", `{"tenant":"acme"}`, bearer("the-connect"), jsonBody)
	s.refused(resp, body, 409, "replace its secret")
	s.grants.err = fmt.Errorf("%w: no client of this name is configured", admin.ErrInvalid)
	resp, body = s.do("POST", "/v1/invitations", `{"tenant":"acme"}`, bearer("the-connect"), jsonBody)
	s.refused(resp, body, 422, "no client of this name")
	s.grants.err = errors.New("store /var/lib/x: no room")
	resp, body = s.do("POST", "/v1/invitations", `{"tenant":"acme"}`, bearer("the-connect"), jsonBody)
	s.refused(resp, body, 500, "log")
	if strings.Contains(body, "/var/lib") || s.log.FilterMessageSnippet("could not make").Len() != 1 {
		t.Errorf("an internal error belongs in the log only: %s", body)
	}
}

func TestBeforeTheGrantsAreLoadedNothingIsJudged(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{notReady: true})
	for _, r := range [][2]string{{"GET", "/v1/ready"}, {"GET", "/v1/tenants"}, {"GET", "/v1/tenants/acme"}, {"POST", "/v1/invitations"}} {
		resp, body := s.do(r[0], r[1], `{"tenant":"acme"}`, bearer("the-operate"), jsonBody)
		s.refused(resp, body, 503, "not loaded yet")
		if resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", r[1])
		}
	}
	resp, body := s.do("GET", "/", "", s.loggedIn("the-read"))
	if resp.StatusCode != 200 || !strings.Contains(body, "not loaded yet") || strings.Contains(body, "No customer") {
		t.Errorf("the page: %d %s", resp.StatusCode, body)
	}
}

func TestThePageShowsHostileNamesAsText(t *testing.T) {
	t.Parallel()
	hostile := `<script>alert("x")</script>` + "\u202e" + `'"><img src=x onerror=alert(1)>{{.}}</style><!--`
	status := acme()
	for _, field := range []*string{&status.Tenant, &status.Client, &status.Site, &status.OrgID, &status.OrgName, &status.Token, &status.TokenReason, &status.Key, &status.KeyReason, &status.Hold, &status.HoldReason, &status.KeyLast4} {
		*field = hostile
	}
	s := start(t, &grants{tenants: []admin.TenantStatus{status}})
	s.grants.sends = map[string][]admin.SendFigure{hostile: {{Signal: hostile, Intake: hostile, LastError: hostile, LastErrorAt: at}}}
	s.grants.audit = []admin.AuditRecord{{What: hostile, Tenant: hostile, Reason: hostile, Actor: admin.AuditActor{Kind: hostile, Name: hostile}, Changes: []admin.AuditChange{{Field: hostile, Before: hostile, After: hostile}}}}
	s.grants.reports.set(check.Report{Tenant: hostile, By: hostile, EndedAt: at, Steps: []check.Step{{Title: hostile, Lines: []check.Line{{What: hostile, Result: check.Fail, Evidence: hostile, Todo: hostile}}}}})
	for path, texts := range map[string]int{"/": 12, "/tenants/" + url.PathEscape(hostile): 24, "/tenants/" + url.PathEscape(hostile) + "/disconnect": 4, "/audit": 7, "/invitations?tenant=" + url.QueryEscape(hostile): 1} {
		resp, body := s.do("GET", path, "", s.loggedIn("the-operate"))
		if resp.StatusCode != 200 {
			t.Fatalf("got %d %s", resp.StatusCode, body)
		}
		for _, markup := range []string{"<script>", "<img", "<!--", "<style", "onerror=alert(1)>", "</style>"} {
			if strings.Contains(body, markup) {
				t.Errorf("%s holds %s", path, markup)
			}
		}
		if n := strings.Count(body, "&lt;script&gt;"); n < texts {
			t.Errorf("%s shows %d hostile texts, want %d", path, n, texts)
		}
	}
	if _, body := s.do("GET", "/v1/tenants", "", bearer("the-read")); strings.Contains(body, "<") || !json.Valid([]byte(body)) {
		t.Errorf("the API answers %s", body)
	}
}

func TestOffLoopbackTheListenerNeedsTLS(t *testing.T) {
	t.Parallel()
	for endpoint, plain := range map[string]bool{
		"localhost:8445": true, "127.0.0.1:8445": true, "127.8.8.8:0": true, "[::1]:8445": true,
		"0.0.0.0:8445": false, ":8445": false, "[::]:8445": false, "10.0.0.7:8445": false, "admin.example.com:8445": false, "localhost.evil.example:8445": false,
	} {
		if err := admin.ValidateEndpoint(endpoint, false); (err == nil) != plain {
			t.Errorf("%s without TLS: got %v", endpoint, err)
		}
		if err := admin.ValidateEndpoint(endpoint, true); err != nil {
			t.Errorf("%s with TLS: got %v", endpoint, err)
		}
	}
	if err := admin.ValidateEndpoint("8445", true); err == nil {
		t.Error("a port alone passes")
	}
}
