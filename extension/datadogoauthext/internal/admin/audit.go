package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
)

// Audits reads the record of changes, and adds what changes nothing.
type Audits interface {
	// Audit returns records, the newest first, and the ID to go on from as AuditQuery.Before, empty where nothing is left.
	Audit(ctx context.Context, q AuditQuery) (records []AuditRecord, next string, err error)
	// Note adds a record; ctx names who did it, else r.Actor does. What cannot be recorded is logged.
	Note(ctx context.Context, r audit.Record)
}

// AuditActor is who caused a change. Its fields are those of audit.Actor. The zero AuditActor is the program, on its own schedule.
type AuditActor struct {
	Kind string // operator, customer, datadog, unknown or empty
	Name string // an operator's token, or the id of a customer's link or ticket
	Via  string // api, page, flow or check
}

// AuditChange is one field before and after. Secrets are fingerprints, and empty is none.
type AuditChange struct{ Field, Before, After string }

// AuditRecord is one change, and who made it. None of it is secret.
type AuditRecord struct {
	ID                                        string // grows with time
	At                                        time.Time
	Actor                                     AuditActor
	What, Tenant, Client, Site, OrgID, Reason string
	Changes                                   []AuditChange
}

// AuditQuery chooses records. Its zero value chooses all.
type AuditQuery struct {
	Tenant string // its own records, and those of its organisation's key
	Before string // an ID: what is older than it
	Since  time.Time
	Until  time.Time // exclusive
	Limit  int       // 0 means the default of the holder
}

const (
	defaultAuditLimit = 100
	maxAuditLimit     = 1000
)

// auditRecord is an AuditRecord on the wire.
type auditRecord struct {
	ID      string        `json:"id"`
	At      time.Time     `json:"at"`
	What    string        `json:"what"`
	Actor   auditActor    `json:"actor"`
	Tenant  string        `json:"tenant,omitempty"`
	Client  string        `json:"client,omitempty"`
	Site    string        `json:"site,omitempty"`
	OrgID   string        `json:"org_id,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	Changes []auditChange `json:"changes,omitempty"`
}

// auditActor names its kind "program" where nobody else acted.
type auditActor struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
	Via  string `json:"via,omitempty"`
}

type auditChange struct {
	Field  string `json:"field"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

func auditOnWire(r AuditRecord) auditRecord {
	w := auditRecord{
		ID: r.ID, At: r.At.UTC(), What: r.What, Actor: auditActor(r.Actor), Tenant: r.Tenant, Client: r.Client, Site: r.Site, OrgID: r.OrgID, Reason: r.Reason,
	}
	if w.Actor.Kind == "" {
		w.Actor.Kind = "program"
	}
	for _, c := range r.Changes {
		w.Changes = append(w.Changes, auditChange(c))
	}
	return w
}

const ndjson = "application/x-ndjson"

// listAudit answers {"records": […], "next": "…"}, the newest first, or with Accept: application/x-ndjson a record in each line; next is then
// in the header Link (RFC 8288), as it is in either form.
func (a *Admin) listAudit(w http.ResponseWriter, r *http.Request) {
	query, err := readAuditQuery(r.URL.RawQuery)
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	if !a.isReady(w) {
		return
	}
	records, next, err := a.grants.Audit(r.Context(), query)
	switch {
	case errors.Is(err, ErrRefused):
		problem(w, http.StatusConflict, err.Error())
		return
	case err != nil:
		a.logger.Error("the audit could not be read from the store", zap.Error(err))
		problem(w, http.StatusInternalServerError, "the store could not be read; the collector's log says why")
		return
	}
	if next != "" {
		on := r.URL.Query()
		on.Set("before", next)
		w.Header().Set("Link", "</v1/audit?"+on.Encode()+`>; rel="next"`)
	}
	w.Header().Set("Vary", "Accept")
	if accepts(r.Header.Get("Accept"), ndjson) {
		w.Header().Set("Content-Type", ndjson)
		lines := bufio.NewWriter(w)
		encoder := json.NewEncoder(lines)
		for _, record := range records {
			_ = encoder.Encode(auditOnWire(record)) // the writer keeps an error of the connection
		}
		_ = lines.Flush()
		return
	}
	list := make([]auditRecord, len(records))
	for i, record := range records {
		list[i] = auditOnWire(record)
	}
	reply(w, http.StatusOK, struct {
		Records []auditRecord `json:"records"`
		Next    string        `json:"next,omitempty"`
	}{list, next})
}

// readAuditQuery refuses what it does not know: a filter that is misspelt would answer with everybody's records.
func readAuditQuery(raw string) (q AuditQuery, err error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, errors.New("the query is no list of parameters")
	}
	q.Limit = defaultAuditLimit
	for name, given := range values {
		if len(given) > 1 {
			return q, fmt.Errorf("%s: give it once", name)
		}
		value := given[0]
		switch name {
		case "tenant":
			q.Tenant = value
		case "before":
			q.Before = value
			if _, ok := audit.Time(value); !ok {
				return q, errors.New("before: this is no id of an audit record; give the one that the answer before this names as next")
			}
		case "since":
			q.Since, err = time.Parse(time.RFC3339, value)
		case "until":
			q.Until, err = time.Parse(time.RFC3339, value)
		case "limit":
			q.Limit, err = strconv.Atoi(value)
			if err == nil && (q.Limit < 1 || q.Limit > maxAuditLimit) {
				err = strconv.ErrRange
			}
		default:
			return q, fmt.Errorf("%.40q is no parameter of this path; use tenant, before, since, until and limit", name)
		}
		if err != nil && name == "limit" {
			return q, fmt.Errorf("limit: give a number from 1 to %d", maxAuditLimit)
		}
		if err != nil {
			return q, fmt.Errorf("%s: give a time such as 2026-01-02T03:04:05Z", name)
		}
	}
	return q, nil
}

// accepts reports whether a header Accept (RFC 9110, section 12.5.1) names a media type, other than by a wildcard or to refuse it.
func accepts(header, mediaType string) bool {
	for part := range strings.SplitSeq(header, ",") {
		if named, params, err := mime.ParseMediaType(part); err == nil && named == mediaType {
			q, err := strconv.ParseFloat(params["q"], 64)
			return params["q"] == "" || err == nil && q > 0
		}
	}
	return false
}
