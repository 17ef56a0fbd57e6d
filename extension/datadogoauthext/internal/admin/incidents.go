package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"
)

const (
	// shownIncidents bounds the table of the page.
	shownIncidents = 100
	// incidentsWait is how long the page waits for them; it shows the tenants without them where that is not enough.
	incidentsWait = 2 * time.Second
)

// incident is an Incident on the wire.
type incident struct {
	Tenant string    `json:"tenant,omitempty"`
	Client string    `json:"client"`
	Site   string    `json:"site"`
	Org    org       `json:"org"`
	Key    string    `json:"key"`
	State  string    `json:"state"`
	Since  time.Time `json:"since,omitzero"`
}

// listIncidents answers {"unknown": n, "searching": n, "waiting": n, "as_of": …, "incidents": […], "more": n}: the list is of the unknown
// ones, the newest first, and more counts those that are older still.
func (a *Admin) listIncidents(w http.ResponseWriter, r *http.Request) {
	all, ok := listed(a, w, r, a.grants.Incidents)
	if !ok {
		return
	}
	list := make([]incident, len(all.Latest))
	for i, v := range all.Latest {
		list[i] = incident{v.Tenant, v.Client, v.Site, org{v.OrgID, v.OrgName}, v.Key, v.State, v.Since.UTC()}
	}
	reply(w, http.StatusOK, struct {
		Unknown   int        `json:"unknown"`
		Searching int        `json:"searching"`
		Waiting   int        `json:"waiting"`
		AsOf      time.Time  `json:"as_of"`
		Incidents []incident `json:"incidents"`
		More      int        `json:"more"`
	}{all.Unknown, all.Searching, all.Waiting, all.ReadAt.UTC(), list, max(all.Unknown-len(list), 0)})
}

type incidentsView struct {
	Incidents
	Fault string // why there are none to show; else empty
	Rows  []incidentRow
	More  int // unknown ones without a row
}

type incidentRow struct {
	Incident
	Age string
}

// viewIncidents returns nil where there is nothing to say: this collector knows of none.
func (a *Admin) viewIncidents(ctx context.Context, now time.Time) *incidentsView {
	ctx, cancel := context.WithTimeout(ctx, incidentsWait)
	defer cancel()
	all, err := a.grants.Incidents(ctx)
	switch {
	case errors.Is(err, ErrRefused):
		return nil
	case ctx.Err() != nil && err != nil:
		return &incidentsView{Fault: "They are being read from the store. Reload in a moment."}
	case err != nil:
		a.logger.Error("incidents could not be read from the store", zap.Error(err))
		return &incidentsView{Fault: "The store could not be read; the collector's log says why."}
	case all.Unknown+all.Searching+all.Waiting == 0:
		return nil
	}
	all.ReadAt = all.ReadAt.UTC()
	v := &incidentsView{Incidents: all}
	for _, i := range all.Latest[:min(len(all.Latest), shownIncidents)] {
		v.Rows = append(v.Rows, incidentRow{i, age(now, i.Since)})
	}
	v.More = max(all.Unknown-len(v.Rows), 0)
	return v
}
