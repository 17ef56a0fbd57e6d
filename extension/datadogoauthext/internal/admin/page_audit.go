package admin

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// auditView is the record of changes, the newest first.
type auditView struct {
	Tenant, Since, Until string // as they were asked for
	Fault                string
	Records              []AuditRecord
	First, Next          string // paths; empty for none
}

const dayLayout = "2006-01-02"

func (a *Admin) audit(w http.ResponseWriter, r *http.Request, s *session) {
	if !a.loaded(w, r, s) {
		return
	}
	values := r.URL.Query()
	v := auditView{Tenant: strings.TrimSpace(values.Get("tenant")), Since: values.Get("since"), Until: values.Get("until")}
	query := AuditQuery{Tenant: v.Tenant, Before: values.Get("before"), Limit: rowsOfPage}
	var bad string
	if query.Since, bad = day(v.Since, 0, bad); v.Until != "" {
		query.Until, bad = day(v.Until, 1, bad) // the day named is in
	}
	if v.Fault = bad; bad == "" {
		records, next, err := a.grants.Audit(r.Context(), query)
		if err != nil {
			v.Fault = a.faultText(r, err)
		}
		v.Records = records
		if next != "" {
			v.Next = v.path(next)
		}
		if query.Before != "" {
			v.First = v.path("")
		}
	}
	a.show(w, r, s, auditTemplate, pageView{Title: "Audit", Nav: "audit", Main: v})
}

// day reads a day of UTC; bad is what was wrong before it, if anything.
func day(text string, add int, bad string) (time.Time, string) {
	if text == "" || bad != "" {
		return time.Time{}, bad
	}
	at, err := time.Parse(dayLayout, text)
	if err != nil {
		return time.Time{}, "write a day as 2026-01-31"
	}
	return at.AddDate(0, 0, add), ""
}

func (v auditView) path(before string) string {
	values := url.Values{}
	for name, value := range map[string]string{"tenant": v.Tenant, "since": v.Since, "until": v.Until, "before": before} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return "/audit?" + values.Encode()
}

// Who names whoever caused a change.
func (a AuditActor) Who() string {
	switch {
	case a.Kind == "":
		return "this program"
	case a.Name == "":
		return a.Kind
	default:
		return a.Kind + " " + a.Name
	}
}
