package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
)

// reports are what the grants of a test know of checks.
type reports struct {
	mu     sync.Mutex // guards the rest
	latest map[string]check.Report
	read   int // how often one was
}

func (r *reports) set(report check.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.latest == nil {
		r.latest = map[string]check.Report{}
	}
	r.latest[report.Tenant] = report
}

func (g *grants) StartCheck(_ context.Context, tenant string, o admin.CheckOptions, by string) (string, error) {
	return "0123456789abcdef", g.order("check", tenant, "intrusive", o.Intrusive, "consent", o.Consent, "by", by)
}

func (g *grants) StopCheck(_ context.Context, tenant, by string) error {
	return g.order("stop check", tenant, "by", by)
}

func (g *grants) CheckReport(_ context.Context, tenant string) (check.Report, bool, error) {
	g.reports.mu.Lock()
	defer g.reports.mu.Unlock()
	g.reports.read++
	r, ok := g.reports.latest[tenant]
	return r, ok, g.err
}

func (g *grants) LatestChecks(_ context.Context, after string, limit int, yield func(check.Report)) (next string, err error) {
	g.reports.mu.Lock()
	defer g.reports.mu.Unlock()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(g.reports.latest)), func(name string) bool { return name <= after })
	for i, name := range names {
		if i == limit {
			return names[i-1], g.err
		}
		yield(g.reports.latest[name])
	}
	return "", g.err
}

func aReport(tenant string) check.Report {
	return check.Report{
		ID: "0123456789abcdef", Tenant: tenant, By: "the-operate", StartedAt: at, EndedAt: at.Add(time.Minute), Client: "main", Site: "datadoghq.eu", OrgID: "o1", OrgName: "<script>x</script>",
		Steps: []check.Step{{Number: 1, Title: "Authorisation works", Lines: []check.Line{
			{ID: "step1.a", What: "a", Result: check.Pass, Evidence: "seen"}, {ID: "step1.b", What: "b", Result: check.Fail, Evidence: "seen", Todo: "cure it"},
		}}},
	}
}

func TestACheckBegins(t *testing.T) {
	t.Parallel()
	g := &grants{}
	s := start(t, g)
	for body, want := range map[string]string{
		"":                    "check acme intrusive false consent false by the-operate",
		"{}":                  "check acme intrusive false consent false by the-operate",
		`{"consent":true}`:    "check acme intrusive false consent true by the-operate",
		`{"intrusive": true}`: "check acme intrusive true consent false by the-operate",
	} {
		g.ordered = nil
		resp, answer := s.do("POST", "/v1/tenants/acme/checks", body, bearer("the-operate"), jsonBody)
		if resp.StatusCode != http.StatusAccepted || answer != `{"id":"0123456789abcdef"}`+"\n" || resp.Header.Get("Location") != "/v1/tenants/acme/checks/latest" {
			t.Errorf("%s: %d %s %v", body, resp.StatusCode, answer, resp.Header)
		}
		if len(g.ordered) != 1 || g.ordered[0] != want {
			t.Errorf("%s: ordered %q", body, g.ordered)
		}
	}
	for _, role := range []string{"the-read", "the-connect"} {
		resp, answer := s.do("POST", "/v1/tenants/acme/checks", "", bearer(role))
		s.refused(resp, answer, 403, "this needs operate")
	}
	resp, answer := s.do("POST", "/v1/tenants/acme/checks", `{"force":true}`, bearer("the-operate"), jsonBody)
	s.refused(resp, answer, 400, "force")
	g.err = fmt.Errorf("%w: one runs", admin.ErrRefused)
	resp, answer = s.do("POST", "/v1/tenants/acme/checks", "", bearer("the-operate"))
	s.refused(resp, answer, 409, "one runs")
	g.err = errors.New("secret detail")
	resp, answer = s.do("POST", "/v1/tenants/acme/checks", "", bearer("the-operate"))
	s.refused(resp, answer, 500, "log")
}

func TestTheLatestReportIsWaitedFor(t *testing.T) {
	t.Parallel()
	g := &grants{}
	s := start(t, g)
	resp, answer := s.do("GET", "/v1/tenants/acme/checks/latest", "", bearer("the-read"))
	s.refused(resp, answer, 404, "POST /v1/tenants/{tenant}/checks")
	running := aReport("acme")
	running.EndedAt = time.Time{}
	g.reports.set(running)
	if resp, answer := s.do("GET", "/v1/tenants/acme/checks/latest?wait=1ms", "", bearer("the-read")); resp.StatusCode != 200 || strings.Contains(answer, "ended_at") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	time.AfterFunc(50*time.Millisecond, func() { g.reports.set(aReport("acme")) })
	began := time.Now()
	resp, answer = s.do("GET", "/v1/tenants/acme/checks/latest?wait=30s", "", bearer("the-read"))
	var report check.Report
	if err := json.Unmarshal([]byte(answer), &report); err != nil || resp.StatusCode != 200 || report.Running() || len(report.Steps) != 1 {
		t.Errorf("%d %v %s", resp.StatusCode, err, answer)
	}
	if waited := time.Since(began); waited > 10*time.Second {
		t.Errorf("the end was answered after %s", waited)
	}
	for query, says := range map[string]string{"wait=61s": "at most 1m0s", "wait=-1s": "at most", "wait=x": "at most", "wait=%zz": "no list", "waits=25s": "no parameter", "wait=1s&wait=2s": "once"} {
		resp, answer := s.do("GET", "/v1/tenants/acme/checks/latest?"+query, "", bearer("the-read"))
		s.refused(resp, answer, 422, says)
	}
	resp, answer = s.do("GET", "/v1/tenants/acme/checks/latest", "", bearer("the-connect"))
	s.refused(resp, answer, 403, "read or operate")
}

func TestTheLinkOfACheckIsForOperators(t *testing.T) {
	t.Parallel()
	g := busy()
	s := start(t, g)
	waiting := aReport("acme")
	waiting.EndedAt, waiting.ConsentLink = time.Time{}, "https://connect.partner.example/i/"+linkSecret
	g.reports.set(waiting)
	for role, seen := range map[string]bool{"the-read": false, "the-operate": true} {
		resp, body := s.do("GET", "/v1/tenants/acme/checks/latest", "", bearer(role))
		if resp.StatusCode != 200 || strings.Contains(body, linkSecret) != seen || !strings.Contains(body, "step1.a") {
			t.Errorf("%s: %d %s", role, resp.StatusCode, body)
		}
		page := s.view(s.loggedIn(role), "/tenants/acme")
		if has(t, page, "The check waits for a consent."); strings.Contains(page, linkSecret) != seen {
			t.Errorf("%s: %s", role, page)
		}
		if _, body := s.do("GET", "/v1/tenants/acme/checks/latest/report", "", bearer(role)); strings.Contains(body, linkSecret) {
			t.Errorf("%s: the file holds the link", role)
		}
	}
}

func TestAReportIsAFileThatDoesNothing(t *testing.T) {
	t.Parallel()
	g := &grants{}
	s := start(t, g)
	g.reports.set(aReport("<b>"))
	for accept, media := range map[string]string{
		"": "application/json", "*/*": "application/json", "application/json": "application/json", "text/html": "text/html; charset=utf-8",
		"text/html,application/json;q=0.9": "text/html; charset=utf-8", "text/html;q=0.1, application/json": "application/json",
	} {
		resp, body := s.do("GET", "/v1/tenants/%3Cb%3E/checks/latest/report", "", bearer("the-read"), func(r *http.Request) { r.Header.Set("Accept", accept) })
		h := resp.Header
		if resp.StatusCode != 200 || h.Get("Content-Type") != media {
			t.Errorf("%q: %d %s", accept, resp.StatusCode, h.Get("Content-Type"))
		}
		if policy := h.Get("Content-Security-Policy"); len(h.Values("Content-Security-Policy")) != 1 || !strings.HasPrefix(policy, "sandbox; default-src 'none'; ") {
			t.Errorf("%q: policy %q", accept, policy)
		}
		if name := h.Get("Content-Disposition"); !strings.HasPrefix(name, `attachment; filename="report-`) || strings.ContainsAny(name, "<>") {
			t.Errorf("%q: %s", accept, name)
		}
		if strings.Contains(body, "<script") || strings.Contains(body, "<b></b>") {
			t.Errorf("%q: a name is markup: %s", accept, body)
		}
	}
}

func TestChecksAreListed(t *testing.T) {
	t.Parallel()
	g := &grants{}
	s := start(t, g)
	if resp, body := s.do("GET", "/v1/checks", "", bearer("the-read")); resp.StatusCode != 200 || body != `{"checks":[]}`+"\n" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	g.reports.set(aReport("acme"))
	const want = `{"checks":[{"tenant":"acme","id":"0123456789abcdef","by":"the-operate","client":"main","site":"datadoghq.eu","org_id":"o1",` +
		`"started_at":"2026-01-02T03:04:00Z","ended_at":"2026-01-02T03:05:00Z","passed":1,"failed":1,"not_tested":0}]}`
	if resp, body := s.do("GET", "/v1/checks", "", bearer("the-operate")); resp.StatusCode != 200 || body != want+"\n" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
