package datadogoauthext

import (
	"iter"
	"slices"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// Query implements admin.Tenants.
func (a adminGrants) Query(q admin.Query) admin.Page {
	return a.more().page(q, a.grants.Rows, a.grants.TenantsNamed)
}

// Clients implements admin.Tenants.
func (a adminGrants) Clients() []string { return a.clients }

// Tenant implements admin.Tenants.
func (a adminGrants) Tenant(name string) (admin.TenantStatus, bool) {
	found := a.more().statuses(a.grants.TenantsNamed([]string{name}))
	if len(found) == 0 {
		return admin.TenantStatus{}, false
	}
	return found[0], true
}

// mentions reports whether a row holds text, which is in lower case.
func mentions(row *grant.Row, text string) bool {
	return text == "" || strings.Contains(strings.ToLower(row.Tenant), text) || strings.Contains(strings.ToLower(row.OrgName), text) ||
		strings.Contains(strings.ToLower(row.Org.ID), text)
}

// more is what a grant does not say of its tenant. Few tenants have any of it.
type more struct {
	pending map[string]*admin.PendingChange
	refused map[string][]admin.RefusedIntake
	parked  map[string]int64
}

func (a adminGrants) more() more {
	m := more{pending: map[string]*admin.PendingChange{}, refused: a.refusals.byTenant(), parked: a.sends.parked()}
	for _, p := range a.grants.PendingChanges() {
		m.pending[p.Tenant] = &admin.PendingChange{
			Tenant: p.Tenant, Client: p.Client, Site: p.Site, OrgID: p.OrgID, OrgName: p.OrgName,
			FromSite: p.FromSite, FromOrgID: p.FromOrgID, FromOrgName: p.FromOrgName, CreatedAt: p.Created, ExpiresAt: p.Expires,
		}
	}
	return m
}

// flags say which of flagNames apply to a tenant.
type flags [6]bool

var flagNames = [6]string{admin.StateAll, admin.StateSending, admin.StateAttention, admin.StatePending, admin.StateRefused, admin.StateParked}

func (m more) flags(row *grant.Row) flags {
	_, moves := m.pending[row.Tenant]
	_, refused := m.refused[row.Tenant]
	return flags{true, row.Sending, row.Attention || moves || refused, moves, refused, m.parked[row.Tenant] > 0}
}

// match reports whether a tenant is in a state that a query asks for.
func (f flags) match(state string, row *grant.Row) bool {
	if state == "" {
		return true
	}
	if i := slices.Index(flagNames[:], state); i >= 0 {
		return f[i]
	}
	return state == admin.StateName(row.State)
}

// page is what a query finds. named makes statuses of the tenants on the page alone; one that is gone by then has none.
func (m more) page(q admin.Query, rows iter.Seq[*grant.Row], named func([]string) []grant.TenantStatus) admin.Page {
	names, page := m.search(q, rows)
	page.Tenants = m.statuses(named(names))
	return page
}

// search looks at every tenant, by what stands ready of each. rows are in order of name. What it returns has the names in place of the statuses.
func (m more) search(q admin.Query, rows iter.Seq[*grant.Row]) (names []string, found admin.Page) {
	text := strings.ToLower(q.Text)
	counts := make(map[string]int, len(admin.States)+1)
	states := make(map[grant.State]int, len(grant.States))
	var flagged [len(flagNames)]int
	for row := range rows {
		is := m.flags(row)
		states[row.State]++
		for i, applies := range is {
			if applies {
				flagged[i]++
			}
		}
		if !is.match(q.State, row) || q.Site != "" && row.Org.Site != q.Site || q.Client != "" && row.Org.Client != q.Client || !mentions(row, text) {
			continue
		}
		found.Total++
		switch {
		case row.Tenant <= q.After:
		case q.Limit == 0 || len(names) < q.Limit:
			names = append(names, row.Tenant)
		default:
			found.Next = names[len(names)-1]
		}
	}
	for state, n := range states {
		counts[admin.StateName(state)] = n
	}
	for i, n := range flagged {
		if n > 0 {
			counts[flagNames[i]] = n
		}
	}
	found.Counts = counts
	return names, found
}

func (m more) statuses(tenants []grant.TenantStatus) []admin.TenantStatus {
	all := make([]admin.TenantStatus, len(tenants))
	for i, t := range tenants {
		all[i] = admin.TenantStatus{
			Tenant: t.Tenant, Client: t.Client, Stage: t.Stage, Site: t.Site, OrgID: t.OrgID, OrgName: t.OrgName,
			Token: string(t.Facts.Token), TokenReason: t.TokenReason, Key: string(t.Facts.Key), KeyReason: t.KeyReason,
			Hold: string(t.Facts.Hold), HoldReason: t.HoldReason,
			KeyLast4: t.Last4, KeyName: t.KeyName, Generation: t.Generation, KeySince: t.KeySince, KeyMintedAt: t.MintedAt,
			TokenExpiry: t.TokenExpiry, TokenRefreshedAt: t.RefreshedAt,
			// The site of a tenant is the callback's domain and nothing else.
			AppOrigin: t.AppOrigin, StartedDomain: t.StartedDomain, CallbackDomain: t.Site, Scopes: t.Scopes,
			Pending: m.pending[t.Tenant], ConnectedAt: t.ConnectedAt, Since: t.Since, Sending: t.Sending,
			Refused: m.refused[t.Tenant],
		}
	}
	return all
}
