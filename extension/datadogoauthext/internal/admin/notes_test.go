package admin_test

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// notes are what was to be recorded.
type notes struct {
	mu  sync.Mutex // guards all
	all []audit.Record
}

func (g *grants) Note(ctx context.Context, r audit.Record) {
	if by := grant.ActorOf(ctx); by != (grant.Actor{}) {
		r.Actor = by
	}
	g.notes.mu.Lock()
	defer g.notes.mu.Unlock()
	g.notes.all = append(g.notes.all, r)
}

// noted are the lines of what was recorded since the last call.
func (g *grants) noted() []string {
	g.notes.mu.Lock()
	defer g.notes.mu.Unlock()
	var lines []string
	for _, r := range g.notes.all {
		what := r.What
		if r.Minor {
			what += " (minor)"
		}
		lines = append(lines, fmt.Sprintf("%s %s %s: %s [%s] %s", r.Actor.Kind, r.Actor.Name, r.Actor.Via, what, r.Tenant, r.Reason))
	}
	g.notes.all = nil
	return lines
}

func wantNoted(t *testing.T, g *grants, want ...string) {
	t.Helper()
	if got := g.noted(); !slices.Equal(got, want) {
		t.Errorf("recorded:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatOperatorsDoIsRecorded(t *testing.T) {
	t.Parallel()
	g := &grants{tenants: []admin.TenantStatus{{Tenant: "acme"}}}
	g.reports.set(check.Report{ID: "1", Tenant: "acme"})
	g.archive = func(w io.Writer) error { _, err := io.WriteString(w, "sealed"); return err }
	s := start(t, g)
	b := newBrowser(t, s.Config.Handler, "http://localhost:8445", "192.0.2.7")
	b.login("the-operate")
	wantNoted(t, g, "operator the-operate page: operator logged in (minor) [] from 192.0.2.7:12345")
	b.do("GET", "/tenants/acme/report.html", "")
	b.do("GET", "/tenants/acme/report.json", "")
	s.do("GET", "/v1/tenants/acme/checks/latest/report", "", bearer("the-read"))
	wantNoted(t, g, "operator the-operate page: report downloaded [acme] ", "operator the-read api: report downloaded [acme] ")
	s.do("GET", "/v1/store/archive", "", bearer("the-operate"))
	wantNoted(t, g, "operator the-operate api: backup downloaded [] ")
	b.do("POST", "/logout", url.Values{"csrf": {csrfOf(b.do("GET", "/", "").Body.String())}}.Encode())
	wantNoted(t, g, "operator the-operate page: operator logged out (minor) [] ")
}

func TestASessionThatItsTokenEndsIsRecorded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	write := func(secret string) {
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secretOf("ops"))
	g := &grants{}
	h := admin.New(admin.Options{Grants: g, Tokens: []admin.Token{{Name: "ops", Role: admin.RoleRead, File: file}}, Endpoint: "localhost:8445"}).Handler()
	b := newBrowser(t, h, "http://localhost:8445", "192.0.2.7")
	b.login("ops")
	g.noted()
	write(secretOf("another"))
	for range 3 {
		if resp := b.do("GET", "/", ""); resp.Code != 303 {
			t.Errorf("got %d", resp.Code)
		}
	}
	wantNoted(t, g, "  : session ended (minor) [] the token ops was replaced, removed or cannot be read")
}

// TestWhatCanHappenAllTheTimeIsCounted: failed logins and refused roles.
func TestWhatCanHappenAllTheTimeIsCounted(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	synctest.Test(t, func(t *testing.T) {
		b := newBrowser(t, s.Config.Handler, "http://localhost:8445", "192.0.2.7")
		wrong := loginForm("the-read", "wr0ngS3cret", "")
		for range 5 {
			b.do("POST", "/login", wrong)
		}
		wantNoted(t, s.grants, "unknown  page: login failed [] from 192.0.2.7/32")
		b.do("GET", "/v1/tenants", "", header("Authorization", "Bearer wr0ngS3cret"))
		b.do("GET", "/v1/tenants", "") // is no attempt
		wantNoted(t, s.grants)
		time.Sleep(time.Minute)
		b.do("GET", "/v1/tenants", "", header("Authorization", "Bearer wr0ngS3cret"))
		wantNoted(t, s.grants, "unknown  api: login failed [] from 192.0.2.7/32; 6 times since the record before")
		b.do("POST", "/login", wrong)
		time.Sleep(time.Minute)
		newBrowser(t, s.Config.Handler, "http://localhost:8445", "198.51.100.1").do("POST", "/login", wrong)
		wantNoted(t, s.grants, "unknown  page: login failed [] from 198.51.100.1/32; 1 more of others, which have no record")

		for range 3 {
			b.do("POST", "/v1/tenants/acme/pause", "", bearer("the-read"))
		}
		wantNoted(t, s.grants, "operator the-read api: role refused [acme] the token the-read has the role read; this needs operate: POST /v1/tenants/{tenant}/pause")
		time.Sleep(time.Minute)
		b.login("the-connect")
		s.grants.noted()
		b.do("GET", "/audit", "")
		wantNoted(t, s.grants, "operator the-connect page: role refused [] the token the-connect has the role connect; this needs read or operate: GET /audit; 2 more of others, which have no record")

		for i := range 1000 { // a botnet
			newBrowser(t, s.Config.Handler, "http://localhost:8445", fmt.Sprintf("10.0.%d.%d", i/250, i%250)).do("POST", "/login", wrong)
		}
		if n := len(s.grants.noted()); n < 50 || n > 101 {
			t.Errorf("%d records in one moment", n)
		}
	})
}
