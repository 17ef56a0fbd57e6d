package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// Tenants are looked at in pages.
type Tenants interface {
	// Query returns what it finds; the slice is the caller's.
	Query(Query) Page
	// Clients are the names of the clients that tenants can have, in order.
	Clients() []string
	// Tenant returns one of them.
	Tenant(name string) (TenantStatus, bool)
}

// Query selects tenants. The zero Query selects all.
type Query struct {
	// Text is part of the tenant's name, or of its organisation's name or id, in whatever case.
	Text string
	// Site, Client and State are exact. State is one of States.
	Site, Client, State string
	// After is the name that a page begins behind, so that pages stay what they are while tenants come and go.
	After string
	// Limit bounds the page. Zero means no bound.
	Limit int
	// sends asks for what was sent for those on the page.
	sends bool
}

// Page is what a Query finds.
type Page struct {
	Tenants []TenantStatus // in order of name
	Next    string         // the After of the page that follows; empty where none does
	Total   int            // how many match in all
	Counts  map[string]int // how many tenants there are of each state that a Query can ask for, whatever it asks
}

// States that a Query can ask for besides those of a grant, which stand in its words with "-" for a space, such as "key-refused".
const (
	StateSending   = "sending"   // data is sent at this moment
	StateAttention = "attention" // a person has to act
	StatePending   = "pending"   // a change of organisation waits
	StateRefused   = "refused"   // an intake refuses data although the key is good
	StateParked    = "parked"    // data waits in this collector
	// StateAll counts every tenant.
	StateAll = "all"
)

// States lists what Query.State can be, but for none.
var States = states()

func states() []string {
	all := []string{StateSending, StateAttention, StatePending, StateRefused, StateParked}
	for _, st := range grant.States {
		all = append(all, StateName(st))
	}
	return all
}

// StateName is the word for a grant's state in a query.
func StateName(st grant.State) string { return strings.ReplaceAll(string(st), " ", "-") }

// maxPage bounds the limit that a request of the API may ask for.
const maxPage = 1000

// readQuery reads the parameters q, site, state, client, after, limit and sends. The error is for whoever asked.
func readQuery(raw string) (Query, error) {
	values, err := parameters(raw, "q", "site", "state", "client", "after", "limit", "sends")
	if err != nil {
		return Query{}, err
	}
	q := Query{Site: values.Get("site"), State: values.Get("state"), Client: values.Get("client"), After: values.Get("after")}
	if q.Text, err = readText(values); err != nil {
		return Query{}, err
	}
	if q.State != "" && !slices.Contains(States, q.State) {
		return Query{}, fmt.Errorf("state: %.40q is none of %s", q.State, strings.Join(States, ", "))
	}
	if q.Limit, err = limitOf(values, 0, maxPage); err != nil {
		return Query{}, err
	}
	if values.Has("sends") {
		if q.sends, err = strconv.ParseBool(values.Get("sends")); err != nil {
			return Query{}, fmt.Errorf("sends: %.40q must be true or false", values.Get("sends"))
		}
	}
	return q, nil
}

// listTenants answers {"tenants": […], "total": n, "next": "…"}, in order of name: those that the query selects, and how many it selects in
// all. next is there where more follow; it is what after has to be for them. Without a limit all of them follow.
func (a *Admin) listTenants(w http.ResponseWriter, r *http.Request) {
	if !a.isReady(w) {
		return
	}
	query, err := readQuery(r.URL.RawQuery)
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	page := a.grants.Query(query)
	list := make([]tenant, len(page.Tenants))
	for i, s := range page.Tenants {
		list[i] = onWire(s)
	}
	if query.sends {
		a.addFigures(list)
	}
	reply(w, http.StatusOK, struct {
		Tenants []tenant `json:"tenants"`
		Total   int      `json:"total"`
		Next    string   `json:"next,omitempty"`
	}{list, page.Total, page.Next})
}
