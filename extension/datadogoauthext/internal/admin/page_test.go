package admin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
)

// view gets a page, as somebody who is logged in.
func (s *server) view(as change, path string) string {
	s.t.Helper()
	resp, body := s.do("GET", path, "", as)
	if resp.StatusCode != 200 {
		s.t.Fatalf("%s: got %d %s", path, resp.StatusCode, body)
	}
	return body
}

// press sends a form as the page has it, with these fields set, and returns the page that it leads to.
func (s *server) press(as change, page, action string, fields ...string) string {
	s.t.Helper()
	body := s.view(as, page)
	if !strings.Contains(body, `action="`+action+`"`) {
		s.t.Fatalf("%s has no form for %s", page, action)
	}
	form := url.Values{"csrf": {csrfOf(body)}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	resp, body := s.do("POST", action, form.Encode(), as, formBody)
	if resp.StatusCode != 303 {
		return body
	}
	return s.view(as, resp.Header.Get("Location"))
}

func csrfOf(page string) string {
	m := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return m[1]
}

// has fails for each text that is not on the page, and for each that begins with "not " and is.
func has(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		text, unwanted := strings.CutPrefix(text, "not ")
		if strings.Contains(page, text) == unwanted {
			t.Errorf("on the page: %v, of %s", !unwanted, text)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

// busy is a tenant with everything that a page can show.
func busy() *grants {
	now := time.Now()
	status := acme()
	status.KeyMintedAt, status.KeySince = now.Add(-50*time.Hour), now.Add(-5*time.Hour)
	status.Refused = []admin.RefusedIntake{{Intake: "spans", Since: at}}
	status.Pending = moving().Pending
	g := &grants{
		tenants: []admin.TenantStatus{status, {Tenant: "globex & co", Token: "none", Key: "none", Hold: "paused", HoldReason: "paused by ops: invoice"}},
		sends: map[string][]admin.SendFigure{"acme": {
			{Signal: "logs", Intake: "logs", LastSent: now.Add(-3 * time.Minute), LastError: "timeout", LastErrorAt: now.Add(-2 * time.Hour)},
			{Signal: "metrics", Intake: "series", LastSent: now.Add(-5 * time.Second), LastError: "send series of tenant acme to us3.datadoghq.com: 403 <b>", LastErrorAt: now.Add(-2 * time.Second), Parked: 1204, ParkedSince: now.Add(-4 * time.Minute)},
		}},
		history: admin.SendHistory{Step: 5 * time.Minute, End: at, Sent: []uint32{0, 4, 1200}, Refused: []uint32{0, 1, 0}},
		audit:   audited().audit,
	}
	g.reports.set(check.Report{ID: "r1", Tenant: "acme", By: "ops", StartedAt: now.Add(-time.Hour), EndedAt: now.Add(-59 * time.Minute), Steps: []check.Step{
		{Number: 1, Title: "Consent", Lines: []check.Line{{ID: "step1.link", What: "link with a site", Result: check.Pass, Evidence: "302 to us3"}}},
		{Number: 2, Title: "Key", Lines: []check.Line{{ID: "step2.v1", What: "validate", Result: check.Fail, Evidence: "<403>", Todo: "mint again"}, {ID: "step2.second", What: "second key", Result: check.NotTested}}},
		{Number: 5, Title: "Data", Lines: []check.Line{{ID: "step5.scope", What: "scopes", Result: check.Pass}, {ID: "step5.log", What: "log", Result: check.NotTested}}},
	}})
	return g
}

func TestTheListSaysWhoseDataFlows(t *testing.T) {
	t.Parallel()
	s := start(t, busy())
	page := s.view(s.loggedIn("the-read"), "/")
	has(t, page,
		`<a href="/tenants/acme"><bdi>acme</bdi></a><span data-k="flow" class="flow on">sending</span>`,
		`<a href="/tenants/globex%20&amp;%20co"><bdi>globex &amp; co</bdi></a><span data-k="flow" class="flow">not sending</span>`,
		"us3.datadoghq.com", "Acme Corp", "no organisation yet", "…9f3c", `data-k="keyage" class="soft">2 days<`,
		`class="chip bad">Token reauthorise<`, `class="why bad">Token: revoked: send the customer a connect link<`, `class="chip good">Key ok<`,
		`class="chip wait">Hold paused<`, `class="why wait">Hold: paused by ops: invoice<`,
		`class="chip bad">Change pending<`, `class="chip bad">Refused by spans<`, "since 2026-01-02 03:04:00 UTC with 403 although the key is valid",
		`class="">5 s ago<`, `class="soft">metrics, series<`, `class="why bad">2 s ago, series: 403 &lt;b&gt;<`, ">1,204 items<", ">oldest 4 min<",
		`<dt>Tenants</dt><dd data-k="n-all" class="">2</dd>`, `<dt><a href="/?state=paused">Paused</a></dt><dd data-k="n-paused" class="wait">1</dd>`,
		"https://connect.example.com", "2 tenants",
		"not <button>Show</button> <a", "not Next page", "not >Pause<",
	)
}

// An intake that fails is not hidden by the newer error of one that takes data again.
func TestTheRowOfATenantShowsTheIntakeThatFails(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ago := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	recovered := admin.SendFigure{Signal: "metrics", Intake: "series", LastSent: ago(1), LastError: "timeout", LastErrorAt: ago(2)}
	older := admin.SendFigure{Signal: "traces", Intake: "traces", LastSent: ago(1), LastError: "reset", LastErrorAt: ago(20)}
	fails := admin.SendFigure{Signal: "logs", Intake: "logs", LastSent: ago(30), LastError: "503", LastErrorAt: ago(10)}
	failsLonger := admin.SendFigure{Signal: "metrics", Intake: "sketches", LastError: "502", LastErrorAt: ago(15)} // and took nothing yet
	for want, figures := range map[string][]admin.SendFigure{
		`class="why bad">10 min ago, logs: 503<`:     {recovered, fails, older, failsLonger},
		`class="past">2 min ago, series: timeout<`:   {older, recovered},
		`class="why bad">15 min ago, sketches: 502<`: {failsLonger, recovered},
	} {
		for range 2 {
			s := start(t, &grants{tenants: []admin.TenantStatus{acme()}, sends: map[string][]admin.SendFigure{"acme": figures}})
			has(t, s.view(s.loggedIn("the-read"), "/"), want)
			slices.Reverse(figures)
		}
	}
}

// TestTheListIsFilteredByClient where there are several.
func TestTheListIsFilteredByClient(t *testing.T) {
	t.Parallel()
	g := &grants{tenants: []admin.TenantStatus{acme()}, clients: []string{"main"}}
	s := start(t, g)
	has(t, s.view(s.loggedIn("the-read"), "/"), "not <select id=\"client\"")
	has(t, s.view(s.loggedIn("the-read"), "/?client=retired"), "<option>main</option><option selected>retired</option>")
	g.clients = append(g.clients, "sandbox")
	has(t, s.view(s.loggedIn("the-read"), "/?client=sandbox"), "<label for=\"client\">Client</label>", "<option>main</option><option selected>sandbox</option>", `<a href="/">Show all</a>`)
	if last := g.queried[len(g.queried)-1]; last.Client != "sandbox" {
		t.Errorf("asked for %+v", last)
	}
}

// TestACollectorWithoutAnExporterSaysWhereSendsAreKnown: that it sent nothing says nothing of the tenant.
func TestACollectorWithoutAnExporterSaysWhereSendsAreKnown(t *testing.T) {
	t.Parallel()
	g := &grants{tenants: []admin.TenantStatus{acme()}}
	const nothing, elsewhere = "has sent nothing for this tenant", "known at the collectors that send"
	s := start(t, g)
	read := s.loggedIn("the-read")
	has(t, s.view(read, "/tenants/acme"), nothing, "not "+elsewhere)
	list := s.view(read, "/")
	has(t, list, ">never<", "this collector's own", "not not known here", "not "+elsewhere)
	g.only = true
	has(t, s.view(read, "/tenants/acme"), elsewhere, "not "+nothing)
	has(t, s.view(read, "/"), elsewhere, ">not known here<", "not >never<", "not this collector's own")
	if live := s.view(read, "/live"); strings.Contains(live, regexp.MustCompile(`data-stamp="([^"]*)"`).FindStringSubmatch(list)[1]) {
		t.Errorf("an open page is not told to reload: %s", live)
	}
}

func TestTheListIsPagedAndKeepsItsFilter(t *testing.T) {
	t.Parallel()
	g := &grants{}
	for i := range 300 {
		g.tenants = append(g.tenants, admin.TenantStatus{Tenant: fmt.Sprintf("tenant-%03d", i), Site: "datadoghq.eu", Sending: i < 120})
	}
	s := start(t, g)
	read := s.loggedIn("the-read")
	path, seen := "/?q=tenant&site=datadoghq.eu&state=sending", []string{}
	for path != "" {
		page := s.view(read, path)
		has(t, page, `value="tenant"`, `<option selected>datadoghq.eu</option>`, `<option value="sending" selected>`, "120 tenants of 300", `<a href="/">Show all</a>`)
		for _, m := range regexp.MustCompile(`data-g="(tenant-\d+)"`).FindAllStringSubmatch(page, -1) {
			seen = append(seen, m[1])
		}
		path = ""
		if m := regexp.MustCompile(`<a href="([^"]+)" rel="next">`).FindStringSubmatch(page); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	if len(seen) != 120 || !slices.IsSorted(seen) {
		t.Errorf("paged through %d tenants: %v", len(seen), seen)
	}
	has(t, s.view(read, "/?q=nobody"), "No tenant is like this")
	has(t, s.view(read, "/?state=nonsense&limit=x"), "300 tenants", "Next page")
	s.view(read, "/?limit=100000")
	if got := g.queried[len(g.queried)-1].Limit; got != 200 {
		t.Errorf("a page of %d rows was asked for", got)
	}
}

func TestThePageOfATenantHasAllThatIsKnown(t *testing.T) {
	t.Parallel()
	s := start(t, busy())
	page := s.view(s.loggedIn("the-operate"), "/tenants/acme")
	has(t, page,
		"<h1><bdi>acme</bdi>", `class="flow on">sending<`, "0f8b1c7e-0000-4000-8000-000000000001", "…9f3c, generation 2", "Partner OAuth Client API Key", " UTC, 2 days ago</dd>", " UTC, 5 h ago</dd>",
		"https://acme.datadoghq.com", "<code>events_read</code>",
		`<th role="rowheader" scope="row">metrics<small>series</small></th>`, ">1,204 items<", `class="past">2 h ago, logs: timeout<`,
		"Somebody wants to change the organisation", `name="org_id" value="0f8b1c7e-0000-4000-8000-000000000002"`, "Acme &lt;GmbH&gt;",
		"<title data-k=\"t23\">02:59: 1,200 sent, 0 refused</title>", `<td class="num" data-k="rn22">1</td>`, `from <span data-k="from" class="">2 Jan 01:04</span>`,
		`class="chip bad">fail<`, "mint again", "&lt;403&gt;", "2 passed, 1 failed, 2 not tested", `5. Data <span class="chip none">not tested</span> <small>1 passed, 1 not tested</small>`, "/tenants/acme/report.html",
		"operator ops", "<del>none</del>", "<ins>paused</ins>", "acme\n&lt;script&gt;", "this program", `href="/audit?tenant=acme"`,
		">Pause</button>", "not >Resume</button>", ">Disconnect…</button>",
	)
	if got := s.grants.asked; got.Tenant != "acme" || got.Limit != 50 {
		t.Errorf("asked the audit for %+v", got)
	}
	page = s.view(s.loggedIn("the-operate"), "/tenants/globex%20&%20co")
	has(t, page, ">Resume</button>", "not >Pause</button>")
	resp, body := s.do("GET", "/tenants/nobody", "", s.loggedIn("the-read"))
	if resp.StatusCode != 404 || !strings.Contains(body, "No such tenant") {
		t.Errorf("a tenant that is not there: %d %s", resp.StatusCode, body)
	}
	s.grants.err = errors.New("host=db.internal")
	has(t, s.view(s.loggedIn("the-read"), "/tenants/acme"), "log says why", "not db.internal")
}

func TestEveryRoleSeesWhatItMay(t *testing.T) {
	t.Parallel()
	s := start(t, busy())
	read, connect := s.loggedIn("the-read"), s.loggedIn("the-connect")
	for _, path := range []string{"/", "/tenants/acme", "/invitations", "/audit"} {
		page := s.view(read, path)
		if n := strings.Count(page, `method="post"`); n != 1 || !strings.Contains(page, `action="/logout"`) {
			t.Errorf("%s has %d forms for somebody who may only read", path, n)
		}
	}
	for _, path := range []string{"/", "/invitations"} {
		page := s.view(connect, path)
		has(t, page, `action="/invitations"`, "not globex", "not Links that still work", `not href="/audit"`)
	}
	for _, path := range []string{"/tenants/acme", "/tenants/acme/disconnect", "/audit", "/live"} {
		if resp, body := s.do("GET", path, "", connect); resp.StatusCode != 403 || strings.Contains(body, "Acme Corp") {
			t.Errorf("%s: connect gets %d", path, resp.StatusCode)
		}
	}
	for _, path := range []string{"/tenants/acme/pause", "/tenants/acme/disconnect", "/invitations", "/invitations/0123456789ab/revoke", "/quarantine/end"} {
		form := url.Values{"csrf": {csrfOf(s.view(read, "/"))}, "tenant": {"acme"}, "name": {"acme"}}
		if resp, _ := s.do("POST", path, form.Encode(), read, formBody); resp.StatusCode != 403 {
			t.Errorf("%s: read gets %d", path, resp.StatusCode)
		}
	}
	if len(s.grants.ordered)+len(s.grants.invited) > 0 {
		t.Errorf("ordered %v, invited %v", s.grants.ordered, s.grants.invited)
	}
}

// A page and its live update are made of the same slots: what the script would write is what the page has.
func TestALiveUpdateIsWhatThePageShows(t *testing.T) {
	t.Parallel()
	s := start(t, busy())
	read := s.loggedIn("the-read")
	shown := regexp.MustCompile(`(?s)<(\w+)[^>]* data-k="([^"]+)"( class="([^"]*)")?[^>]*>([^<]*)<`)
	row := regexp.MustCompile(`<tr role="row" data-g="([^"]*)">`)
	for _, path := range []string{"/", "/tenants/acme", "/tenants/globex%20&%20co", "/?tenant=acme&after=acme", "/?q=%20a&state=pending&site=us3.datadoghq.com&client=main&after=a&limit=7&tenant=nobody"} {
		page := s.view(read, path)
		live := html.UnescapeString(regexp.MustCompile(`data-live="([^"]*)"`).FindStringSubmatch(page)[1])
		var answer struct {
			Stamp  string
			Groups map[string]map[string]struct {
				T, C, Y, Height string
			}
		}
		if err := json.Unmarshal([]byte(s.view(read, live)), &answer); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(page, `data-stamp="`+answer.Stamp+`"`) {
			t.Errorf("%s: the stamp is %s already", path, answer.Stamp)
		}
		n, group := 0, ""
		for _, line := range strings.Split(page, "\n") {
			if m := row.FindStringSubmatch(line); m != nil {
				group = html.UnescapeString(m[1])
			} else if strings.Contains(line, "</table>") {
				group = ""
			}
			for _, m := range shown.FindAllStringSubmatch(line, -1) {
				if m[1] == "rect" {
					continue
				}
				slot, ok := answer.Groups[group][m[2]]
				if text := html.UnescapeString(m[5]); !ok || slot.T != text && !regexp.MustCompile(`^\d+ s( ago.*)?$`).MatchString(text) {
					t.Errorf("%s: %s of %q is %q on the page and %+v live (%v)", path, m[2], group, text, slot, ok)
				}
				if m[3] != "" && slot.C != m[4] {
					t.Errorf("%s: %s of %q has class %q on the page and %q live", path, m[2], group, m[4], slot.C)
				}
				n++
			}
		}
		if n < 20 {
			t.Errorf("%s: only %d slots were compared", path, n)
		}
	}
}

func TestWhatALiveUpdateCannotShowChangesTheStamp(t *testing.T) {
	t.Parallel()
	find := regexp.MustCompile(`"stamp":"[^"]*"`)
	for name, change := range map[string]func(g *grants){
		"the same":       func(*grants) {},
		"a fact":         func(g *grants) { g.tenants[0].Token = "ok" },
		"a new tenant":   func(g *grants) { g.tenants = append(g.tenants, admin.TenantStatus{Tenant: "new"}) },
		"a pause":        func(g *grants) { g.tenants[0].Hold = "paused" },
		"a record":       func(g *grants) { g.audit = append([]admin.AuditRecord{{ID: "9"}}, g.audit...) },
		"no change more": func(g *grants) { g.tenants[0].Pending = nil },
		"another intake": func(g *grants) { g.sends["acme"] = g.sends["acme"][:1] },
		"a check":        func(g *grants) { g.reports.set(check.Report{ID: "r2", Tenant: "acme"}) },
	} {
		s := start(t, busy())
		read := s.loggedIn("the-read")
		stamps := func() string {
			return find.FindString(s.view(read, "/live")) + find.FindString(s.view(read, "/live?tenant=acme"))
		}
		before := stamps()
		change(s.grants)
		if after, same := stamps(), name == "the same" || name == "a fact"; (before == after) != same {
			t.Errorf("%s: %s and then %s", name, before, after)
		}
	}
	s := start(t, busy())
	read := s.loggedIn("the-read")
	if resp, _ := s.do("GET", "/live?tenant=nobody", "", read); resp.StatusCode != 404 {
		t.Errorf("a tenant that is gone: %d", resp.StatusCode)
	}
	if resp, _ := s.do("GET", "/live", ""); resp.StatusCode != 401 {
		t.Errorf("who is logged out: %d", resp.StatusCode)
	}
}
