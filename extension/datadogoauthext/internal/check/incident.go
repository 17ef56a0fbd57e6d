package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	incidentID    = "step5.incident"
	incidentWhat  = "A test incident is created, read, changed and deleted"
	incidentWrite = "incident_write"
	incidentRead  = "incident_read"
	incidentTodo  = "run the check with intrusive, where checks::intrusive allows it; rules of the organisation may notify people even of a test"
)

type incident struct {
	ID         string         `json:"id,omitempty"`
	Type       string         `json:"type"`
	Attributes map[string]any `json:"attributes"`
}

type incidentDocument struct {
	Data incident `json:"data"`
}

// incident makes one that is marked as a test and names nobody to be notified, and deletes it whatever came in between.
//
// https://docs.datadoghq.com/api/latest/incidents/
func (r *run) incident(ctx context.Context, id string) Line {
	known := len(r.facts.Scopes) > 0
	switch {
	case known && !slices.Contains(r.facts.Scopes, incidentWrite):
		return optional(notTested(incidentID, incidentWhat, "the grant has no scope for it", "none, if the integration sends no incidents; else the scope "+incidentWrite+" would help"))
	case !r.Intrusive:
		return notTested(incidentID, incidentWhat, "this check was not asked to change anything that people see", incidentTodo)
	}
	var made incidentDocument
	err := r.api.call(ctx, http.MethodPost, "/api/v2/incidents", incidentDocument{incident{Type: "incidents", Attributes: map[string]any{
		"title": "Test of the integration, to be deleted at once (" + id + ")", "customer_impacted": false, "is_test": true,
	}}}, &made)
	if err == nil && made.Data.ID == "" {
		err = errors.New("POST /api/v2/incidents: the answer names no id")
	}
	r.note(incidentWrite, "POST /api/v2/incidents", err)
	if err != nil {
		return r.incidentRefused(err, id)
	}
	path := "/api/v2/incidents/" + url.PathEscape(made.Data.ID)
	problems := r.useIncident(ctx, path, made.Data.ID)
	if err := r.api.call(context.WithoutCancel(ctx), http.MethodDelete, path, nil, nil); err != nil {
		problems = errors.Join(problems, err)
	}
	if problems != nil {
		return fail(incidentID, incidentWhat, fmt.Sprintf("incident %s: %v", made.Data.ID, problems), "delete the incident by hand if it is still there")
	}
	done := "created, read, set to resolved, read again, deleted"
	if r.useOf(incidentRead).worked == "" {
		done = "created, set to resolved and deleted; the grant does not let it be read"
	}
	return pass(incidentID, incidentWhat, "incident "+made.Data.ID+": "+done)
}

// incidentRefused is fail only where Datadog refuses what the grant allows; the line of the scope says the rest.
func (r *run) incidentRefused(err error, id string) Line {
	if statusOf(err) == 0 {
		return notTested(incidentID, incidentWhat, "whether one was made is not known: "+err.Error(), "look for an incident with "+id+" in its title, and delete it")
	}
	if refusedRead(err) || statusOf(err) >= http.StatusInternalServerError {
		return notTested(incidentID, incidentWhat, err.Error(), "see the scope "+incidentWrite+" below; the organisation may lack the product")
	}
	return fail(incidentID, incidentWhat, err.Error(), "fields of incidents are defined by the organisation: look there for one that is required")
}

// useIncident reads and changes it. An incident is there at once, as a rule.
func (r *run) useIncident(ctx context.Context, path, id string) error {
	canRead := len(r.facts.Scopes) == 0 || slices.Contains(r.facts.Scopes, incidentRead)
	if canRead {
		if err := r.readIncident(ctx, path, func(incident) bool { return true }); err != nil {
			return err
		}
	}
	resolved := map[string]any{"state": map[string]string{"type": "dropdown", "value": "resolved"}}
	err := r.api.call(ctx, http.MethodPatch, path, incidentDocument{incident{ID: id, Type: "incidents", Attributes: map[string]any{"fields": resolved}}}, nil)
	if err != nil || !canRead {
		return err
	}
	return r.readIncident(ctx, path, func(i incident) bool {
		fields, _ := i.Attributes["fields"].(map[string]any)
		state, _ := fields["state"].(map[string]any)
		return state["value"] == "resolved"
	})
}

const (
	incidentEvery  = 5 * time.Second
	incidentGiveUp = 30 * time.Second
)

func (r *run) readIncident(ctx context.Context, path string, as func(incident) bool) error {
	for began := time.Now(); ; {
		var doc incidentDocument
		err := r.api.call(ctx, http.MethodGet, path, nil, &doc)
		r.note(incidentRead, "GET /api/v2/incidents/…", err)
		switch {
		case err == nil && as(doc.Data):
			return nil
		case refusedRead(err):
			return nil // its scope has a line of its own
		case time.Since(began) >= min(incidentGiveUp, r.Wait):
			return errors.Join(err, errors.New("it did not read as written"))
		}
		if !sleep(ctx, min(incidentEvery, r.Wait/5)) {
			return ctx.Err()
		}
	}
}
