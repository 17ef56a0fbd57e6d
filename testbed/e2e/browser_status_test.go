package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// consoleTenants is more than two pages of the list hold.
const consoleTenants = 120

// TestTheOperatorsPages runs one collector with as many customers as fill some pages of the list, and one Chromium. Each part has customers of its own.
func TestTheOperatorsPages(t *testing.T) {
	t.Parallel()
	c := openChromiumIn(t, func(o *world.Options) {
		o.Tenants, o.Setup = nil, &world.Setup{}
		o.Scopes = []string{"api_keys_write", "api_keys_read", "api_keys_delete", "timeseries_query", "logs_read_data", "apm_read"}
		o.Args = []string{"--set=extensions.datadogoauth.checks.wait=1s"}
	}, appHost())
	o := &operator{chromium: c, t: t}
	o.connect(consoleTenants)
	t.Run("a list", o.list)
	t.Run("orders", o.orders)
	t.Run("a change of organisation", o.change)
	t.Run("disconnecting", o.disconnect)
	t.Run("connect links", o.links)
	t.Run("checks", o.checks)
	t.Run("a live update", o.live)
	t.Run("the keyboard alone", o.keyboard)
	t.Run("without scripts", o.withoutScripts)
	t.Run("a key", o.mint)
	t.Run("a phone", o.phone)
	o.pictures(t)
}

// operator looks at the pages of a world with many customers.
type operator struct {
	chromium
	t         *testing.T
	customers []world.Customer // in order of name
	connected time.Time        // all of them
}

// companies are customers as a partner may have them.
func companies(n int) []string {
	var names []string
	for _, first := range []string{"alpine", "bluefin", "cedar", "delta", "evergreen", "foxglove", "granite", "harbor", "indigo", "juniper", "kestrel", "lumen"} {
		for _, second := range []string{"analytics", "bank", "cargo", "foods", "games", "health", "media", "retail", "robotics", "travel"} {
			names = append(names, first+"-"+second)
		}
	}
	return names[:n]
}

// connect lets n customers consent, some at a time, each in an organisation of its own. None of them is offered to others.
func (o *operator) connect(n int) {
	o.t.Helper()
	const atOnce = 4
	sites := []string{"datadoghq.com", "datadoghq.com", "datadoghq.eu", "us3.datadoghq.com", "us5.datadoghq.com", "ap1.datadoghq.com"}
	o.customers = make([]world.Customer, n)
	errs := make([]error, atOnce)
	names := companies(n)
	var work sync.WaitGroup
	for w := range atOnce {
		work.Go(func() {
			for i := w; i < n && errs[w] == nil; i += atOnce {
				first, second, _ := strings.Cut(names[i], "-")
				name := strings.ToUpper(first[:1]) + first[1:] + " " + strings.ToUpper(second[:1]) + second[1:] + " Inc."
				o.customers[i], errs[w] = o.connectOne(names[i], sites[i%len(sites)], name)
			}
		})
	}
	work.Wait()
	if err := errors.Join(errs...); err != nil {
		o.t.Fatal(err)
	}
	o.connected = time.Now()
}

func (o *operator) connectOne(tenant, site, name string) (world.Customer, error) {
	org, err := o.world.Standin.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: site}, Name: name})
	if err != nil {
		return world.Customer{}, err
	}
	c := world.Customer{Tenant: tenant, Org: org}
	err = o.world.Connect(o.t.Context(), c)
	o.world.Standin.OAuth().Unlist(org.OrgRef)
	return c, err
}

// customer is one of them by name.
func (o *operator) customer(t *testing.T, tenant string) world.Customer {
	t.Helper()
	i := slices.IndexFunc(o.customers, func(c world.Customer) bool { return c.Tenant == tenant })
	if i < 0 {
		t.Fatalf("no customer %s", tenant)
	}
	return o.customers[i]
}

// login opens a tab for a part of the test and logs in.
func (o *operator) login(t *testing.T, width int64) *tab {
	t.Helper()
	tab := o.tab(t, width)
	tab.login()
	return tab
}

func (o *operator) path(tenant string) string { return o.world.AdminURL + "/tenants/" + tenant }

// rows are the tenants in a list, from top to bottom.
func (b *tab) rows() (names []string) {
	b.t.Helper()
	b.run("read the rows", chromedp.Evaluate(`[...document.querySelectorAll("tr[data-g]")].map(r => r.dataset.g)`, &names))
	return names
}

// text is what an element shows; empty for one that is hidden.
func (b *tab) text(selector string) (text string) {
	b.t.Helper()
	b.run("read "+selector, chromedp.Evaluate(fmt.Sprintf(`(e => e && !e.hidden ? e.textContent : "")(document.querySelector(%q))`, selector), &text))
	return text
}

func (o *operator) list(t *testing.T) {
	tab := o.login(t, desktop)
	tab.shows(http.StatusOK, "120 tenants", "alpine-analytics", "Alpine Analytics Inc.", "Token ok")
	names := tab.rows()
	for range 2 {
		tab.press(`//a[.="Next page"]`)
		tab.shows(http.StatusOK, "120 tenants")
		names = append(names, tab.rows()...)
	}
	if !slices.Equal(names, companies(consoleTenants)) {
		t.Errorf("the pages hold %d tenants: %v", len(names), names)
	}
	tab.press(`//a[.="First page"]`)
	tab.run("search", chromedp.SendKeys("#q", "KESTREL", chromedp.ByQuery))
	tab.press(`//button[.="Show"]`)
	tab.shows(http.StatusOK, "10 tenants of 120", "kestrel-bank")
	tab.choose("#site", "datadoghq.eu")
	tab.press(`//button[.="Show"]`)
	for _, name := range tab.rows() {
		if c := o.customer(t, name); c.Org.Site != "datadoghq.eu" || !strings.HasPrefix(name, "kestrel-") {
			t.Errorf("the filter shows %s of %s", name, c.Org.Site)
		}
	}
	if n := len(tab.rows()); n == 0 || n > 4 {
		t.Errorf("%d rows of one site and one word", n)
	}
	tab.open(o.world.AdminURL + "/?q=" + url.QueryEscape(o.customers[7].Org.ID)) // by the id of the organisation
	if got := tab.rows(); !slices.Equal(got, []string{o.customers[7].Tenant}) {
		t.Errorf("an id of an organisation finds %v", got)
	}
	tab.open(o.world.AdminURL + "/?q=nobody")
	tab.shows(http.StatusOK, "No tenant is like this")
	tab.open(o.world.AdminURL + "/tenants/nobody")
	tab.shows(http.StatusNotFound, "No such tenant")
}

func (o *operator) orders(t *testing.T) {
	ctx, c := t.Context(), o.customer(t, "cedar-bank")
	tab := o.login(t, desktop)
	logs := func(n int) {
		t.Helper()
		within(t, 20*time.Second, fmt.Sprint(n, " log bodies arrive"), func() bool {
			return len(o.world.Standin.History().List(history.Filter{Org: c.Org.ID, Path: "/api/v2/logs", Status: http.StatusAccepted})) >= n
		})
	}
	send := func() {
		t.Helper()
		if err := o.world.SendLog(ctx, c.Tenant, "from "+t.Name()); err != nil {
			t.Fatal(err)
		}
	}
	send()
	logs(1)
	tab.open(o.path(c.Tenant))
	tab.shows(http.StatusOK, c.Org.Name, c.Org.ID, "Token ok", "logs")
	if at := tab.text(`[data-k="fs0"]`); !strings.HasSuffix(at, " ago") {
		t.Errorf("the last send is shown as %q", at)
	}

	tab.run("say why", chromedp.SendKeys("#pause-reason", "unpaid invoice", chromedp.ByQuery))
	tab.press(`//button[.="Pause"]`)
	tab.shows(http.StatusOK, "Paused: nothing is sent", "Hold paused", "unpaid invoice")
	send()
	within(t, 20*time.Second, "the item waits", func() bool { return tab.text(`[data-k="parked"]`) == "1 item" })
	if n := len(o.world.Standin.History().List(history.Filter{Org: c.Org.ID, Path: "/api/v2/logs"})); n != 1 {
		t.Errorf("%d bodies came to a tenant that is paused", n)
	}
	tab.press(`//button[.="Resume"]`)
	tab.shows(http.StatusOK, "Resumed", "Hold none")
	logs(2)

	refreshes := func() int {
		n := 0
		for _, e := range o.world.Standin.History().List(history.Filter{Path: "/oauth2/v1/token"}) {
			if e.Notes["grant_type"] == "refresh_token" {
				n++
			}
		}
		return n
	}
	before := refreshes()
	tab.press(`//button[.="Refresh the token"]`)
	tab.shows(http.StatusOK, "The token was refreshed")
	if n := refreshes(); n != before+1 {
		t.Errorf("%d refreshes came to Datadog", n-before)
	}

	tab.shows(http.StatusOK, "operator demo") // the audit
	tab.press(`//a[.="All records of this tenant"]`)
	tab.shows(http.StatusOK, "operator demo", "page", "unpaid invoice")
	tab.shot("audit")
}

// mint waits until a key is no longer so young that a refusal says nothing of it.
func (o *operator) mint(t *testing.T) {
	c := o.customer(t, "cedar-bank")
	pauseUntil(t, o.connected.Add(61*time.Second))
	tab := o.login(t, desktop)
	tab.open(o.path(c.Tenant))
	keys := func() (last4 []string) {
		for _, k := range o.world.Standin.OAuth().Keys() {
			if k.Org == c.Org.ID {
				last4 = append(last4, k.Last4)
			}
		}
		return last4
	}
	old := keys()
	o.world.Standin.OAuth().RevokeKeys(c.Org.OrgRef, "")
	tab.press(`//button[.="Mint a key"]`)
	tab.shows(http.StatusOK, "There is a key")
	now := keys()
	if len(now) != 1 || slices.Equal(now, old) {
		t.Fatalf("Datadog has the keys %v, before %v", now, old)
	}
	tab.shows(http.StatusOK, now[0], "generation 2")
}

func (o *operator) change(t *testing.T) {
	c := o.customer(t, "delta-health")
	move := func() world.Customer {
		t.Helper()
		next, err := o.connectOne(c.Tenant, "datadoghq.eu", "Delta Health Holding")
		if next.Org.ID == "" {
			t.Fatal(err) // else the customer's page says that an operator has to confirm it
		}
		return next
	}
	tab := o.login(t, desktop)
	move()
	tab.open(o.path(c.Tenant))
	tab.shows(http.StatusOK, "Somebody wants to change the organisation", "Delta Health Holding", "Change pending")
	tab.press(`//button[.="Reject it"]`)
	tab.shows(http.StatusOK, "Rejected", c.Org.ID)
	next := move()
	tab.open(o.path(c.Tenant))
	tab.run("tick the box", chromedp.Click(`input[name="sure"]`, chromedp.ByQuery))
	tab.press(`//button[.="Confirm the change"]`)
	tab.shows(http.StatusOK, "Confirmed", next.Org.ID, "datadoghq.eu")
	if err := o.world.SendLog(t.Context(), c.Tenant, "after the change"); err != nil {
		t.Fatal(err)
	}
	if _, err := o.world.Standin.History().Await(t.Context(), 1, history.Filter{Org: next.Org.ID, Path: "/api/v2/logs", Status: http.StatusAccepted}); err != nil {
		t.Error(err)
	}
}

func (o *operator) disconnect(t *testing.T) {
	c := o.customer(t, "evergreen-media")
	tab := o.login(t, desktop)
	tab.open(o.path(c.Tenant))
	tab.press(`//button[.="Disconnect…"]`)
	tab.shows(http.StatusOK, "Disconnect "+c.Tenant, c.Org.Name)
	tab.run("type another name", chromedp.SendKeys("#name", "evergreen", chromedp.ByQuery))
	tab.press(`//main//button[.="Disconnect"]`)
	tab.shows(http.StatusOK, "Not done: what was typed is not the tenant's name", "Hold none")
	tab.press(`//button[.="Disconnect…"]`)
	tab.run("type the name", chromedp.SendKeys("#name", c.Tenant, chromedp.ByQuery), chromedp.SendKeys("#reason", "left", chromedp.ByQuery))
	tab.press(`//main//button[.="Disconnect"]`)
	tab.shows(http.StatusOK, "Disconnected.", "Hold disconnected", "left")
	disconnected(t, o.world, o.world.Node, c, true)
}

func (o *operator) links(t *testing.T) {
	tab := o.login(t, desktop)
	tab.press(`//a[.="Connect links"]`)
	tab.shows(http.StatusOK, "Links that still work")
	for _, name := range []string{"newcomer", "never-mind"} {
		tab.run("name the tenant", chromedp.SendKeys("#tenant", name, chromedp.ByQuery))
		tab.press(`//button[.="Make a connect link"]`)
		tab.shows(http.StatusOK, "A link for "+name, "It is shown once")
	}
	var link string
	tab.run("copy the link", chromedp.Value("#link", &link, chromedp.ByQuery))
	tab.open(o.world.AdminURL + "/invitations")
	var page string
	tab.run("read the page", chromedp.OuterHTML("html", &page, chromedp.ByQuery))
	if strings.Contains(page, link) || !strings.HasPrefix(link, o.world.PublicURL) {
		t.Errorf("a link is shown twice, or is none of ours")
	}
	customer := o.tab(t, desktop)
	customer.open(link)
	customer.shows(http.StatusOK, "never-mind", "Demo Partner")
	tab.press(`//tr[contains(., "never-mind")]//button`)
	tab.shows(http.StatusOK, "The link opens nothing any more", "newcomer")
	customer.open(link)
	var gone string
	customer.run("read the page", chromedp.Text("main", &gone, chromedp.ByQuery))
	if customer.answer.Status == http.StatusOK {
		t.Errorf("a link that was revoked shows %s", gone)
	}
}

func (o *operator) live(t *testing.T) {
	c, other := o.customer(t, "foxglove-games"), o.customer(t, "foxglove-bank")
	tab := o.login(t, desktop)
	tab.open(o.world.AdminURL + "/?q=foxglove")
	tab.run("mark the page", chromedp.Evaluate(`window.mark = "same"`, nil))
	row := func(key string) string { return fmt.Sprintf(`[data-g=%q] [data-k=%q]`, c.Tenant, key) }
	if sent := tab.text(row("sent")); sent != "never" {
		t.Errorf("before anything was sent the list says %q", sent)
	}
	if err := o.world.SendLog(t.Context(), c.Tenant, "hello"); err != nil {
		t.Fatal(err)
	}
	order(t, o.world, "/v1/tenants/"+other.Tenant+"/pause")
	within(t, 20*time.Second, "the list says what was sent", func() bool { return strings.HasSuffix(tab.text(row("sent")), " ago") })
	within(t, 20*time.Second, "the list says who is paused", func() bool {
		return tab.text(fmt.Sprintf(`[data-g=%q] [data-k="hold"]`, other.Tenant)) == "Hold paused"
	})
	if said := tab.text("#said"); !strings.Contains(said, other.Tenant+": Hold paused") {
		t.Errorf("whoever listens is told %q", said)
	}
	if n := tab.text(`[data-k="n-paused"]`); n != "1" {
		t.Errorf("the number of paused tenants is %q", n)
	}

	// A row that is not there yet cannot be filled in; the page says so.
	if more := tab.text("#more"); more != "" {
		t.Errorf("the page offers more: %s", more)
	}
	joined, err := o.connectOne("foxglove-zoo", "datadoghq.com", "Foxglove Zoo")
	if err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "the page offers to reload", func() bool { return tab.text("#more") != "" })
	var mark string
	tab.run("look for the mark", chromedp.Evaluate(`window.mark`, &mark))
	if mark != "same" {
		t.Error("the page was loaded anew")
	}
	tab.press("#reload")
	tab.shows(http.StatusOK, joined.Tenant)

	// The policy holds: no script can make markup of a string, or run one.
	for _, bad := range []string{`document.body.innerHTML = "<b>x</b>"`, `document.createElement("script").text = "1"`, `document.body.insertAdjacentHTML("beforeend", "<b>x</b>")`} {
		var threw bool
		tab.run("try "+bad, chromedp.Evaluate(`(() => { try { `+bad+` } catch { return true } return false })()`, &threw))
		if !threw {
			t.Errorf("the policy lets a script do %s", bad)
		}
	}
	tab.forgive() // what the policy had to say of these

	tab.run("log out elsewhere", chromedp.Evaluate(`fetch("/logout", {method: "POST", body: new URLSearchParams({csrf: document.querySelector("[name=csrf]").value})}).then(r => r.status)`, nil, awaitPromise))
	within(t, 20*time.Second, "the page says that it is not live", func() bool { return strings.Contains(tab.text("#state"), "logged out") })
}

// forgive forgets what the console has.
func (b *tab) forgive() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = nil
}

// checks runs the six steps to their end, with a scope that is granted and refused.
func (o *operator) checks(t *testing.T) {
	c := o.customer(t, "harbor-bank")
	o.world.Standin.Intake().BreakScopes(c.Org.ID, "timeseries_query")
	tab := o.login(t, desktop)
	tab.open(o.path(c.Tenant))
	tab.shows(http.StatusOK, "never checked")
	tab.press(`//button[.="Run the six checks"]`)
	tab.shows(http.StatusOK, "The checks run")
	within(t, 30*time.Second, "the page counts lines that passed", func() bool {
		text := tab.text(`[data-k="check"]`)
		return strings.Contains(text, " passed") && !strings.Contains(text, " 0 passed")
	})
	within(t, 20*time.Second, "the page offers the lines", func() bool { return tab.text("#more") != "" })
	within(t, 90*time.Second, "the page says that the check ended", func() bool { return strings.Contains(tab.text(`[data-k="check"]`), " ago, by ") })
	tab.press("#reload")
	tab.shows(http.StatusOK, "1. ", "6. ")
	var red []string
	tab.run("read the red lines", chromedp.Evaluate(`[...document.querySelectorAll("#check details[open] li")].filter(l => l.querySelector(".chip.bad")).map(l => l.textContent)`, &red))
	if !slices.ContainsFunc(red, func(line string) bool {
		return strings.Contains(line, "Scope timeseries_query") && strings.Contains(line, "403")
	}) {
		t.Errorf("the page shows as failed: %q", red)
	}
	if step := tab.text("#check details[open] summary .chip.bad"); step != "fail" {
		t.Errorf("the step is shown as %q", step)
	}
	for _, kind := range []string{"html", "json"} {
		var answer string
		tab.run("download the report", chromedp.Evaluate(fmt.Sprintf(`fetch(location.pathname + "/report.%s").then(r => r.status + " " + r.headers.get("content-disposition"))`, kind), &answer, awaitPromise))
		if !strings.HasPrefix(answer, `200 attachment; filename="report-`) || strings.Contains(answer, c.Tenant) {
			t.Errorf("the report is answered with %s", answer)
		}
	}
}

// keyboard does with Tab, Enter and Space what others do with a mouse, and sees where it is at each step.
func (o *operator) keyboard(t *testing.T) {
	c := o.customer(t, "granite-cargo")
	tab := o.tab(t, desktop)
	tab.open(o.world.AdminURL + "/")
	name, secret := o.world.OperatorToken()
	tab.tabTo("#name")
	tab.run("write the name", chromedp.KeyEvent(name))
	tab.tabTo("#token")
	tab.run("write the token", chromedp.KeyEvent(secret))
	tab.navigate("log in", chromedp.KeyEvent(kb.Enter))
	tab.shows(http.StatusOK, "tenants, in order of name")
	tab.tabTo(".skip")
	tab.run("skip", chromedp.KeyEvent(kb.Enter))
	tab.tabTo("#q")
	tab.run("search", chromedp.KeyEvent(c.Tenant))
	tab.navigate("show", chromedp.KeyEvent(kb.Enter))
	tab.tabTo("tr a")
	tab.navigate("open the tenant", chromedp.KeyEvent(kb.Enter))
	tab.shows(http.StatusOK, c.Org.Name)
	tab.tabTo(`form[action$="/pause"] button`)
	tab.navigate("pause", chromedp.KeyEvent(" "))
	tab.shows(http.StatusOK, "Hold paused")
	tab.tabTo(`form[action$="/resume"] button`)
	tab.navigate("resume", chromedp.KeyEvent(kb.Enter))
	tab.shows(http.StatusOK, "Hold none")
	tab.tabTo(`form[action="/logout"] button`)
	tab.navigate("log out", chromedp.KeyEvent(kb.Enter))
	tab.shows(http.StatusOK, "Name of the token")
}

// tabTo presses Tab until an element has the focus, which has to be visible wherever it goes.
func (b *tab) tabTo(selector string) {
	b.t.Helper()
	for range 100 {
		var at struct {
			There, Seen bool
			What        string
		}
		b.run("press Tab", chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(fmt.Sprintf(`(e => ({there: e.matches(%q), what: e.outerHTML.slice(0, 80),
			seen: e === document.body || getComputedStyle(e).outlineStyle !== "none" && e.getBoundingClientRect().width > 0}))(document.activeElement)`, selector), &at))
		if !at.Seen {
			b.t.Errorf("the focus cannot be seen at %s", at.What)
		}
		if at.There {
			return
		}
	}
	b.t.Fatalf("Tab does not come to %s", selector)
}

func (o *operator) withoutScripts(t *testing.T) {
	c := o.customer(t, "harbor-travel")
	tab := o.tab(t, desktop)
	tab.run("switch scripts off", emulation.SetScriptExecutionDisabled(true))
	tab.login()
	tab.shows(http.StatusOK, "tenants, in order of name", "alpine-analytics")
	tab.open(o.path(c.Tenant))
	tab.press(`//button[.="Pause"]`)
	tab.shows(http.StatusOK, "Hold paused")
	tab.press(`//button[.="Resume"]`)
	tab.shows(http.StatusOK, "Hold none")
	tab.open(o.world.AdminURL + "/invitations")
	tab.run("name the tenant", chromedp.SendKeys("#tenant", "no-scripts", chromedp.ByQuery))
	tab.press(`//button[.="Make a connect link"]`)
	tab.shows(http.StatusOK, "A link for no-scripts")
}

func (o *operator) phone(t *testing.T) {
	c := o.customer(t, "cedar-bank") // which has sent, was paused and has a new key
	tab := o.login(t, phone)
	tab.shows(http.StatusOK, "tenants, in order of name", "alpine-analytics")
	tab.shot("list")
	for _, path := range []string{"/?q=cedar-bank", "/tenants/" + c.Tenant, "/tenants/" + c.Tenant + "/disconnect", "/invitations", "/audit"} {
		tab.open(o.world.AdminURL + path)
		tab.shows(http.StatusOK)
	}
	tab.open(o.path(c.Tenant))
	tab.shot("tenant")
}

// awaitPromise makes Evaluate wait for what a promise comes to.
func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
