package admin

import (
	"net/http"
	"time"
)

// liveAnswer is what the script of a page puts into it: the slots of each group, the page itself being the group without a name.
type liveAnswer struct {
	At     string                           `json:"at"`
	Stamp  string                           `json:"stamp"`
	Groups map[string]map[string]slotOnWire `json:"groups"`
}

// live answers with the slots of a page as they are: of the page of a tenant with ?tenant=, else of the list with the same parameters.
func (a *Admin) live(w http.ResponseWriter, r *http.Request, _ *session) {
	if !a.isReady(w) {
		return
	}
	now := time.Now()
	var all liveAnswer
	if values := r.URL.Query(); values.Has("tenant") {
		status, ok := a.grants.Tenant(values.Get("tenant"))
		if !ok {
			problem(w, http.StatusNotFound, unknownTenant(values.Get("tenant")))
			return
		}
		all = a.tenantOf(r, status, now, 1).live() // the latest record is in the stamp
	} else {
		all = a.listOf(r.Context(), values, now).live()
	}
	all.At = moment(now)
	reply(w, http.StatusOK, all)
}
