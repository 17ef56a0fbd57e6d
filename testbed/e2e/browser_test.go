package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	devlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const (
	desktop = 1280 // CSS pixels
	phone   = 320  // the narrowest that must do: WCAG 2.2, 1.4.10
)

const connectButton = `//button[.="Continue to Datadog"]`

// What the Go client of package world cannot show: that a browser's own rules on forms, redirects, cookies and origins let
// the flow pass, and that people see whole pages.
func TestACustomerConnectsInARealBrowser(t *testing.T) {
	t.Parallel()
	c := openChromium(t)
	for i, width := range []int64{desktop, phone} {
		customer := c.world.Customers[i]
		tab := c.tab(t, width)
		tab.open(c.invite(t, customer.Tenant))
		tab.shows(http.StatusOK, "Demo Partner", customer.Tenant)
		tab.shot("start")
		tab.press(connectButton)
		tab.shows(http.StatusOK, "Demo Partner wants to access your Datadog organization")
		tab.choose("#site", customer.Org.Site)
		tab.choose("#org", customer.Org.ID)
		tab.press(`//button[.="Authorize"]`)
		tab.shows(http.StatusOK, "You may now close this tab", customer.Tenant, customer.Org.Name)
		tab.shot("connected")
		tab.reload()
		tab.shows(http.StatusOK, "You may now close this tab", customer.Tenant, customer.Org.Name)
	}
	for _, width := range []int64{desktop, phone} {
		tab := c.tab(t, width)
		tab.login()
		tab.open(c.world.AdminURL + "/")
		for _, customer := range c.world.Customers[:2] {
			tab.shows(http.StatusOK, customer.Tenant, customer.Org.Site, customer.Org.Name)
		}
		tab.shot("status")
	}
}

func TestACustomerWhoDeniesIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	c := openChromium(t)
	for _, width := range []int64{desktop, phone} {
		tab := c.tab(t, width)
		tab.open(c.invite(t, "acme"))
		tab.press(connectButton)
		tab.press(`//button[.="Deny"]`)
		tab.fails(http.StatusBadRequest, "Nothing was connected", "Open the connect link again", "Demo Partner")
		tab.shot("error")
	}
}

func TestACustomerWhoGoesBackCanPressAgain(t *testing.T) {
	t.Parallel()
	c := openChromium(t)
	tab := c.tab(t, desktop)
	tab.open(c.invite(t, "acme"))
	tab.press(connectButton)
	tab.navigate("go back", chromedp.NavigateBack())
	tab.press(connectButton)
	tab.shows(http.StatusOK, "Demo Partner wants to access your Datadog organization")
}

// chromium is a running one, beside the world that it can reach.
type chromium struct {
	world *world.World
	ctx   context.Context // chromedp keeps the browser in it
	// hosts are all that a page may ask for something; datadog are those of them that the stand-in plays.
	hosts, datadog []string
}

// openChromium starts one that ends with the test, and what it wrote goes with it.
func openChromium(t *testing.T) chromium {
	t.Helper()
	return openChromiumIn(t, nil, appHost())
}

// openChromiumIn runs one in a world after change, which sees these hosts of Datadog's.
func openChromiumIn(t *testing.T, change func(*world.Options), hosts ...string) chromium {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed; install it and put it on the PATH to see the connect flow in a real browser")
	}
	w := start(t, change)
	flags, err := w.ChromiumFlags(t.Context(), hosts...)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.Env("HOME="+dir, "TMPDIR="+dir),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.WSURLReadTimeout(time.Minute), // a cold start on a busy machine
	}
	// A page that comes back as it was, from memory, is none that chromedp follows.
	for _, name := range []string{"disable-back-forward-cache", "disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage"} {
		options = append(options, chromedp.Flag(name, true))
	}
	for name, value := range flags {
		options = append(options, chromedp.Flag(name, value))
	}
	// Not t.Context(), which ends before the cleanups that close the browser.
	ctx, wait := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(wait)
	ctx, _ = chromedp.NewContext(ctx, chromedp.WithErrorf(t.Logf))
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("end chromium: %v", err)
		}
	})
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	expected := append(hosts, hostOf(w.PublicURL), hostOf(w.AdminURL))
	if w.Partner != nil {
		expected = append(expected, hostOf(w.Partner.URL))
	}
	return chromium{world: w, ctx: ctx, hosts: expected, datadog: hosts}
}

// appHost is where every consent begins that names no site.
func appHost() string { return hosts.Sites()[0].AppHost }

func (c chromium) invite(t *testing.T, tenant string) string {
	t.Helper()
	link, err := c.world.Invite(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// tab is one with cookies of its own, as a person sees it.
type tab struct {
	t       *testing.T
	world   *world.World
	browser chromium
	ctx     context.Context
	width   int64
	answer  *network.Response // of the last page
	failed  map[string]bool   // addresses of pages that were error pages on purpose

	mu         sync.Mutex
	complaints []complaint // guarded by mu
}

// complaint is what a developer would find in the console.
type complaint struct{ page, text string }

func (c chromium) tab(t *testing.T, width int64) *tab {
	t.Helper()
	browser := cdp.WithExecutor(c.ctx, chromedp.FromContext(c.ctx).Browser)
	cookies, err := target.CreateBrowserContext().Do(browser)
	if err != nil {
		t.Fatal(err)
	}
	return c.tabOf(t, width, cookies)
}

// tabOf is one with the cookies of a browser context.
func (c chromium) tabOf(t *testing.T, width int64, cookies cdp.BrowserContextID) *tab {
	t.Helper()
	browser := cdp.WithExecutor(c.ctx, chromedp.FromContext(c.ctx).Browser)
	// chromedp.WithNewBrowserContext asks for no window, and without one Chromium has no place for the tab.
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(cookies).WithNewWindow(true).Do(browser)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(c.ctx, chromedp.WithTargetID(id))
	t.Cleanup(cancel)
	b := &tab{t: t, world: c.world, browser: c, ctx: ctx, width: width, failed: map[string]bool{}}
	chromedp.ListenTarget(ctx, b.listen)
	if err := chromedp.Run(ctx); err != nil { // takes the tab over, for as long as ctx lives
		t.Fatal(err)
	}
	viewport := []chromedp.EmulateViewportOption{}
	if width == phone {
		viewport = append(viewport, chromedp.EmulateMobile)
	}
	b.run("set the size", chromedp.EmulateViewport(width, 800, viewport...))
	return b
}

// listen keeps what our own pages give reason to complain of: what a policy blocked, what did not load, what a script threw,
// every host that they ask for something, and every other host that learns their address.
func (b *tab) listen(event any) {
	switch e := event.(type) {
	case *devlog.EventEntryAdded:
		if e.Entry.Level == devlog.LevelWarning || e.Entry.Level == devlog.LevelError {
			b.complain(e.Entry.URL, e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		b.complain(e.ExceptionDetails.URL, e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		if strings.HasPrefix(e.Request.URL, "data:") {
			return // an icon of the browser's own, as in a field for a day
		}
		if host := hostOf(e.Request.URL); !slices.Contains(b.browser.hosts, host) {
			b.complain(e.DocumentURL, "asks "+host+" for something")
		}
		from, _ := e.Request.Headers["Referer"].(string)
		if at := hostOf(from); (at == hostOf(b.world.PublicURL) || at == hostOf(b.world.AdminURL)) && at != hostOf(e.Request.URL) {
			b.complain(from, "tells "+hostOf(e.Request.URL)+" where it is")
		}
	}
}

func (b *tab) complain(page, text string) {
	if slices.Contains(b.browser.datadog, hostOf(page)) {
		return // the stand-in's own
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, complaint{page, text})
}

// console is what was found in it, without the lines that Chromium writes for pages that are error pages on purpose.
func (b *tab) console() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var texts []string
	for _, c := range b.complaints {
		if !b.failed[c.page] || !strings.HasPrefix(c.text, "Failed to load resource") {
			text, _, _ := strings.Cut(c.text, "?") // addresses of the flow carry codes and states
			texts = append(texts, text)
		}
	}
	return texts
}

// perAction is ample: every page comes from this machine.
const perAction = 15 * time.Second

func (b *tab) run(what string, actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, perAction)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v; console: %q", what, err, b.console())
	}
}

// navigate does what leads to another page, and waits for that.
func (b *tab) navigate(what string, actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, perAction)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, actions...)
	if err != nil {
		b.t.Fatalf("%s: %v; console: %q", what, err, b.console())
	}
	if b.answer = answer; answer != nil && answer.Status >= 400 {
		b.failed[answer.URL] = true
	}
}

func (b *tab) open(address string) {
	b.t.Helper()
	b.navigate("open "+hostOf(address), chromedp.Navigate(address))
}

func (b *tab) reload() {
	b.t.Helper()
	b.navigate("reload", chromedp.Reload())
}

func (b *tab) press(button string) {
	b.t.Helper()
	b.navigate("press "+button, chromedp.Click(button, chromedp.BySearch))
}

func (b *tab) choose(list, value string) {
	b.t.Helper()
	b.run("choose in "+list, chromedp.SetValue(list, value, chromedp.ByQuery))
}

// shows fails the test unless the page has these texts, fits the window, and left the console empty.
func (b *tab) shows(status int64, texts ...string) {
	b.t.Helper()
	var page string
	var scrollWidth int64
	b.run("read the page", chromedp.Evaluate("document.body.innerText", &page), chromedp.Evaluate("document.documentElement.scrollWidth", &scrollWidth))
	if b.answer == nil || b.answer.Status != status {
		b.t.Fatalf("want a page with status %d, got %s", status, b.seen(page))
	}
	for _, text := range texts {
		if !strings.Contains(page, text) {
			b.t.Fatalf("%q is missing on the page: %s", text, b.seen(page))
		}
	}
	if scrollWidth > b.width && !slices.Contains(b.browser.datadog, hostOf(b.answer.URL)) {
		b.t.Errorf("in a window of %d px the page is %d px wide: %s", b.width, scrollWidth, b.seen(page))
	}
	if at := hostOf(b.answer.URL); at == hostOf(b.world.PublicURL) || at == hostOf(b.world.AdminURL) {
		b.accessible(b.t)
	}
	if console := b.console(); len(console) > 0 {
		b.t.Errorf("the console has %q at %s", console, b.seen(page))
	}
}

func (b *tab) seen(page string) string {
	if b.answer == nil {
		return page
	}
	return fmt.Sprintf("%d from %s:\n%s", b.answer.Status, hostOf(b.answer.URL), page)
}

// login logs in at the admin listener as its operator, and ends on the page that lists tenants.
func (b *tab) login() {
	b.t.Helper()
	name, secret := b.world.OperatorToken()
	b.open(b.world.AdminURL + "/")
	b.shows(http.StatusOK, "Name of the token")
	b.run("write name and token", chromedp.SendKeys("#name", name, chromedp.ByQuery), chromedp.SendKeys("#token", secret, chromedp.ByQuery))
	b.press(`//button[.="Log in"]`)
}

// shot keeps a picture of the whole page where DATADOGOAUTH_SHOTS names a directory.
func (b *tab) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("DATADOGOAUTH_SHOTS")
	if dir == "" {
		return
	}
	var png []byte
	b.run("take a picture", chromedp.FullScreenshot(&png, 100))
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", name, b.width)), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// hostOf is host and port of an address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
