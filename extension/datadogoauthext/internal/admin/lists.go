package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// change is a PendingChange on the wire.
type change struct {
	Tenant    string    `json:"tenant"`
	Client    string    `json:"client"`
	Site      string    `json:"site"`
	Org       org       `json:"org"`
	From      place     `json:"from"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// place is where a tenant is connected to.
type place struct {
	Site string `json:"site"`
	Org  org    `json:"org"`
}

func changeOnWire(p PendingChange) change {
	return change{
		Tenant: p.Tenant, Client: p.Client, Site: p.Site, Org: org{p.OrgID, p.OrgName}, From: place{p.FromSite, org{p.FromOrgID, p.FromOrgName}},
		CreatedAt: p.CreatedAt.UTC(), ExpiresAt: p.ExpiresAt.UTC(),
	}
}

// listChanges answers {"changes": […], "total": n, "next": "…"}, in order of the tenants' names.
func (a *Admin) listChanges(w http.ResponseWriter, r *http.Request) {
	if !a.isReady(w) {
		return
	}
	query := Query{State: StatePending}
	values, err := parameters(r.URL.RawQuery, "after", "limit")
	if err == nil {
		query.After = values.Get("after")
		query.Limit, err = limitOf(values, defaultPage, maxPage)
	}
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	page := a.grants.Query(query)
	list := []change{}
	for _, s := range page.Tenants {
		if s.Pending != nil {
			list = append(list, changeOnWire(*s.Pending))
		}
	}
	reply(w, http.StatusOK, struct {
		Changes []change `json:"changes"`
		Total   int      `json:"total"`
		Next    string   `json:"next,omitempty"`
	}{list, page.Total, page.Next})
}

// revocation is a Revocation on the wire.
type revocation struct {
	Tenant    string    `json:"tenant"`
	Client    string    `json:"client"`
	Site      string    `json:"site"`
	OrgID     string    `json:"org_id"`
	Why       string    `json:"why,omitempty"`
	DropKey   bool      `json:"delete_key"`
	AskedAt   time.Time `json:"asked_at"`
	Attempts  int       `json:"attempts"`
	NextAt    time.Time `json:"next_at,omitzero"`
	LastError string    `json:"last_error,omitempty"`
}

// listRevocations answers {"revocations": […], "total": n, "next": "…"}, the oldest first.
func (a *Admin) listRevocations(w http.ResponseWriter, r *http.Request) {
	query, err := readSection(r.URL.RawQuery)
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	all, ok := listed(a, w, r, a.grants.Revocations)
	if !ok {
		return
	}
	part, next := partOf(query, all, false, func(v Revocation) mark { return mark{v.AskedAt, v.ID} })
	list := make([]revocation, len(part))
	for i, v := range part {
		list[i] = revocation{v.Tenant, v.Client, v.Site, v.OrgID, v.Why, v.DropKey, v.AskedAt.UTC(), v.Attempts, v.NextAt.UTC(), v.Reason}
	}
	reply(w, http.StatusOK, struct {
		Revocations []revocation `json:"revocations"`
		Total       int          `json:"total"`
		Next        string       `json:"next,omitempty"`
	}{list, len(all), next})
}

// listed asks for a list that is read from the store. It answers itself, and returns false, where there is none.
func listed[T any](a *Admin, w http.ResponseWriter, r *http.Request, list func(context.Context) (T, error)) (all T, ok bool) {
	if !a.isReady(w) {
		return all, false
	}
	all, err := list(r.Context())
	switch {
	case errors.Is(err, ErrRefused):
		problem(w, http.StatusConflict, err.Error())
	case err != nil:
		a.logger.Error("a list could not be read from the store", zap.String("path", r.Pattern), zap.Error(err))
		problem(w, http.StatusInternalServerError, "the store could not be read; the collector's log says why")
	}
	return all, err == nil
}
