package admin_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
)

// paged asks for a list, page after page, and returns the tenants of each. between is called before each page but the first.
func (s *server) paged(path string, limit int, between func()) (pages [][]string) {
	s.t.Helper()
	for after := ""; ; between() {
		query := url.Values{"limit": {fmt.Sprint(limit)}}
		if after != "" {
			query.Set("after", after)
		}
		resp, body := s.do("GET", path+"?"+query.Encode(), "", bearer("the-read"))
		var answer map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &answer); err != nil || resp.StatusCode != 200 || len(pages) > 9 {
			s.t.Fatalf("page %d of %s: %v %d %s", len(pages), path, err, resp.StatusCode, body)
		}
		var list []struct{ Tenant string }
		_ = json.Unmarshal(answer[path[strings.LastIndexByte(path, '/')+1:]], &list)
		var names []string
		for _, v := range list {
			names = append(names, v.Tenant)
		}
		pages = append(pages, names)
		after = ""
		if _ = json.Unmarshal(answer["next"], &after); after == "" {
			return pages
		}
	}
}

func nothingHappens() {}

func TestEveryListHasPages(t *testing.T) {
	t.Parallel()
	g := &grants{}
	for i := range 5 {
		name := fmt.Sprintf("t/%d ü", i)
		moves := moving()
		moves.Tenant, moves.Pending.Tenant = name, name
		g.tenants = append(g.tenants, moves)
		g.reports.set(aReport(name))
		g.links = append(g.links, admin.OpenInvitation{ID: fmt.Sprintf("00000000000%d", i), Tenant: name, CreatedAt: at.Add(time.Duration(-i/2) * time.Nanosecond)})
		g.revocations = append(g.revocations, admin.Revocation{ID: fmt.Sprint(i), Tenant: name, AskedAt: at.Add(time.Duration(i/2) * time.Nanosecond)})
	}
	slices.Reverse(g.revocations)
	s := start(t, g)
	const byName = "[[t/0 ü t/1 ü] [t/2 ü t/3 ü] [t/4 ü]]"
	for path, want := range map[string]string{
		"/v1/changes": byName, "/v1/checks": byName, "/v1/revocations": byName, "/v1/invitations": "[[t/1 ü t/0 ü] [t/3 ü t/2 ü] [t/4 ü]]",
	} {
		if got := fmt.Sprint(s.paged(path, 2, nothingHappens)); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
		if got := s.paged(path, 5, nothingHappens); len(got) != 1 {
			t.Errorf("%s: a page that holds all has one after it: %s", path, got)
		}
		for query, says := range map[string]string{"limit=0": "1 to", "limit=1001": "1 to", "page=2": "no parameter", "after=a&after=b": "once", "after=%zz": "no list"} {
			resp, body := s.do("GET", path+"?"+query, "", bearer("the-read"))
			s.refused(resp, body, 422, says)
		}
	}
	for _, after := range []string{"", "acme", "1-", "-1", "99999999999999999999-a"} {
		resp, body := s.do("GET", "/v1/revocations?after="+after, "", bearer("the-read"))
		if after == "1-" { // a moment is enough
			continue
		}
		s.refused(resp, body, 422, "names as next")
	}
}

func TestWithoutALimitAListIsAPageToo(t *testing.T) {
	t.Parallel()
	g := &grants{}
	for i := range 150 {
		name := fmt.Sprintf("t%03d", i)
		moves := moving()
		moves.Tenant, moves.Pending.Tenant = name, name
		g.tenants = append(g.tenants, moves)
		g.reports.set(aReport(name))
		g.links = append(g.links, admin.OpenInvitation{ID: name, Tenant: name, CreatedAt: at})
		g.revocations = append(g.revocations, admin.Revocation{ID: name, Tenant: name, AskedAt: at})
	}
	s := start(t, g)
	for _, path := range []string{"/v1/changes", "/v1/checks", "/v1/revocations", "/v1/invitations"} {
		_, body := s.do("GET", path, "", bearer("the-read"))
		if n := strings.Count(body, `"tenant":`); n != 100 || !strings.Contains(body, `"next":`) {
			t.Errorf("%s holds %d", path, n)
		}
		if path != "/v1/checks" && !strings.Contains(body, `"total":150`) {
			t.Errorf("%s does not say how many there are: %s", path, body[len(body)-100:])
		}
	}
}

func TestPagesStayWhatTheyAreWhileLinksComeAndGo(t *testing.T) {
	t.Parallel()
	g := &grants{}
	for i := range 6 {
		g.links = append(g.links, admin.OpenInvitation{ID: fmt.Sprint(i), Tenant: fmt.Sprint(i), CreatedAt: at.Add(time.Duration(-i) * time.Second)})
	}
	s := start(t, g)
	pages := s.paged("/v1/invitations", 2, func() {
		g.links = append(slices.DeleteFunc(g.links, func(i admin.OpenInvitation) bool { return i.ID == "1" }), admin.OpenInvitation{ID: "new", Tenant: "new", CreatedAt: time.Now()})
	})
	if got := fmt.Sprint(pages); got != "[[0 1] [2 3] [4 5]]" {
		t.Errorf("got %s", got)
	}
}

func TestLinksAreSearchedAndPaged(t *testing.T) {
	t.Parallel()
	g := &grants{}
	for i := range 120 {
		name := fmt.Sprintf("Acme-%03d", i)
		g.links = append(g.links, admin.OpenInvitation{ID: fmt.Sprintf("%012d", i), Tenant: name, CreatedAt: at.Add(time.Duration(-i) * time.Second)}, admin.OpenInvitation{ID: "x", Tenant: "other", CreatedAt: at})
	}
	s := start(t, g)
	operate := s.loggedIn("the-operate")
	var seen []string
	for path := "/invitations?q=acme"; path != ""; {
		page := s.view(operate, path)
		has(t, page, `name="q" type="search" value="acme"`, "120 links, the newest first", `<a href="/invitations">Show all</a>`, "not <bdi>other</bdi>")
		for _, m := range regexp.MustCompile(`<bdi>(Acme-\d+)</bdi></th>`).FindAllStringSubmatch(page, -1) {
			seen = append(seen, m[1])
		}
		path = ""
		if m := regexp.MustCompile(`<a href="([^"]+)" rel="next">`).FindStringSubmatch(page); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	if len(seen) != 120 || !slices.IsSorted(seen) {
		t.Errorf("paged through %d links: %v", len(seen), seen)
	}
	has(t, s.view(operate, "/invitations?q=nobody"), "No link is like this")
	has(t, s.view(operate, "/invitations?after=nonsense"), "240 links", "not from the beginning", "Next page")
	_, body := s.do("GET", "/v1/invitations?q=ACME-11&limit=3", "", bearer("the-read"))
	if n := strings.Count(body, `"tenant":"Acme-11`); n != 3 || !strings.Contains(body, `"total":10`) {
		t.Errorf("the API finds %d: %s", n, body)
	}
	resp, body := s.do("GET", "/v1/invitations?q="+strings.Repeat("a", 257), "", bearer("the-read"))
	s.refused(resp, body, 422, "257 bytes")
	g.links = []admin.OpenInvitation{}
	has(t, s.view(operate, "/invitations"), ">None.<", `not name="q"`)
}

// However many wait for the end of a check, a few of them look for it, and each learns of it in time.
func TestFewLookForTheEndOfACheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		g := &grants{}
		running := aReport("acme")
		running.EndedAt = time.Time{}
		g.reports.set(running)
		s := &server{t: t, grants: g, dir: dir}
		handler := s.handler(func(*admin.Options) {})
		const waiting = 200
		var done sync.WaitGroup
		answers := make(chan check.Report, waiting)
		for range waiting {
			done.Go(func() {
				w := newBrowser(t, handler, "https://admin.example.com", "192.0.2.1").do("GET", "/v1/tenants/acme/checks/latest?wait=60s", "", bearer("the-read"))
				var report check.Report
				if err := json.Unmarshal(w.Body.Bytes(), &report); err != nil || w.Code != http.StatusOK {
					t.Errorf("%v: %d %s", err, w.Code, w.Body)
				}
				answers <- report
			})
		}
		time.Sleep(30*time.Second + time.Millisecond)
		g.reports.mu.Lock()
		if most := waiting + 20*62; g.reports.read > most {
			t.Errorf("looked %d times in half a minute, want at most %d", g.reports.read, most)
		}
		g.reports.mu.Unlock()
		g.reports.set(aReport("acme"))
		time.Sleep(time.Second)
		if n := len(answers); n != waiting {
			t.Errorf("%d of %d know of the end a second later", n, waiting)
		}
		done.Wait()
		for range waiting {
			if report := <-answers; report.Running() {
				t.Fatal("answered before its end")
			}
		}
	})
}
