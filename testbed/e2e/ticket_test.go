package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/partner"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// withLogin runs a collector that believes the tickets of a partner's login.
func withLogin(algorithm string) func(*world.Options) {
	return func(o *world.Options) { o.Setup, o.TicketAlgorithm = &world.Setup{}, algorithm }
}

// Both ways in, in a real browser: from the tile at Datadog, which says where the customer is, and from the partner's own site, which does
// not know.
func TestTicketConnect(t *testing.T) {
	t.Parallel()
	c := openChromiumIn(t, withLogin("RS256"), appHost(), euApp)
	acme, globex := c.world.Customers[0], c.world.Customers[1]
	for _, way := range []struct {
		name      string
		customer  world.Customer
		query     string
		says      string
		chooseAll bool // the consent page asks for site and organisation
	}{
		{"from the tile", globex, "?" + url.Values{"site": {"https://" + euApp}, "domain": {"datadoghq.eu"}}.Encode(), "https://" + euApp, false},
		{"from the partner's site", acme, "", "Where is your Datadog organisation?", true},
	} {
		t.Run(way.name, func(t *testing.T) {
			customer := way.customer
			c.world.Partner.SignIn(partner.Customer{Tenant: customer.Tenant})
			tab := c.tab(t, desktop)
			tab.open(c.world.PublicURL + "/connect" + way.query)
			tab.shows(http.StatusOK, "Log in to Demo Partner")
			tab.press(`//button[.="Log in as ` + customer.Tenant + `"]`)
			tab.shows(http.StatusOK, "Demo Partner", customer.Tenant, way.says)
			if at := tab.answer.URL; hostOf(at) != hostOf(c.world.PublicURL) || hasQuery(at) {
				t.Errorf("the ticket is still in the address bar: a query is left at %s", hostOf(at))
			}
			tab.shot("ticket")
			tab.press(connectButton)
			tab.shows(http.StatusOK, "Demo Partner wants to access your Datadog organization")
			if way.chooseAll {
				tab.choose("#site", customer.Org.Site)
			}
			tab.choose("#org", customer.Org.ID)
			tab.press(`//button[.="Authorize"]`)
			tab.shows(http.StatusOK, "You may now close this tab", customer.Tenant, customer.Org.Name)
			arrived(t, c.world, customer, work(t, c.world, customer.Tenant, 10))
		})
	}
}

// The button Test Authorization opens the onboarding address. A check does the same, within the collector.
func TestACheckOpensTheOnboardingAddress(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *world.Options) { withLogin("RS256")(o); withChecks(o) })
	connectAll(t, w)
	if passed, _ := check(t, w, w.Customers[0]).lines("pass"); !slices.Contains(passed, "step1.tile") {
		t.Errorf("passed are %q", passed)
	}
}

func hasQuery(address string) bool {
	u, err := url.Parse(address)
	return err != nil || u.RawQuery != ""
}

// Whatever is wrong with a ticket, nobody gets to Datadog with it.
func TestATicketThatIsNotRightConnectsNobody(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"RS256", "ES256"} {
		w := start(t, withLogin(algorithm))
		w.Partner.SignIn(partner.Customer{Tenant: "acme"})
		if page := logIn(t, w); page.Status != http.StatusOK || page.Form == nil { // also what is replayed below
			t.Fatalf("%s: an honest ticket leads to %d: %s", algorithm, page.Status, page.Text())
		}
		for _, fault := range partner.Faults() {
			w.Partner.Misbehave(fault)
			if page := logIn(t, w); page.Status/100 != 4 || page.Form != nil || page.URL.RawQuery != "" {
				t.Errorf("%s: a ticket with %s leads to %d at %s: %s", algorithm, fault, page.Status, page.URL.Path, page.Text())
			}
		}
		if n := len(w.Standin.History().List(history.Filter{Path: "/oauth2/v1/authorize"})); n > 0 {
			t.Errorf("%s: %d browsers got to Datadog", algorithm, n)
		}
	}
}

// logIn goes to the collector without a link, through the partner's login, and back.
func logIn(t *testing.T, w *world.World) *world.Page {
	t.Helper()
	b, err := w.NewBrowser()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	login, err := b.Open(t.Context(), w.PublicURL+"/connect")
	if err != nil {
		t.Fatal(err)
	}
	page, err := b.Submit(t.Context(), login, nil)
	if err != nil {
		t.Fatal(err)
	}
	return page
}
