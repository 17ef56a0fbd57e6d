package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
)

// An impatient person presses again while Datadog takes its time.
func TestACustomerWhoPressesTwiceGetsToDatadog(t *testing.T) {
	t.Parallel()
	c := openChromium(t)
	slow, err := c.world.Standin.Faults().Add(faults.Fault{Host: appHost(), Method: http.MethodGet, LatencyMS: 3000, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	tab := c.tab(t, desktop)
	tab.open(c.invite(t, "acme"))
	// By the place on the screen, since chromedp's own Click waits for a page under way, and the person does not.
	var at struct{ X, Y, Width, Height float64 }
	tab.run("find the button", chromedp.ScrollIntoView("button", chromedp.ByQuery),
		chromedp.Evaluate(`document.querySelector("button").getBoundingClientRect().toJSON()`, &at))
	click := chromedp.MouseClickXY(at.X+at.Width/2, at.Y+at.Height/2)
	tab.run("press", click)
	if err := c.world.Standin.Faults().Await(t.Context(), slow.ID, 1); err != nil { // the first press got as far as Datadog
		t.Fatal(err)
	}
	var page string
	tab.run("press again", click, chromedp.WaitVisible(`//h1[contains(., "wants to access") or contains(., "onnected")]`, chromedp.BySearch),
		chromedp.Text("main", &page, chromedp.ByQuery))
	if !strings.Contains(page, "Demo Partner wants to access your Datadog organization") {
		t.Fatalf("the second press ends on: %s", page)
	}
}

// Partners name tenants by what their database has.
func TestALongNameStaysOnThePage(t *testing.T) {
	t.Parallel()
	c := openChromium(t)
	tenant := strings.Repeat("0f8fad5bd9cd469fa165708677289505", 2)
	tab := c.tab(t, phone)
	tab.open(c.invite(t, tenant))
	tab.shows(http.StatusOK, tenant)
	tab.press(connectButton)
	tab.press(`//button[.="Authorize"]`)
	tab.shows(http.StatusOK, "You may now close this tab", tenant)
	tab = c.tab(t, phone)
	tab.login()
	tab.open(c.world.AdminURL + "/")
	tab.shows(http.StatusOK, tenant)
}
