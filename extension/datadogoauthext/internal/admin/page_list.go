package admin

import (
	"context"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const (
	rowsOfPage = 50
	maxRows    = 200
)

// listView is the list of tenants.
type listView struct {
	PublicURL  string
	Elsewhere  bool // whether no exporter of this collector sends
	Query      Query
	Clients    []string
	Sites      []string
	States     []stateChoice
	Filtered   bool
	Quarantine *Quarantine
	Figures    []figureView
	Incidents  *incidentsView // nil where there is nothing to say of them
	Shown      slot
	Rows       []rowView
	First      string // path of the first page, where this is a later one
	Next       string // path of the page after, or empty

	top slots
}

// figureView is one number on top of the list.
type figureView struct {
	Label string
	Value slot
	Path  string // of the list with these alone; empty for none
}

// stateChoice is a state to filter by.
type stateChoice struct{ Value, Label string }

// list answers with a page of tenants, in order of name. Which need attention is a filter and not an order: a row stays where it is.
func (a *Admin) list(w http.ResponseWriter, r *http.Request, s *session) {
	if s.token.Role == RoleConnect {
		a.showInvitations(w, r, s, http.StatusOK, inviteView{})
		return
	}
	if !a.loaded(w, r, s) {
		return
	}
	now := time.Now()
	view := a.listOf(r.Context(), r.URL.Query(), now)
	a.show(w, r, s, listTemplate, pageView{Title: "Tenants", Nav: "tenants", Live: view.livePath(), Stamp: view.stamp(), At: now, Main: view})
}

func (a *Admin) listOf(ctx context.Context, values url.Values, now time.Time) *listView {
	query := listQuery(values)
	v := &listView{PublicURL: a.publicURL, Elsewhere: !a.grants.Sending(), Query: query, Clients: a.clientChoices(query.Client), Sites: siteNames(), States: stateChoices}
	page := a.grants.Query(query)
	if page.Next != "" {
		v.Next = listPath(query, page.Next)
	}
	names := make([]string, len(page.Tenants))
	for i, s := range page.Tenants {
		names[i] = s.Tenant
	}
	figures := a.grants.Sends(names)
	v.Filtered = query.Text+query.Site+query.State+query.Client != ""
	if q, ok := a.grants.Quarantine(); ok {
		v.Quarantine = &q
	}
	v.Incidents = a.viewIncidents(ctx, now)
	v.count(page.Counts)
	shown := plural(page.Total, "tenant")
	if v.Filtered {
		shown += " of " + count(page.Counts[StateAll])
	}
	v.Shown = v.top.add("shown", "", shown)
	for _, s := range page.Tenants {
		v.Rows = append(v.Rows, newRow(s, figures[s.Tenant], now, v.Elsewhere))
	}
	if query.After != "" {
		v.First = listPath(query, "")
	}
	return v
}

// listQuery takes what it knows; a page that somebody edited the address of is still a page.
func listQuery(values url.Values) Query {
	limit, err := strconv.Atoi(values.Get("limit"))
	if err != nil || limit < 1 {
		limit = rowsOfPage
	}
	state := values.Get("state")
	if !slices.Contains(States, state) {
		state = ""
	}
	return Query{
		Text: strings.TrimSpace(values.Get("q")), Site: values.Get("site"), State: state, Client: values.Get("client"),
		After: values.Get("after"), Limit: min(limit, maxRows),
	}
}

// listPath is the path of the page after a tenant.
func listPath(q Query, after string) string {
	values := url.Values{}
	for name, value := range map[string]string{"q": q.Text, "site": q.Site, "state": q.State, "client": q.Client, "after": after} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Limit != rowsOfPage {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	if len(values) == 0 {
		return "/"
	}
	return "/?" + values.Encode()
}

// clientChoices are the clients to filter by, where there is a choice. One that is not configured any more may have tenants yet.
func (a *Admin) clientChoices(chosen string) []string {
	all := a.grants.Clients()
	if chosen != "" && !slices.Contains(all, chosen) {
		all = append(slices.Clone(all), chosen)
	}
	if len(all) < 2 {
		return nil
	}
	return all
}

func siteNames() []string {
	var names []string
	for _, s := range site.Table() {
		names = append(names, s.Domain())
	}
	return names
}

// stamp changes with what a live update cannot show: which rows there are.
func (v *listView) stamp() string {
	sum := fnv.New64a()
	for _, r := range v.Rows {
		_, _ = sum.Write([]byte(r.Tenant + "\n"))
	}
	_, _ = sum.Write([]byte(v.Next))
	if v.Quarantine != nil {
		_, _ = sum.Write([]byte("quarantine"))
	}
	if v.Elsewhere {
		_, _ = sum.Write([]byte("elsewhere"))
	}
	return strconv.FormatUint(sum.Sum64(), 36)
}

// livePath asks for what the page shows. A parameter of the address that the list does not know is not in it: the page of a tenant has one.
func (v *listView) livePath() string {
	return livePath + strings.TrimPrefix(listPath(v.Query, v.Query.After), "/")
}

func (v *listView) live() liveAnswer {
	groups := map[string]map[string]slotOnWire{"": v.top.onWire()}
	for _, r := range v.Rows {
		groups[r.Tenant] = r.slots.onWire()
	}
	return liveAnswer{Stamp: v.stamp(), Groups: groups}
}
