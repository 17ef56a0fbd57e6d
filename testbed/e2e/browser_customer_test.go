package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const (
	euApp  = "app.datadoghq.eu"
	vanity = "globex.datadoghq.eu"

	koreanButton = `//button[.="Datadog으로 계속"]`
	authorize    = `//button[.="Authorize"]`
	deny         = `//button[.="Deny"]`
)

// What customers see beside the straight ways of the other tests. All share one Chromium and one collector; each has a customer, an organisation
// and cookies of its own.
func TestTheCustomersPagesInARealBrowser(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, tenant string
		run          func(*testing.T, chromium, world.Customer)
	}{
		{"a customer chooses a site", "Acme", choosesASite},
		{"a customer writes the address of the organisation", "Globex", writesAnAddress},
		{"refusal", "Hooli", refuses},
		{"expired state", "Initech", comesBackTwice},
		{"wrong browser", "Umbrella", changesTheBrowser},
		{"two tabs", "Soylent", hasTwoTabs},
		{"back from the last page", "Massive", goesBack},
		{"Korean", "주식회사 한빛", readsKorean},
		{"a key is in the way", "Wayne", triesAgain},
		{"keyboard only", "Stark", usesTheKeyboard},
		{"without JavaScript", "Tyrell", hasNoJavaScript},
		{"by night", "Wonka", looksByNight},
		{"the picture", "Acme Corporation", picturesThePages},
	}
	c := openChromiumIn(t, func(o *world.Options) {
		withLogin("ES256")(o)
		o.Tenants = nil
		for _, tc := range cases {
			o.Tenants = append(o.Tenants, [2]string{tc.tenant, "datadoghq.eu"})
		}
	}, appHost(), euApp, vanity)
	for i, tc := range cases {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, c, c.world.Customers[i]) })
	}
}

// agree consents on the stand-in's page.
func (b *tab) agree(customer world.Customer) {
	b.t.Helper()
	b.shows(http.StatusOK, "wants to access your Datadog organization")
	b.choose("#org", customer.Org.ID)
	b.press(authorize)
}

// clean fails the test when the address still holds something of the callback.
func (b *tab) clean() {
	b.t.Helper()
	var address string
	b.run("read the address", chromedp.Location(&address))
	if hasQuery(address) || !strings.HasPrefix(address, b.world.PublicURL+"/connected/") {
		b.t.Errorf("code and state may be in the address bar: the page is at %s", strings.SplitN(address, "?", 2)[0])
	}
}

// fails is a page of a consent that did not connect: with its status and texts, also when it is reloaded, at a clean address.
func (b *tab) fails(status int64, texts ...string) {
	b.t.Helper()
	b.shows(status, texts...)
	b.clean()
	b.reload()
	b.shows(status, texts...)
}

func choosesASite(t *testing.T, c chromium, customer world.Customer) {
	for _, width := range []int64{desktop, phone} {
		tab := c.tab(t, width)
		tab.open(c.invite(t, customer.Tenant))
		tab.shows(http.StatusOK, "Where is your Datadog organisation?", "US1-FED", "Sites for government")
		tab.shot("sites")
		tab.run("choose EU1", chromedp.Click(`input[value="datadoghq.eu"]`, chromedp.ByQuery))
		tab.press(connectButton)
		if at := hostOf(tab.answer.URL); at != euApp {
			t.Fatalf("the consent is at %s", at)
		}
		tab.agree(customer)
		tab.shows(http.StatusOK, "You may now close this tab", customer.Tenant, customer.Org.Name, "EU1 (datadoghq.eu)")
		tab.clean()
	}
}

func writesAnAddress(t *testing.T, c chromium, customer world.Customer) {
	tab := c.tab(t, desktop)
	tab.open(c.invite(t, customer.Tenant))
	tab.run("write", chromedp.SendKeys("#address", "https://api.datadoghq.eu", chromedp.ByQuery))
	tab.press(connectButton)
	tab.shows(http.StatusBadRequest, "This is not an address of Datadog. You probably mean EU1 (datadoghq.eu).")
	tab.shot("address")
	if focus := tab.focused(); focus != "address" {
		t.Errorf("the field that is wrong has no focus, %q has", focus)
	}
	tab.run("correct it", chromedp.Clear("#address", chromedp.ByQuery), chromedp.SendKeys("#address", "https://"+vanity+"/dashboard/lists", chromedp.ByQuery))
	tab.press(connectButton)
	if at := hostOf(tab.answer.URL); at != vanity {
		t.Fatalf("the consent is at %s", at)
	}
	tab.agree(customer)
	tab.shows(http.StatusOK, "You may now close this tab", customer.Org.Name)
}

func refuses(t *testing.T, c chromium, customer world.Customer) {
	tab := c.tab(t, phone)
	tab.open(c.invite(t, customer.Tenant))
	tab.press(connectButton)
	tab.press(deny)
	tab.fails(http.StatusBadRequest, "Nothing was connected", "Open the connect link again", "Mobile and Third-Party Access")
	tab.shot("denied")
}

// A callback whose state was used is answered as one that ran out, which takes ten minutes.
func comesBackTwice(t *testing.T, c chromium, customer world.Customer) {
	tab := c.tab(t, desktop)
	callbacks := tab.callbacks()
	tab.open(c.invite(t, customer.Tenant))
	tab.press(connectButton)
	tab.agree(customer)
	tab.shows(http.StatusOK, "You may now close this tab")
	tab.open(callbacks()[0])
	tab.fails(http.StatusBadRequest, "This attempt is over", "finished already, or took longer than ten minutes", "Open the connect link again", "Begin again")
	tab.shot("expired")
}

func changesTheBrowser(t *testing.T, c chromium, customer world.Customer) {
	first, second := c.tab(t, desktop), c.tab(t, desktop)
	first.open(c.invite(t, customer.Tenant))
	first.press(connectButton)
	var consent string
	first.run("copy the address", chromedp.Location(&consent))
	second.open(consent)
	second.agree(customer)
	second.fails(http.StatusBadRequest, "Not connected", "began in another browser", "Allow cookies")
	second.shot("browser")
	first.agree(customer) // whose state was used up, for whatever the other did with it
	first.fails(http.StatusBadRequest, "finished already")
}

func hasTwoTabs(t *testing.T, c chromium, customer world.Customer) {
	first := c.tab(t, desktop)
	second := first.beside()
	link := c.invite(t, customer.Tenant)
	for _, tab := range []*tab{first, second} {
		tab.open(link)
		tab.press(connectButton)
	}
	first.agree(customer)
	first.shows(http.StatusOK, "You may now close this tab", customer.Org.Name)
	second.agree(customer) // with a link that the first used up
	second.fails(http.StatusNotFound, "used or withdrawn in the meantime")
	first.reload()
	first.shows(http.StatusOK, "You may now close this tab", customer.Org.Name)
}

// Datadog's page is there once more, and its button too.
func goesBack(t *testing.T, c chromium, customer world.Customer) {
	tab := c.tab(t, phone)
	tab.open(c.invite(t, customer.Tenant))
	tab.press(connectButton)
	tab.agree(customer)
	tab.shows(http.StatusOK, "You may now close this tab", customer.Org.Name)
	tab.navigate("go back", chromedp.NavigateBack())
	tab.agree(customer)
	tab.fails(http.StatusBadRequest, "This attempt is over", "you may be connected already: ask Demo Partner")
	tab.shot("again")
}

func readsKorean(t *testing.T, c chromium, customer world.Customer) {
	for _, width := range []int64{desktop, phone} {
		tab := c.tab(t, width)
		tab.run("speak Korean", emulation.SetUserAgentOverride("Mozilla/5.0").WithAcceptLanguage("ko-KR,ko"))
		tab.open(c.invite(t, customer.Tenant))
		tab.shows(http.StatusOK, "계정을 Datadog에 연결", "Demo Partner", customer.Tenant, "귀사의 Datadog 조직은 어느 사이트에 있습니까?")
		if tab.language() != "ko" {
			t.Errorf("the page says that it is in %q", tab.language())
		}
		tab.shot("korean")
		tab.press(koreanButton)
		tab.press(deny)
		tab.fails(http.StatusBadRequest, "접근이 허용되지 않았습니다", "연결 링크를 다시 열어 주십시오")
		tab.shot("korean-denied")
		tab.open(c.invite(t, customer.Tenant))
		tab.press(koreanButton)
		tab.agree(customer)
		tab.shows(http.StatusOK, "Datadog에 연결되었습니다", "이제 이 탭을 닫으셔도 됩니다", "You may now close this tab", customer.Org.Name)
		tab.shot("korean-connected")
	}
}

// The answer to a mint is lost, so that Datadog has a key whose value nobody knows.
func triesAgain(t *testing.T, c chromium, customer world.Customer) {
	_, err := c.world.Standin.Faults().Add(faults.Fault{Path: "/api/v2/api_keys/marketplace", Org: customer.Org.ID, Lose: true, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	tab := c.tab(t, phone)
	tab.open(c.invite(t, customer.Tenant))
	tab.press(connectButton)
	tab.agree(customer)
	steps := []string{"One step is left", "https://app.datadoghq.eu/organization-settings/api-keys", "OAuth Client API Key", "Revoke", "Try again"}
	tab.fails(http.StatusConflict, steps...)
	tab.shot("key")
	if n := c.world.Standin.OAuth().RevokeKeys(customer.Org.OrgRef, ""); n != 1 {
		t.Fatalf("%d keys were revoked", n)
	}
	tab.press(`//button[.="Try again"]`)
	tab.shows(http.StatusOK, "You may now close this tab", customer.Org.Name)
	tab.clean()
	tab.reload()
	tab.shows(http.StatusOK, "You may now close this tab", customer.Org.Name)
	arrived(t, c.world, customer, work(t, c.world, customer.Tenant, 10))
}

func usesTheKeyboard(t *testing.T, c chromium, customer world.Customer) {
	tab := c.tab(t, desktop)
	tab.run("have the focus", emulation.SetFocusEmulationEnabled(true))
	tab.open(c.invite(t, customer.Tenant))
	tab.reaches("site")
	for range 4 { // past the first, US1, US3 and US5
		tab.run("next site", chromedp.KeyEvent(kb.ArrowDown))
	}
	var chosen string
	tab.run("read the choice", chromedp.Evaluate(`document.querySelector("input[name=site]:checked").value`, &chosen))
	if chosen != "datadoghq.eu" {
		t.Fatalf("the arrow keys chose %q", chosen)
	}
	tab.reaches("address")
	tab.reaches("Continue to Datadog")
	tab.shot("keyboard")
	tab.navigate("press Enter", chromedp.KeyEvent(kb.Enter))
	tab.choose("#org", customer.Org.ID)
	tab.reaches("authorize")
	tab.navigate("press Enter", chromedp.KeyEvent(kb.Enter))
	tab.shows(http.StatusOK, "You may now close this tab", customer.Org.Name)

	tab.open(c.invite(t, customer.Tenant))
	tab.reaches("If Datadog shows an error")
	tab.run("unfold", chromedp.KeyEvent(" "), chromedp.WaitVisible(`//code[.="Mismatching redirect URI"]`, chromedp.BySearch))
}

func hasNoJavaScript(t *testing.T, c chromium, customer world.Customer) {
	tab := c.tab(t, desktop)
	tab.run("switch scripts off", emulation.SetScriptExecutionDisabled(true))
	c.world.Partner.SignIn(partnerCustomer(customer))
	tab.open(c.world.PublicURL + "/connect") // the partner's own site
	tab.press(`//button[.="Log in as ` + customer.Tenant + `"]`)
	tab.shows(http.StatusOK, "Connect "+customer.Tenant+" to Datadog")
	tab.press(connectButton)
	tab.press(deny)
	tab.fails(http.StatusBadRequest, "Nothing was connected", "Begin again with the button below.")
	tab.press(`//a[.="Begin again"]`)
	tab.press(`//button[.="Log in as ` + customer.Tenant + `"]`)
	tab.press(connectButton)
	tab.agree(customer)
	tab.shows(http.StatusOK, "You may now close this tab", customer.Org.Name)
}

func looksByNight(t *testing.T, c chromium, customer world.Customer) {
	tab := c.tab(t, desktop)
	tab.run("fall asleep", emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
	tab.open(c.invite(t, customer.Tenant))
	tab.shows(http.StatusOK, customer.Tenant)
	tab.shot("night")
	tab.press(connectButton)
	tab.press(deny)
	tab.shows(http.StatusBadRequest, "Nothing was connected")
	tab.shot("night-denied")
}
