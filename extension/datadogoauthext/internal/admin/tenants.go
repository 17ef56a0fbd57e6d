package admin

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// tenant is a TenantStatus on the wire. Times are RFC 3339 in UTC and left out where there is none.
type tenant struct {
	Tenant      string    `json:"tenant"`
	Client      string    `json:"client"`
	Site        string    `json:"site,omitempty"`
	Org         *org      `json:"org,omitempty"`
	Token       fact      `json:"token"`
	Key         keyFact   `json:"key"`
	Hold        fact      `json:"hold"`
	Sending     bool      `json:"sending"`
	ConnectedAt time.Time `json:"connected_at,omitzero"`
	Since       time.Time `json:"since,omitzero"`
}

type org struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

type fact struct {
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
}

type keyFact struct {
	fact
	Last4      string    `json:"last4,omitempty"`
	Generation uint64    `json:"generation,omitempty"`
	Since      time.Time `json:"since,omitzero"`
}

func onWire(s TenantStatus) tenant {
	t := tenant{
		Tenant:  s.Tenant,
		Client:  s.Client,
		Site:    s.Site,
		Token:   fact{s.Token, s.TokenReason},
		Key:     keyFact{fact{s.Key, s.KeyReason}, s.KeyLast4, s.Generation, s.KeySince.UTC()},
		Hold:    fact{s.Hold, s.HoldReason},
		Sending: s.Sending, ConnectedAt: s.ConnectedAt.UTC(), Since: s.Since.UTC(),
	}
	if s.OrgID != "" {
		t.Org = &org{s.OrgID, s.OrgName}
	}
	return t
}

// listTenants answers {"tenants": […]}, in order of name.
func (a *Admin) listTenants(w http.ResponseWriter, _ *http.Request) {
	if !a.isReady(w) {
		return
	}
	statuses := a.sorted()
	list := make([]tenant, len(statuses))
	for i, s := range statuses {
		list[i] = onWire(s)
	}
	reply(w, http.StatusOK, struct {
		Tenants []tenant `json:"tenants"`
	}{list})
}

func (a *Admin) oneTenant(w http.ResponseWriter, r *http.Request) {
	if !a.isReady(w) {
		return
	}
	name := r.PathValue("tenant")
	statuses := a.grants.Tenants()
	i := slices.IndexFunc(statuses, func(s TenantStatus) bool { return s.Tenant == name })
	if i < 0 {
		problem(w, http.StatusNotFound, fmt.Sprintf("no customer was ever invited or connected as %.100q; POST /v1/invitations makes a connect link", name))
		return
	}
	reply(w, http.StatusOK, onWire(statuses[i]))
}

func (a *Admin) sorted() []TenantStatus {
	statuses := a.grants.Tenants()
	slices.SortFunc(statuses, func(x, y TenantStatus) int { return cmp.Compare(x.Tenant, y.Tenant) })
	return statuses
}
