package admin

import (
	"crypto/sha256"
	"encoding/hex"
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
	status, err := http.StatusUnprocessableEntity, grant.CheckTenant(name)
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

const (
	// maxCheckWait bounds ?wait=, checkLook is how often the report is looked at meanwhile. It is in the store, since another collector may run
	// the check.
	maxCheckWait = 60 * time.Second
	checkLook    = 500 * time.Millisecond
)

// latestCheck answers the latest report of a tenant. With ?wait=25s it waits so long for the end of a check that runs.
func (a *Admin) latestCheck(w http.ResponseWriter, r *http.Request) {
	wait, err := time.ParseDuration(orZero(r.URL.Query().Get("wait")))
	if err != nil || wait < 0 || wait > maxCheckWait {
		problem(w, http.StatusUnprocessableEntity, "wait: a duration such as 25s, at most "+maxCheckWait.String())
		return
	}
	giveTime(w, wait+orderTime)
	for until := time.Now().Add(wait); ; {
		report, ok := a.report(w, r)
		if !ok {
			return
		}
		if !report.Running() || !time.Now().Before(until) {
			reply(w, http.StatusOK, report)
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(min(checkLook, time.Until(until))):
		}
	}
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
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

// reportPolicy is for a report as a page: it loads nothing, runs nothing and belongs to no origin, so what customers and Datadog wrote in it
// can do nothing, even where a browser shows it in place. https://www.w3.org/TR/CSP3/
const reportPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// downloadReport answers the latest report as a file: HTML where Accept asks for it, else JSON.
func (a *Admin) downloadReport(w http.ResponseWriter, r *http.Request) {
	report, ok := a.report(w, r)
	if !ok {
		return
	}
	writeReport(w, report, wantsHTML(r.Header.Get("Accept")))
}

// writeReport answers a report as a file to keep.
func writeReport(w http.ResponseWriter, report check.Report, html bool) {
	write, media, ending := report.JSON, "application/json", "json"
	if html {
		write, media, ending = report.HTML, "text/html; charset=utf-8", "html"
	}
	body, err := write()
	if err != nil {
		problem(w, http.StatusInternalServerError, "the report could not be written; the collector's log says why")
		return
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Security-Policy", reportPolicy)
	h.Set("Content-Disposition", `attachment; filename="`+reportName(report)+"."+ending+`"`)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the caller is gone where that fails
}

// reportName has no name of a customer in it, which may hold anything.
func reportName(r check.Report) string {
	sum := sha256.Sum256([]byte(r.Tenant))
	return "report-" + hex.EncodeToString(sum[:4]) + "-" + r.StartedAt.UTC().Format("20060102T150405Z")
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

// listChecks answers the latest check of each tenant that had one, by name.
func (a *Admin) listChecks(w http.ResponseWriter, r *http.Request) {
	if !a.isReady(w) {
		return
	}
	all := []checked{}
	err := a.grants.LatestChecks(r.Context(), func(report check.Report) {
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
	}{all})
}
