package admin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

var at = time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)

// ordered notes what was asked for, in the words of the test.
func (g *grants) order(what ...any) error {
	if g.err == nil {
		g.ordered = append(g.ordered, strings.TrimSuffix(fmt.Sprintln(what...), "\n"))
	}
	return g.err
}

func (g *grants) Pause(_ context.Context, tenant, reason, by string) error {
	return g.order("pause", tenant, "because", reason, "by", by)
}
func (g *grants) Resume(_ context.Context, tenant, by string) error {
	return g.order("resume", tenant, "by", by)
}
func (g *grants) Disconnect(_ context.Context, tenant, reason, by string) error {
	return g.order("disconnect", tenant, "because", reason, "by", by)
}
func (g *grants) MintAgain(_ context.Context, tenant, by string) error {
	return g.order("mint", tenant, "by", by)
}
func (g *grants) ConfirmChange(_ context.Context, tenant, orgID, by string) error {
	return g.order("confirm", tenant, "to", orgID, "by", by)
}
func (g *grants) RejectChange(_ context.Context, tenant, by string) error {
	return g.order("reject", tenant, "by", by)
}
func (g *grants) RevokeInvitation(_ context.Context, id, by string) error {
	return g.order("revoke", id, "by", by)
}
func (g *grants) EndQuarantine(_ context.Context, by string) error {
	return g.order("end quarantine by", by)
}
func (g *grants) Invitations(context.Context) ([]admin.OpenInvitation, error) {
	if g.links != nil {
		return slices.Clone(g.links), g.err
	}
	return []admin.OpenInvitation{{ID: "0123456789ab", Tenant: "acme", Client: "main", CreatedAt: at, ExpiresAt: at.Add(time.Hour), CreatedBy: "backend"}}, g.err
}
func (g *grants) Revocations(context.Context) ([]admin.Revocation, error) {
	if g.revocations != nil {
		return slices.Clone(g.revocations), g.err
	}
	return []admin.Revocation{
		{Tenant: "younger", Client: "main", Site: "datadoghq.eu", OrgID: "o2", AskedAt: at.Add(time.Hour)},
		{Tenant: "older", Client: "main", Site: "datadoghq.eu", OrgID: "o1", Why: "disconnected by ops", DropKey: true, AskedAt: at, NextAt: at.Add(time.Minute), Attempts: 2, Reason: "api.datadoghq.eu: 503"},
	}, g.err
}
func (g *grants) Quarantine() (admin.Quarantine, bool) {
	if g.quarantine == nil {
		return admin.Quarantine{}, false
	}
	return *g.quarantine, true
}
func (g *grants) Archive(_ context.Context, w io.Writer) error { return g.archive(w) }

func moving() admin.TenantStatus {
	status := acme()
	status.Pending = &admin.PendingChange{
		Tenant: "acme", Client: "main", Site: "datadoghq.eu", OrgID: "0f8b1c7e-0000-4000-8000-000000000002", OrgName: "Acme <GmbH>",
		FromSite: status.Site, FromOrgID: status.OrgID, FromOrgName: status.OrgName, CreatedAt: at, ExpiresAt: at.Add(24 * time.Hour),
	}
	return status
}

func TestOrdersReachTheGrantsWithWhoGaveThem(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{tenants: []admin.TenantStatus{acme()}})
	for _, c := range []struct{ path, body, want string }{
		{"pause", `{"reason":"unpaid"}`, "pause acme because unpaid by the-operate"},
		{"pause", "", "pause acme because  by the-operate"},
		{"resume", "", "resume acme by the-operate"},
		{"resume", "{}", "resume acme by the-operate"},
		{"disconnect", `{"reason":"left"}`, "disconnect acme because left by the-operate"},
		{"mint", "", "mint acme by the-operate"},
		{"refresh", "", "refresh acme by the-operate"},
		{"change/confirm", `{"org_id":"o2"}`, "confirm acme to o2 by the-operate"},
		{"change/reject", "", "reject acme by the-operate"},
	} {
		s.grants.ordered = nil
		resp, body := s.do("POST", "/v1/tenants/acme/"+c.path, c.body, bearer("the-operate"), jsonBody)
		if resp.StatusCode != 200 || !strings.HasPrefix(body, `{"tenant":"acme",`) {
			t.Errorf("%s: got %d %s", c.path, resp.StatusCode, body)
		}
		if got := strings.Join(s.grants.ordered, "; "); got != c.want {
			t.Errorf("%s: ordered %q, want %q", c.path, got, c.want)
		}
	}
	if resp, body := s.do("DELETE", "/v1/invitations/0123456789ab", "", bearer("the-operate")); resp.StatusCode != 204 || body != "" {
		t.Errorf("revoke: got %d %s", resp.StatusCode, body)
	}
	if resp, body := s.do("POST", "/v1/quarantine/end", "", bearer("the-operate")); resp.StatusCode != 200 || body != `{"quarantined":false}`+"\n" {
		t.Errorf("end quarantine: got %d %s", resp.StatusCode, body)
	}
	for _, line := range s.log.FilterMessage("an operator's order was carried out").All() {
		if line.ContextMap()["by"] != "the-operate" || line.ContextMap()["order"] == "" {
			t.Errorf("the log does not say who ordered what: %v", line.ContextMap())
		}
	}
	if n := s.log.FilterMessage("an operator's order was carried out").Len(); n != 11 {
		t.Errorf("%d of 11 orders are in the log", n)
	}
}

func TestOnlyOperatorsOrder(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{tenants: []admin.TenantStatus{moving()}, archive: func(io.Writer) error { return nil }})
	login := s.loggedIn("the-operate")
	for _, path := range []string{
		"POST /v1/tenants/acme/pause", "POST /v1/tenants/acme/resume", "POST /v1/tenants/acme/disconnect", "POST /v1/tenants/acme/mint", "POST /v1/tenants/acme/refresh", "POST /v1/tenants/acme/change/confirm",
		"POST /v1/tenants/acme/change/reject", "DELETE /v1/invitations/0123456789ab", "GET /v1/store/archive", "POST /v1/quarantine/end",
	} {
		method, path, _ := strings.Cut(path, " ")
		for name, auth := range map[string]change{
			"read": bearer("the-read"), "connect": bearer("the-connect"), "nobody": func(*http.Request) {}, "a login": login,
		} {
			if resp, _ := s.do(method, path, `{"org_id":"o2"}`, auth, jsonBody); resp.StatusCode != 401 && resp.StatusCode != 403 {
				t.Errorf("%s %s: %s gets %d", method, path, name, resp.StatusCode)
			}
		}
	}
	for _, path := range []string{"/v1/changes", "/v1/revocations", "/v1/invitations", "/v1/quarantine", "/v1/incidents"} {
		if resp, _ := s.do("GET", path, "", bearer("the-connect")); resp.StatusCode != 403 {
			t.Errorf("%s: connect gets %d", path, resp.StatusCode)
		}
		if resp, _ := s.do("GET", path, "", bearer("the-read")); resp.StatusCode != 200 {
			t.Errorf("%s: read gets %d", path, resp.StatusCode)
		}
	}
	if len(s.grants.ordered) > 0 {
		t.Errorf("ordered all the same: %v", s.grants.ordered)
	}
}

func TestWhatCannotBeDoneIsSaid(t *testing.T) {
	t.Parallel()
	g := &grants{tenants: []admin.TenantStatus{acme()}}
	s := start(t, g)
	for name, c := range map[string]struct {
		path, body string
		err        error
		status     int
		says       string
	}{
		"a reason that is not taken":     {path: "resume", body: `{"reason":"x"}`, status: 400, says: "reason"},
		"no JSON":                        {path: "pause", body: "reason=x", status: 400, says: "JSON object"},
		"a change that nobody looked at": {path: "change/confirm", body: "{}", status: 422, says: "GET /v1/changes"},
		"refused":                        {path: "mint", err: fmt.Errorf("%w: acme is disconnected; send the connect link", admin.ErrRefused), status: 409, says: "send the connect link"},
		"unknown":                        {path: "pause", err: fmt.Errorf("%w: nobody", admin.ErrUnknown), status: 404, says: "nobody"},
		"the store is down":              {path: "pause", err: errors.New("host=db.internal: no answer"), status: 500, says: "log says why"},
	} {
		g.err = c.err
		resp, body := s.do("POST", "/v1/tenants/acme/"+c.path, c.body, bearer("the-operate"), jsonBody)
		s.refused(resp, body, c.status, c.says)
		if strings.Contains(body, "db.internal") {
			t.Errorf("%s: tells of the inside: %s", name, body)
		}
	}
	g.err = nil
	resp, body := s.do("POST", "/v1/tenants/a%0Ab/pause", "", bearer("the-operate"))
	s.refused(resp, body, 422, "printable")
	if _, _ = s.do("POST", "/v1/tenants/%20acme/pause", "", bearer("the-operate")); len(g.ordered) != 1 || !strings.HasPrefix(g.ordered[0], "pause  acme") {
		t.Errorf("a tenant that no link may name, and which is there: ordered %q", g.ordered)
	}
}

func TestPendingChangesAreShownEverywhere(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{tenants: []admin.TenantStatus{moving(), {Tenant: "beta"}}})
	const want = `{"tenant":"acme","client":"main","site":"datadoghq.eu","org":{"id":"0f8b1c7e-0000-4000-8000-000000000002","name":"Acme \u003cGmbH\u003e"},` +
		`"from":{"site":"us3.datadoghq.com","org":{"id":"0f8b1c7e-0000-4000-8000-000000000001","name":"Acme Corp"}},"created_at":"2026-01-02T03:04:00Z","expires_at":"2026-01-03T03:04:00Z"}`
	if _, body := s.do("GET", "/v1/changes", "", bearer("the-read")); body != `{"changes":[`+want+`],"total":1}`+"\n" {
		t.Errorf("changes: %s", body)
	}
	if _, body := s.do("GET", "/v1/tenants/acme", "", bearer("the-read")); !strings.Contains(body, `"pending_change":`+want) {
		t.Errorf("tenant: %s", body)
	}
	_, page := s.do("GET", "/", "", s.loggedIn("the-read"))
	for _, text := range []string{`class="chip bad">Change pending<`, "Acme &lt;GmbH&gt; of datadoghq.eu", "2026-01-03 03:04:00 UTC"} {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %s", text)
		}
	}
}

func TestListsOfWhatIsOpen(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{quarantine: &admin.Quarantine{RestoredAt: at, BackupMadeAt: at.Add(-time.Hour), Spent: 3, Stopped: true}})
	for path, want := range map[string]string{
		"/v1/invitations": `{"invitations":[{"id":"0123456789ab","tenant":"acme","client":"main","created_at":"2026-01-02T03:04:00Z","expires_at":"2026-01-02T04:04:00Z","created_by":"backend"}],"total":1}`,
		"/v1/revocations": `{"revocations":[{"tenant":"older","client":"main","site":"datadoghq.eu","org_id":"o1","why":"disconnected by ops","delete_key":true,"asked_at":"2026-01-02T03:04:00Z","attempts":2,"next_at":"2026-01-02T03:05:00Z","last_error":"api.datadoghq.eu: 503"},` +
			`{"tenant":"younger","client":"main","site":"datadoghq.eu","org_id":"o2","delete_key":false,"asked_at":"2026-01-02T04:04:00Z","attempts":0}],"total":2}`,
		"/v1/quarantine": `{"quarantined":true,"restored_at":"2026-01-02T03:04:00Z","backup_made_at":"2026-01-02T02:04:00Z","spent":3,"stopped":true}`,
	} {
		if resp, body := s.do("GET", path, "", bearer("the-operate")); resp.StatusCode != 200 || body != want+"\n" {
			t.Errorf("%s: got %d %s", path, resp.StatusCode, body)
		}
	}
	if _, page := s.do("GET", "/", "", s.loggedIn("the-read")); !strings.Contains(page, "came from a backup of 2026-01-02 02:04:00 UTC") || !strings.Contains(page, "Refreshes have stopped after 3") {
		t.Errorf("the page says nothing of the quarantine: %s", page)
	}
	s.grants.err = errors.New("host=db.internal: no answer")
	for _, path := range []string{"/v1/invitations", "/v1/revocations"} {
		resp, body := s.do("GET", path, "", bearer("the-operate"))
		s.refused(resp, body, 500, "log says why")
	}
}

func TestABackupIsWholeOrCutOff(t *testing.T) {
	t.Parallel()
	g := &grants{}
	s := start(t, g)
	g.archive = func(w io.Writer) error {
		_, err := io.WriteString(w, "sealed\nwhole\n")
		return err
	}
	resp, body := s.do("GET", "/v1/store/archive", "", bearer("the-operate"))
	if resp.StatusCode != 200 || body != "sealed\nwhole\n" || resp.Header.Get("Content-Type") != "application/octet-stream" || resp.Header.Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(resp.Header.Get("Content-Disposition"), `attachment; filename="datadogoauth-2`) {
		t.Errorf("got %d %v %q", resp.StatusCode, resp.Header, body)
	}
	if n := s.log.FilterMessage("an operator's order was carried out").Len(); n != 1 {
		t.Errorf("the backup is in the log %d times", n)
	}
	g.archive = func(io.Writer) error { return errors.New("the database does not answer") }
	resp, body = s.do("GET", "/v1/store/archive", "", bearer("the-operate"))
	s.refused(resp, body, 500, "log says why")
	g.archive = func(w io.Writer) error {
		_, _ = io.WriteString(w, strings.Repeat("sealed", 10_000))
		return errors.New("the database went away")
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/v1/store/archive", nil)
	if err != nil {
		t.Fatal(err)
	}
	bearer("the-operate")(r)
	resp, err = s.Client().Do(r)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err == nil {
		t.Error("a backup that ended early looks whole")
	}
}

func TestProbesLearnNoMoreThanThatTheStoreCannotBeRead(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{notReady: true, why: "the database db.internal does not answer"})
	resp, body := s.do("GET", "/v1/ready", "")
	s.refused(resp, body, 503, "the store cannot be read")
	if strings.Contains(body, "db.internal") {
		t.Errorf("a stranger learns %s", body)
	}
	resp, body = s.do("GET", "/v1/tenants", "", bearer("the-read"))
	s.refused(resp, body, 503, "db.internal")
	if _, page := s.do("GET", "/", "", s.loggedIn("the-read")); !strings.Contains(page, "db.internal") {
		t.Errorf("the page does not say why: %s", page)
	}
}
