package admin_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

func TestEachButtonGivesItsOrder(t *testing.T) {
	t.Parallel()
	for action, c := range map[string]struct {
		fields []string
		order  string
		says   string
	}{
		"pause":   {[]string{"reason", " invoice "}, "pause acme because invoice by the-operate", "Paused"},
		"refresh": {nil, "refresh acme by the-operate", "The token was refreshed"},
		"mint":    {nil, "mint acme by the-operate", "There is a key"},
		"confirm": {[]string{"org_id", "o2", "sure", "yes"}, "confirm acme to o2 by the-operate", "Confirmed"},
		"reject":  {nil, "reject acme by the-operate", "Rejected"},
		"check":   {[]string{"consent", "yes"}, "check acme intrusive false consent true by the-operate", "The checks run"},
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			s := start(t, busy())
			operate := s.loggedIn("the-operate")
			page := s.press(operate, "/tenants/acme", "/tenants/acme/"+action, c.fields...)
			has(t, page, `class="notice good" role="status"><bdi>`+c.says)
			if got := strings.Join(s.grants.ordered, "; "); got != c.order {
				t.Errorf("ordered %q, want %q", got, c.order)
			}
			has(t, s.view(operate, "/tenants/acme"), "not "+c.says) // once
			if n := s.log.FilterMessageSnippet("carried out").Len(); n != 1 {
				t.Errorf("logged %d times", n)
			}
		})
	}
}

func TestACheckThatRunsCanBeStopped(t *testing.T) {
	t.Parallel()
	s := start(t, busy())
	running := aReport("acme")
	running.EndedAt = time.Time{}
	s.grants.reports.set(running)
	operate := s.loggedIn("the-operate")
	has(t, s.view(operate, "/tenants/acme"), "not Run the six checks")
	page := s.press(operate, "/tenants/acme", "/tenants/acme/check/stop")
	has(t, page, "The check ends; this page shows")
	resp, _ := s.do("DELETE", "/v1/tenants/acme/checks/latest", "", bearer("the-operate"))
	if resp.StatusCode != http.StatusNoContent || strings.Join(s.grants.ordered, "; ") != "stop check acme by the-operate; stop check acme by the-operate" {
		t.Errorf("%d, ordered %q", resp.StatusCode, s.grants.ordered)
	}
	if resp, _ := s.do("DELETE", "/v1/tenants/acme/checks/latest", "", bearer("the-read")); resp.StatusCode != http.StatusForbidden {
		t.Errorf("the role read stopped it: %d", resp.StatusCode)
	}
	s.grants.reports.set(aReport("acme"))
	has(t, s.view(operate, "/tenants/acme"), "Run the six checks", "not Stop the check")
}

func TestAnOrderThatIsRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	s := start(t, busy())
	operate := s.loggedIn("the-operate")
	page := s.press(operate, "/tenants/acme", "/tenants/acme/confirm", "org_id", "o2") // the box is not ticked
	has(t, page, `class="notice bad" role="alert"><bdi>Not done: tick the box`)
	page = s.press(operate, "/tenants/acme", "/tenants/acme/confirm", "sure", "yes") // and not which organisation was seen
	has(t, page, "Not done: the form names no organisation")
	page = s.press(operate, "/tenants/acme/disconnect", "/tenants/acme/disconnect", "name", "acne")
	has(t, page, "Not done: what was typed is not the tenant&#39;s name")
	csrf := csrfOf(s.view(operate, "/tenants/acme"))
	s.grants.err = fmt.Errorf("%w: the backup <b> is older", admin.ErrRefused)
	s.do("POST", "/tenants/acme/refresh", url.Values{"csrf": {csrf}}.Encode(), operate, formBody)
	s.grants.err = errors.New("host=db.internal: no answer")
	s.do("POST", "/tenants/acme/mint", url.Values{"csrf": {csrf}}.Encode(), operate, formBody)
	s.grants.err = nil
	has(t, s.view(operate, "/tenants/acme"), "Not done: refused: the backup &lt;b&gt; is older", "log says why", "not db.internal")
	if len(s.grants.ordered) > 0 {
		t.Errorf("ordered %v", s.grants.ordered)
	}
}

func TestDisconnectingAsksForTheName(t *testing.T) {
	t.Parallel()
	s := start(t, busy())
	operate := s.loggedIn("the-operate")
	form := url.Values{"csrf": {csrfOf(s.view(operate, "/tenants/acme/disconnect"))}}
	s.do("POST", "/tenants/acme/disconnect", form.Encode(), operate, formBody)
	if len(s.grants.ordered) > 0 {
		t.Errorf("without the name: ordered %v", s.grants.ordered)
	}
	has(t, s.view(operate, "/tenants/acme/disconnect"), "Acme Corp", "us3.datadoghq.com", "deleted there unless another tenant")
	page := s.press(operate, "/tenants/acme/disconnect", "/tenants/acme/disconnect", "name", "acme", "reason", "left")
	has(t, page, "Disconnected.")
	if got := strings.Join(s.grants.ordered, "; "); got != "disconnect acme because left by the-operate" {
		t.Errorf("ordered %q", got)
	}
}

func TestATenantIsDisconnectedByItsWholeName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tenant, path, typed string
		done                bool
	}{
		{"acme", "/tenants/acme", " acme ", true}, // pasted
		{" acme ", "/tenants/%20acme%20", " acme ", true},
		{" acme ", "/tenants/%20acme%20", "acme", false},
		{" ", "/tenants/%20", "", false},
	} {
		g := busy()
		g.tenants[0].Tenant = c.tenant
		s := start(t, g)
		operate := s.loggedIn("the-operate")
		form := url.Values{"csrf": {csrfOf(s.view(operate, c.path+"/disconnect"))}, "name": {c.typed}}
		s.do("POST", c.path+"/disconnect", form.Encode(), operate, formBody)
		if got := len(s.grants.ordered) == 1; got != c.done {
			t.Errorf("%q by %q: ordered %q", c.tenant, c.typed, s.grants.ordered)
		}
	}
}

func TestAFormOfAnotherLoginDoesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, busy())
	operate, other := s.loggedIn("the-operate"), s.loggedIn("the-operate")
	for _, csrf := range []string{"", "x", csrfOf(s.view(other, "/tenants/acme"))} {
		resp, _ := s.do("POST", "/tenants/acme/pause", url.Values{"csrf": {csrf}}.Encode(), operate, formBody)
		if resp.StatusCode != 403 {
			t.Errorf("with %q: got %d", csrf, resp.StatusCode)
		}
	}
	if len(s.grants.ordered) > 0 {
		t.Errorf("ordered %v", s.grants.ordered)
	}
}

func TestALinkIsShownOnceInTheAnswerItself(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"the-connect", "the-operate"} {
		s := start(t, &grants{})
		who := s.loggedIn(role)
		form := url.Values{"csrf": {csrfOf(s.view(who, "/invitations"))}, "tenant": {" globex "}, "lifetime": {"24h"}}
		resp, page := s.do("POST", "/invitations", form.Encode(), who, formBody)
		if resp.StatusCode != 200 || resp.Header.Get("Cache-Control") != "no-store" || !strings.Contains(page, "/i/"+linkSecret) {
			t.Errorf("%s: got %d %v %s", role, resp.StatusCode, resp.Header, page)
		}
		for _, path := range []string{"/invitations", "/"} {
			has(t, s.view(who, path), "not "+linkSecret)
		}
		if logged := fmt.Sprint(s.log.All()); strings.Contains(logged, linkSecret) || !strings.Contains(logged, "globex") {
			t.Errorf("logged %s", logged)
		}
		if got, want := fmt.Sprint(s.grants.invited), "[globex for 24h0m0s by "+role+"]"; got != want {
			t.Errorf("invited %s, want %s", got, want)
		}
		form.Set("tenant", "a\u202eb")
		if resp, page := s.do("POST", "/invitations", form.Encode(), who, formBody); resp.StatusCode != 422 || !strings.Contains(page, "printable") {
			t.Errorf("a tenant that reorders: %d %s", resp.StatusCode, page)
		}
		s.grants.err = fmt.Errorf("%w: no such client", admin.ErrRefused)
		form.Set("tenant", "globex")
		if resp, page := s.do("POST", "/invitations", form.Encode(), who, formBody); resp.StatusCode != 409 || !strings.Contains(page, "no such client") || !strings.Contains(page, `value="globex"`) {
			t.Errorf("refused: %d %s", resp.StatusCode, page)
		}
	}
}

func TestLinksThatWorkAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{})
	operate := s.loggedIn("the-operate")
	has(t, s.view(operate, "/invitations?tenant=acme"), `name="tenant" value="acme"`, "by <bdi>backend</bdi>")
	has(t, s.press(operate, "/invitations", "/invitations/0123456789ab/revoke"), "The link opens nothing any more")
	if got := fmt.Sprint(s.grants.ordered); got != "[revoke 0123456789ab by the-operate]" {
		t.Errorf("ordered %s", got)
	}
}

func TestAQuarantineIsEndedFromThePage(t *testing.T) {
	t.Parallel()
	s := start(t, &grants{quarantine: &admin.Quarantine{RestoredAt: at, BackupMadeAt: at, Spent: 3, Stopped: true}})
	operate := s.loggedIn("the-operate")
	has(t, s.view(operate, "/"), "Refreshes have stopped after 3", "2026-01-02 03:04:00 UTC")
	has(t, s.press(operate, "/", "/quarantine/end"), "The quarantine is over")
	if got := fmt.Sprint(s.grants.ordered); got != "[end quarantine by the-operate]" {
		t.Errorf("ordered %s", got)
	}
}

func TestTheAuditIsFilteredAndPaged(t *testing.T) {
	t.Parallel()
	s := start(t, audited())
	read := s.loggedIn("the-read")
	page := s.view(read, "/audit?tenant=acme&since=2026-01-01&until=2026-01-02&before=0000x")
	has(t, page, `value="acme"`, `value="2026-01-01"`, "<b>grant paused</b>", "paused by ops: invoice", "api", `<a href="/audit?before=`+url.QueryEscape(s.grants.next)+`&amp;since=2026-01-01&amp;tenant=acme&amp;until=2026-01-02" rel="next">Older</a>`, ">Newest</a>", "not <script>")
	if q := s.grants.asked; q.Tenant != "acme" || q.Before != "0000x" || q.Limit != 50 || q.Since.Format("01-02 15") != "01-01 00" || q.Until.Format("01-02 15") != "01-03 00" {
		t.Errorf("asked for %+v", q)
	}
	has(t, s.view(read, "/audit?since=yesterday"), "write a day as 2026-01-31", "not grant paused")
	s.grants.err = errors.New("host=db.internal")
	has(t, s.view(read, "/audit"), "log says why", "not db.internal")
}
