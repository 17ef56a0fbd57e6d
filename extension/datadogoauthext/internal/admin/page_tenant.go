package admin

import (
	"hash/fnv"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// auditOfTenant is how many records its page shows.
const auditOfTenant = 50

// tenantView is one tenant.
type tenantView struct {
	TenantStatus
	Path string
	Paused, Disconnected,
	Known bool // whether an organisation is connected

	Flow, Site, Org slot
	Facts, Reasons  []slot
	Details         []detail
	Figures         []figureRow
	Parked, Waited  slot
	Chart           *chartView
	Check           checkView
	Audit           []AuditRecord
	AuditFault      string
	AuditMore       string // path of the whole
	Waits           string // how long data of a pause waits, and how much
	Elsewhere       bool   // whether no exporter of this collector sends

	slots slots
}

// detail is a line of what is known, with a time of day as its title where it says an age.
type detail struct {
	Name  string
	Value slot
}

// figureRow is one signal at one intake.
type figureRow struct {
	Signal, Intake                      string
	Sent, SentAt, Error, Parked, Waited slot
}

// tenant answers with the page of one tenant.
func (a *Admin) tenantPage(w http.ResponseWriter, r *http.Request, s *session) {
	if !a.loaded(w, r, s) {
		return
	}
	status, ok := a.grants.Tenant(r.PathValue("tenant"))
	if !ok {
		a.noTenant(w, r, s)
		return
	}
	now := time.Now()
	view := a.tenantOf(r, status, now, auditOfTenant)
	a.show(w, r, s, tenantTemplate, pageView{Title: status.Tenant, Nav: "tenant", Live: livePath + "?tenant=" + url.QueryEscape(status.Tenant), Stamp: view.stamp(), At: now, Main: view})
}

func (a *Admin) noTenant(w http.ResponseWriter, r *http.Request, s *session) {
	a.message(w, r, s, http.StatusNotFound, "No such tenant", "No customer ever connected under this name. Make a connect link for it, and it appears once the customer gave consent.")
}

// tenantOf is all that is known of a tenant, with so many records of its audit.
func (a *Admin) tenantOf(r *http.Request, s TenantStatus, now time.Time, records int) *tenantView {
	figures := a.grants.Sends([]string{s.Tenant})[s.Tenant]
	v := &tenantView{
		TenantStatus: s, Path: tenantPath(s.Tenant), Known: s.OrgID != "",
		Paused: s.Hold == string(grant.HoldPaused), Disconnected: s.Hold == string(grant.HoldDisconnected),
		Waits: waitsText(a.grants.Waits()), AuditMore: "/audit?" + url.Values{"tenant": {s.Tenant}}.Encode(),
		Elsewhere: !a.grants.Sending(),
	}
	add := v.slots.add
	v.Flow = flowSlot(&v.slots, s)
	v.Site, v.Org = add("site", "site", s.Site), add("org", "org", orgText(s))
	v.Facts, v.Reasons = factSlots(&v.slots, s)
	v.details(now)
	for i, f := range figures {
		v.figure(strconv.Itoa(i), f, now)
	}
	sum := sumOf(figures)
	v.Parked, v.Waited = add("parked", level2(sum.Parked > 0, levelWait, ""), parkedText(sum.Parked)), add("waited", "soft", oldest(now, sum.ParkedSince))
	v.Chart = newChart(&v.slots, a.grants.SendHistory(s.Tenant))
	v.Check = a.checkOf(r, &v.slots, s.Tenant, now)
	var err error
	if v.Audit, _, err = a.grants.Audit(r.Context(), AuditQuery{Tenant: s.Tenant, Limit: records}); err != nil {
		v.AuditFault = a.faultText(r, err)
	}
	return v
}

// details are what the facts leave out. Times that a person compares are in full, ages besides.
func (v *tenantView) details(now time.Time) {
	detail1 := func(key, name, text string) {
		v.Details = append(v.Details, detail{name, v.slots.add(key, "", text)})
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return moment(t) + " UTC, " + age(now, t) + " ago"
	}
	key := ""
	if v.KeyLast4 != "" {
		key = "…" + v.KeyLast4 + ", generation " + count(v.Generation)
	}
	detail1("dkey", "API key", key)
	detail1("dkeyname", "Key's name at Datadog", v.KeyName)
	detail1("dminted", "Minted", at(v.KeyMintedAt))
	detail1("dkeysince", "Key as it is since", at(v.KeySince))
	detail1("drefreshed", "Token refreshed", at(v.TokenRefreshedAt))
	expiry := ""
	if !v.TokenExpiry.IsZero() {
		expiry = moment(v.TokenExpiry) + " UTC"
	}
	detail1("dexpiry", "Access token until", expiry)
	detail1("dconnected", "Connected", at(v.ConnectedAt))
	detail1("dsince", "Facts as they are since", at(v.Since))
}

func (v *tenantView) figure(key string, f SendFigure, now time.Time) {
	add := v.slots.add
	v.Figures = append(v.Figures, figureRow{
		Signal: f.Signal, Intake: f.Intake,
		Sent: add("fs"+key, "", ago(now, f.LastSent, "never")), SentAt: add("fa"+key, "soft", moment(f.LastSent)),
		Error:  errorSlot(&v.slots, "fe"+key, figureSum{errorAt: f}, v.TenantStatus, now),
		Parked: add("fp"+key, level2(f.Parked > 0, levelWait, ""), parkedText(f.Parked)), Waited: add("fw"+key, "soft", oldest(now, f.ParkedSince)),
	})
}

// stamp changes with what a live update cannot show: lines that come or go, and buttons.
func (v *tenantView) stamp() string {
	sum := fnv.New64a()
	part := func(text string) { _, _ = sum.Write([]byte(text + "\n")) }
	part(v.Hold + v.OrgID)
	if v.Pending != nil {
		part(v.Pending.OrgID)
	}
	for _, f := range v.Figures {
		part(f.Signal + " " + f.Intake)
	}
	if v.Chart != nil {
		part(strconv.Itoa(len(v.Chart.Bars)))
	}
	if len(v.Audit) > 0 {
		part(v.Audit[0].ID)
	}
	part(v.Check.stamp() + strconv.FormatBool(v.Elsewhere))
	return strconv.FormatUint(sum.Sum64(), 36)
}

func (v *tenantView) live() liveAnswer {
	return liveAnswer{Stamp: v.stamp(), Groups: map[string]map[string]slotOnWire{"": v.slots.onWire()}}
}

// checkView is the latest check of a tenant.
type checkView struct {
	Report  *check.Report
	Fault   string
	Summary slot
}

func (a *Admin) checkOf(r *http.Request, to *slots, tenant string, now time.Time) checkView {
	report, ok, err := a.grants.CheckReport(r.Context(), tenant)
	v := checkView{}
	text := "never checked"
	switch {
	case err != nil:
		v.Fault, text = a.faultText(r, err), ""
	case ok:
		v.Report = &report
		text = checkText(report, now)
	}
	v.Summary = to.add("check", "", text)
	return v
}

func checkText(report check.Report, now time.Time) string {
	passed, failed, notTested := report.Counts()
	text := count(passed) + " passed, " + count(failed) + " failed, " + count(notTested) + " not tested"
	if report.Running() {
		return "running for " + age(now, report.StartedAt) + ": " + text
	}
	return age(now, report.EndedAt) + " ago, by " + report.By + ": " + text
}

func (v checkView) stamp() string {
	if v.Report == nil {
		return ""
	}
	lines := 0
	for _, s := range v.Report.Steps {
		lines += len(s.Lines)
	}
	passed, failed, _ := v.Report.Counts()
	return v.Report.ID + strconv.Itoa(lines) + "/" + strconv.Itoa(passed) + "/" + strconv.Itoa(failed) + strconv.FormatBool(v.Report.Running()) + v.Report.ConsentLink
}

func resultLevel(r check.Result) level {
	switch r {
	case check.Pass:
		return levelGood
	case check.Fail:
		return levelBad
	case check.NotTested:
		return levelNone
	default: // it is being worked on
		return levelWait
	}
}
