package e2e

import (
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/partner"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// What a person can do at a browser, besides pressing buttons.

func partnerCustomer(c world.Customer) partner.Customer { return partner.Customer{Tenant: c.Tenant} }

// beside is another tab of the same browser, with the same cookies.
func (b *tab) beside() *tab {
	b.t.Helper()
	mine := chromedp.FromContext(b.ctx).Target.TargetID
	browser := cdp.WithExecutor(b.browser.ctx, chromedp.FromContext(b.browser.ctx).Browser)
	all, err := target.GetTargets().Do(browser)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, info := range all {
		if info.TargetID == mine {
			return b.browser.tabOf(b.t, b.width, info.BrowserContextID)
		}
	}
	b.t.Fatal("the tab is not among those of the browser")
	return nil
}

// callbacks returns what tells the addresses at which Datadog sent the browser back. They hold codes.
func (b *tab) callbacks() func() []string {
	var mu sync.Mutex
	var all []string
	chromedp.ListenTarget(b.ctx, func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok && strings.HasPrefix(e.Request.URL, b.world.PublicURL+"/callback?") {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, e.Request.URL)
		}
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), all...)
	}
}

// focused names what has the focus: its name, its value or its text.
func (b *tab) focused() (name string) {
	b.t.Helper()
	b.run("read the focus", chromedp.Evaluate(`(e => e.name || e.value || e.textContent.trim())(document.activeElement)`, &name))
	return name
}

// reaches presses Tab until the focus is where it is wanted, and there it has to be seen.
func (b *tab) reaches(name string) {
	b.t.Helper()
	var passed []string
	for range 20 {
		b.run("press Tab", chromedp.KeyEvent(kb.Tab))
		at := b.focused()
		if at == name || at == "action" && name == "authorize" {
			var outline string
			b.run("look at the focus", chromedp.Evaluate(`(s => s.outlineStyle + " " + s.outlineWidth)(getComputedStyle(document.activeElement))`, &outline))
			if strings.HasPrefix(outline, "none") || strings.HasSuffix(outline, " 0px") {
				b.t.Errorf("nobody sees that %q has the focus", name)
			}
			return
		}
		passed = append(passed, at)
	}
	b.t.Fatalf("the keyboard does not reach %q, only %q", name, passed)
}

func (b *tab) language() (lang string) {
	b.t.Helper()
	b.run("read the language", chromedp.Evaluate(`document.documentElement.lang`, &lang))
	return lang
}

// accessible fails the test where one of our pages gives people who do not see it too little: WCAG 2.2, 1.3.1, 2.4.2, 2.5.8, 3.1.1, 4.1.2.
func (b *tab) accessible(t *testing.T) {
	t.Helper()
	var faults []string
	b.run("look for labels", chromedp.Evaluate(`(() => {
	const faults = [];
	if (!document.documentElement.lang) faults.push("no language");
	if (!document.title.trim()) faults.push("no title");
	if (document.querySelectorAll("h1").length !== 1) faults.push("not one heading");
	for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
		if (!e.labels.length || ![...e.labels].some(l => l.textContent.trim())) faults.push("no label: " + e.name);
	for (const e of document.querySelectorAll("a, button, summary"))
		if (!e.textContent.trim()) faults.push("no text: " + e.outerHTML);
	for (const e of document.querySelectorAll("label.choice, button, summary, a.button, input[type=text]")) {
		const r = e.getBoundingClientRect();
		if (r.height > 0 && (r.height < 24 || r.width < 24)) faults.push("too small: " + e.outerHTML);
	}
	for (const e of document.querySelectorAll("[aria-describedby], [aria-labelledby]"))
		for (const id of (e.getAttribute("aria-describedby") || e.getAttribute("aria-labelledby")).split(" "))
			if (!document.getElementById(id)) faults.push("describes nothing: " + id);
	return faults;
})()`, &faults))
	for _, fault := range faults {
		t.Errorf("%s: %s", fault, b.seen(""))
	}
}
