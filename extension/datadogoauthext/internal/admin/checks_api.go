package admin

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// startCheck reads {"intrusive": true, "consent": true}, both of which may be left out, and answers 202 with the id of the check.
func (a *Admin) startCheck(w http.ResponseWriter, r *http.Request) {
	if !a.isReady(w) {
		return
	}
	var body struct {
		Intrusive bool `json:"intrusive"`
		Consent   bool `json:"consent"`
	}
	name := r.PathValue("tenant")
	status, err := http.StatusUnprocessableEntity, grant.CheckReadable(name)
	if err == nil && r.ContentLength != 0 {
		status, err = readJSON(w, r, &body)
	}
	if err != nil {
		problem(w, status, err.Error())
		return
	}
	id, err := a.grants.StartCheck(r.Context(), name, CheckOptions{Intrusive: body.Intrusive, Consent: body.Consent}, nameOf(r))
	if !a.done(w, r, "check", err, zap.String("tenant", name), zap.String("check", id)) {
		return
	}
	w.Header().Set("Location", strings.TrimSuffix(r.URL.EscapedPath(), "/")+"/latest")
	reply(w, http.StatusAccepted, struct {
		ID string `json:"id"`
	}{id})
}

// stopCheck ends the check that runs, and answers 204.
func (a *Admin) stopCheck(w http.ResponseWriter, r *http.Request) {
	if !a.isReady(w) {
		return
	}
	name := r.PathValue("tenant")
	if a.done(w, r, "stop check", a.grants.StopCheck(r.Context(), name, nameOf(r)), zap.String("tenant", name)) {
		w.WriteHeader(http.StatusNoContent)
	}
}

const (
	// maxCheckWait bounds ?wait=, checkLook is how often the report is looked at meanwhile. It is in the store, since another collector may run
	// the check.
	maxCheckWait = 60 * time.Second
	checkLook    = 500 * time.Millisecond
	// maxLookers bounds how many look meanwhile. Whoever waits besides takes the place of one who is done.
	maxLookers = 20
)

// latestCheck answers the latest report of a tenant. With ?wait=25s it waits so long for the end of a check that runs.
func (a *Admin) latestCheck(w http.ResponseWriter, r *http.Request) {
	wait, err := readWait(r.URL.RawQuery)
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	giveTime(w, wait+orderTime)
	look, place := wait, a.lookers // without a place it looks again at the end alone
	defer func() {
		if place == nil {
			<-a.lookers
		}
	}()
	for until := time.Now().Add(wait); ; {
		report, ok := a.report(w, r)
		if !ok {
			return
		}
		if !report.Running() || !time.Now().Before(until) {
			if tokenOf(r).Role != RoleOperate {
				report.ConsentLink = "" // a connect link that works, which is for whoever may run checks
			}
			reply(w, http.StatusOK, report)
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(min(look, time.Until(until))):
		case place <- struct{}{}:
			look, place = checkLook, nil
		}
	}
}

// readWait reads the parameter wait; without it, or where it is empty, nothing is waited for.
func readWait(raw string) (time.Duration, error) {
	values, err := parameters(raw, "wait")
	if err != nil || values.Get("wait") == "" {
		return 0, err
	}
	wait, err := time.ParseDuration(values.Get("wait"))
	if err != nil || wait < 0 || wait > maxCheckWait {
		return 0, fmt.Errorf("wait: a duration such as 25s, at most %s", maxCheckWait)
	}
	return wait, nil
}

// report finds the latest one, or answers itself.
func (a *Admin) report(w http.ResponseWriter, r *http.Request) (check.Report, bool) {
	if !a.isReady(w) {
		return check.Report{}, false
	}
	name := r.PathValue("tenant")
	report, found, err := a.grants.CheckReport(r.Context(), name)
	if err != nil {
		a.done(w, r, "read a report", err, zap.String("tenant", name))
		return report, false
	}
	if !found {
		problem(w, http.StatusNotFound, fmt.Sprintf("there is no report of tenant %.100q; POST /v1/tenants/{tenant}/checks begins a check", name))
	}
	return report, found
}

// downloadReport answers the latest report as a file: HTML where Accept asks for it, else JSON.
func (a *Admin) downloadReport(w http.ResponseWriter, r *http.Request) {
	report, ok := a.report(w, r)
	if !ok {
		return
	}
	form := reportJSON
	if wantsHTML(r.Header.Get("Accept")) {
		form = reportHTML
	}
	a.noteReport(r, nameOf(r), "api", report.Tenant)
	a.writeReport(w, report, form)
}

// wantsHTML reports whether HTML comes before JSON in an Accept header (RFC 9110 §12.5.1). Nothing that is asked for gets JSON.
func wantsHTML(accept string) bool {
	html, json := 0.0, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if s, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(s, 64); err != nil {
				continue
			}
		}
		switch media {
		case "text/html":
			html = max(html, q)
		case "application/json":
			json = max(json, q)
		}
	}
	return html > json
}

// checked is a report in a list.
type checked struct {
	Tenant    string    `json:"tenant"`
	ID        string    `json:"id"`
	By        string    `json:"by"`
	Client    string    `json:"client,omitempty"`
	Site      string    `json:"site,omitempty"`
	OrgID     string    `json:"org_id,omitempty"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	Passed    int       `json:"passed"`
	Failed    int       `json:"failed"`
	NotTested int       `json:"not_tested"`
}

// listChecks answers {"checks": […], "next": "…"}: the latest check of each tenant that had one, by name. Each is made of its report.
func (a *Admin) listChecks(w http.ResponseWriter, r *http.Request) {
	if !a.isReady(w) {
		return
	}
	limit := 0
	values, err := parameters(r.URL.RawQuery, "after", "limit")
	if err == nil {
		limit, err = limitOf(values, defaultPage, maxChecks)
	}
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	giveTime(w, orderTime)
	all := []checked{}
	next, err := a.grants.LatestChecks(r.Context(), values.Get("after"), limit, func(report check.Report) {
		passed, failed, notTested := report.Counts()
		all = append(all, checked{
			report.Tenant, report.ID, report.By, report.Client, report.Site, report.OrgID, report.StartedAt, report.EndedAt, passed, failed, notTested,
		})
	})
	if err != nil {
		a.done(w, r, "list checks", err)
		return
	}
	reply(w, http.StatusOK, struct {
		Checks []checked `json:"checks"`
		Next   string    `json:"next,omitempty"`
	}{all, next})
}
