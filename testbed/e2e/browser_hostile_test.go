package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/peertext"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/hostile"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// What only a browser knows: which of the texts it would run.
func TestHostileTextsAreTextInARealBrowser(t *testing.T) {
	t.Parallel()
	var c chromium
	h := startHostile(t, "console", func(change func(*world.Options)) *world.World {
		c = openChromiumIn(t, change, appHost(), euApp)
		return c.world
	})
	texts := hostile.Texts()
	for i, width := range []int64{phone, desktop} {
		tab := c.tab(t, width)
		tab.alarms()
		for j := i; j < len(texts); j += 2 {
			if j%10 == i && len(texts[j].Value) <= maxInAddress {
				tab.isRefused(h, h.customers[j], texts[j])
			}
			if j%4 < 2 || strings.Contains(texts[j].Value, hostile.Mark) {
				tab.connectsAs(h, h.customers[j], texts[j])
				continue
			}
			h.set(func(s *oauth.Settings) { s.OmitOrgName = len(texts[j].Value) > maxInAddress })
			h.dead(texts[j].Name, h.consents(h.customers[j]), http.StatusOK) // in less time
		}
	}
	h.checksOfKinds()
	for i, text := range texts {
		if i%10 == 0 {
			h.sends(h.customers[i], text.Value)
		}
		h.orders(i, h.customers[i], text.Value)
	}
	h.readsEveryPage()
	for _, width := range []int64{phone, desktop} {
		tab := c.tab(t, width)
		tab.alarms()
		tab.login()
		tab.readsOfTenants(h)
	}
	h.reportOfTexts(c)
	h.log("console")
}

// alarms lets every dialog be a complaint.
func (b *tab) alarms() {
	b.t.Helper()
	chromedp.ListenTarget(b.ctx, func(event any) {
		if e, ok := event.(*page.EventJavascriptDialogOpening); ok {
			b.complain(e.URL, "opens a dialog: "+e.Message)
		}
	})
}

// inert fails the test where a text is more than text on the page before the person, or makes it wider than the window.
func (b *tab) inert(what string) {
	b.t.Helper()
	var seen struct {
		Ran     bool
		Marked  []string
		Foreign []string
	}
	b.run("look for what came to life", chromedp.Evaluate(fmt.Sprintf(`({
	ran: %q in window,
	marked: [...document.querySelectorAll("[%s]")].map(e => e.outerHTML.slice(0, 200)),
	foreign: [...document.querySelectorAll("iframe, object, embed, base, meta[http-equiv=refresh], [onclick], [onload], [onerror], [onfocus], a[href^='javascript:' i], a[href^='data:' i]")].map(e => e.outerHTML.slice(0, 200)),
})`, hostile.Canary, hostile.Mark), &seen))
	if seen.Ran || len(seen.Marked)+len(seen.Foreign) > 0 {
		b.t.Errorf("%.80q came to life: %+v", what, seen)
	}
}

// connectsAs goes through the flow.
func (b *tab) connectsAs(h *hostileWorld, c world.Customer, text hostile.Text) {
	b.t.Helper()
	long := len(text.Value) > maxInAddress
	b.open(b.browser.invite(b.t, c.Tenant))
	b.shows(http.StatusOK, visible(c.Tenant))
	b.inert(text.Name)
	b.press(connectButton)
	h.set(func(s *oauth.Settings) { s.MoreScope, s.OmitOrgName = text.Value, long })
	b.choose("#org", c.Org.ID)
	b.press(authorize)
	b.shows(http.StatusOK, "You may now close this tab", visible(peertext.Name(text.Value, 200)))
	b.inert(text.Name)
	h.set(func(s *oauth.Settings) { s.MoreScope, s.OmitOrgName = "", false })
}

// isRefused meets a consent that ends with the text as error.
func (b *tab) isRefused(h *hostileWorld, c world.Customer, text hostile.Text) {
	b.t.Helper()
	h.set(func(s *oauth.Settings) { s.ConsentError, s.ConsentErrorText = text.Value, text.Value })
	b.open(b.browser.invite(b.t, c.Tenant))
	b.press(connectButton)
	b.inert("consent page")
	b.press(deny)
	b.shows(http.StatusBadRequest, "Not connected")
	b.inert(text.Name)
	h.set(func(s *oauth.Settings) { s.ConsentError, s.ConsentErrorText = "", "" })
}

// visible is the beginning of a name, as far as the innerText of a page has it.
func visible(name string) string {
	name = strings.TrimSpace(name)
	for len(name) > 100 {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return strings.TrimSpace(name)
}

// readsOfTenants looks at the list, and at some of the pages that lead from it: readsEveryPage has all of them.
func (b *tab) readsOfTenants(h *hostileWorld) {
	b.t.Helper()
	var pages []string
	for next := h.AdminURL + "/"; next != ""; {
		b.open(next)
		b.shows(http.StatusOK)
		b.run("have it updated", chromedp.Evaluate(`document.getElementById("at").textContent = ""; document.dispatchEvent(new Event("visibilitychange"))`, nil),
			chromedp.Poll(`document.getElementById("at").textContent !== ""`, nil))
		b.inert(next)
		b.shows(http.StatusOK)
		var links []string
		b.run("read the links", chromedp.Evaluate(`[...document.links].map(a => a.href)`, &links),
			chromedp.Evaluate(`([...document.links].find(a => a.textContent === "Next page") || {href: ""}).href`, &next))
		for _, link := range links {
			if strings.HasPrefix(link, h.AdminURL+"/tenants/") || strings.HasPrefix(link, h.AdminURL+"/audit") || link == h.AdminURL+"/invitations" {
				pages = append(pages, link)
			}
		}
	}
	if len(pages) < len(h.customers) {
		b.t.Errorf("%d pages of %d tenants", len(pages), len(h.customers))
	}
	slices.Sort(pages)
	for i, link := range slices.Compact(pages) {
		if i%5 > 2 || b.width == desktop && i%5 > 0 { // the narrow window is the one that texts break
			continue
		}
		b.open(link)
		b.shows(http.StatusOK)
		b.inert(link)
	}
}

// checksOfKinds checks customers whose organisations are named by texts of different kinds, two at a time, which is what a collector takes.
func (h *hostileWorld) checksOfKinds() {
	h.t.Helper()
	kinds := []string{"script that is not closed", "out of an attribute", "formula", "JSON", "lines", "terminal", "override of direction", "a byte of Latin-1"}
	var ends []func()
	checked := 0
	for i, text := range hostile.Texts() {
		if !slices.Contains(kinds, text.Name) {
			continue
		}
		if len(ends) == 2 {
			ends[0]()
			ends = ends[1:]
		}
		ends = append(ends, h.checks(h.customers[i]))
		checked++
	}
	for _, end := range ends {
		end()
	}
	if checked != len(kinds) {
		h.t.Errorf("%d of %d kinds are checked", checked, len(kinds))
	}
}

// checks runs the six steps for a customer, and returns what waits for their end and looks at what came of them.
func (h *hostileWorld) checks(c world.Customer) func() {
	h.t.Helper()
	dir := h.t.TempDir()
	cmd := exec.CommandContext(h.t.Context(), binary(h.t, "datadogoauthctl"), "check", "--admin", h.AdminURL, "--token-file", h.Path("admin-token"),
		"--tenant", c.Tenant, "--html", filepath.Join(dir, "html"), "--json", filepath.Join(dir, "json"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	return func() {
		h.t.Helper()
		_ = cmd.Wait() // lines may fail
		h.cleanLines("datadogoauthctl check", out.String(), 4<<10)
		page, err1 := os.ReadFile(filepath.Join(dir, "html"))
		report, err2 := os.ReadFile(filepath.Join(dir, "json"))
		if err := errors.Join(err1, err2); err != nil || !json.Valid(report) {
			h.t.Errorf("no report: %v %s", err, out.String())
		}
		h.cleanLines("report", string(report), 4<<10)
		h.dead("report", &world.Page{Status: http.StatusOK, Body: string(page)}, http.StatusOK)
	}
}

// reportOfTexts lets datadogoauthctl check a tenant at a collector whose report has the texts in every place, and reads what it writes.
func (h *hostileWorld) reportOfTexts(c chromium) {
	h.t.Helper()
	var lines []map[string]string
	all := ""
	for _, text := range hostile.Texts() {
		lines = append(lines, map[string]string{"id": text.Value, "what": text.Value, "result": "fail", "evidence": text.Value, "todo": text.Value})
		all += text.Value[:min(len(text.Value), 200)] + " "
	}
	report, err := json.Marshal(map[string]any{
		"id": "c1", "tenant": all, "by": all, "started_at": time.Now(), "ended_at": time.Now(), "client": all, "stage": all, "site": all, "org_id": all, "org_name": all,
		"scopes": []string{all}, "consent_link": all, "steps": []any{map[string]any{"number": 1, "title": all, "lines": lines}, map[string]any{"number": 2, "title": all, "lines": []any{map[string]string{"result": all}}}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.WriteString(w, `{"id":"c1"}`)
			return
		}
		_, _ = w.Write(report)
	}))
	defer collector.Close()
	dir := h.t.TempDir()
	file, machine := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.json")
	cmd := exec.CommandContext(h.t.Context(), binary(h.t, "datadogoauthctl"), "check", "--admin", collector.URL, "--token-file", h.Path("admin-token"), "--tenant", "acme",
		"--html", file, "--json", machine)
	out, err := cmd.CombinedOutput()
	if err == nil {
		h.t.Error("lines failed, and the command did not")
	}
	h.cleanLines("datadogoauthctl check", string(out), 16<<10)
	content, err1 := os.ReadFile(file)
	kept, err2 := os.ReadFile(machine)
	if err := errors.Join(err1, err2); err != nil || !json.Valid(kept) {
		h.t.Fatalf("no report: %v %s", err, out)
	}
	h.cleanLines("report.json", string(kept), 128<<10)
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(content) // without the policies that a collector sends beside it
	}))
	defer pages.Close()
	c.hosts = append(c.hosts, hostOf(pages.URL))
	for _, width := range []int64{phone, desktop} {
		tab := c.tab(h.t, width)
		tab.alarms()
		tab.open(pages.URL + "/report.html")
		tab.shows(http.StatusOK, "Datadog integration check", "<script hostile>")
		tab.inert("report")
	}
}
