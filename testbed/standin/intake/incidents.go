package intake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Incident is one incident as it stands.
type Incident struct {
	ID       string         `json:"id"`
	PublicID int            `json:"public_id"`
	Title    string         `json:"title"`
	Impacted bool           `json:"customer_impacted"`
	Scope    string         `json:"customer_impact_scope,omitempty"`
	Fields   map[string]any `json:"fields"` // by name: {"type","value"}
	Test     bool           `json:"is_test"`
	Created  time.Time      `json:"created"`
	// Updates counts the calls that changed it.
	Updates int `json:"updates"`
}

// fieldKinds are the types of incident fields, and whether one holds a list.
var fieldKinds = map[string]bool{"dropdown": false, "textbox": false, "multiselect": true, "textarray": true, "metrictag": true, "autocomplete": true}

type incidentDocument struct {
	Data struct {
		ID         string         `json:"id"`
		Type       string         `json:"type"`
		Attributes map[string]any `json:"attributes"`
	} `json:"data"`
}

// createIncident is POST /api/v2/incidents. There is no idempotency key: the same call twice makes two.
func (in *Intake) createIncident(w http.ResponseWriter, r *http.Request, o *org) error {
	var doc incidentDocument
	if err := decodeQuery(w, r, &doc); err != nil {
		return err
	}
	a := doc.Data.Attributes
	title, _ := a["title"].(string)
	_, hasImpacted := a["customer_impacted"].(bool)
	switch {
	case doc.Data.Type != "incidents":
		return badRequest("data.type %.100q is not incidents", doc.Data.Type)
	case title == "":
		return badRequest("title is required")
	case !hasImpacted:
		return badRequest("customer_impacted is required")
	}
	i := Incident{Created: in.now(), Fields: map[string]any{"state": map[string]any{"type": "dropdown", "value": "active"}}}
	if err := i.apply(a); err != nil {
		return err
	}
	i.Test, _ = a["is_test"].(bool)
	o.mu.Lock()
	i.PublicID = len(o.incidents) + 1
	i.ID = fmt.Sprintf("00000000-0000-4000-8000-%012d", i.PublicID)
	o.incidents = append(o.incidents, i)
	o.counts.Incidents++
	o.accepted.Incidents++
	o.signal()
	o.mu.Unlock()
	answerJSON(w, http.StatusCreated, i.document())
	return nil
}

// apply changes what attributes name, or nothing.
func (i *Incident) apply(a map[string]any) error {
	next := *i
	next.Fields = maps.Clone(i.Fields)
	if title, ok := a["title"].(string); ok {
		next.Title = title
	}
	if impacted, ok := a["customer_impacted"].(bool); ok {
		next.Impacted = impacted
	}
	if scope, ok := a["customer_impact_scope"].(string); ok {
		next.Scope = scope
	}
	fields, _ := a["fields"].(map[string]any)
	for name, v := range fields {
		field, _ := v.(map[string]any)
		kind, _ := field["type"].(string)
		list, known := fieldKinds[kind]
		_, isText := field["value"].(string)
		_, isList := field["value"].([]any)
		if !known || list && !isList || !list && !isText {
			return badRequest("field %.100q is not a type with a value of it", name)
		}
		next.Fields[name] = field
	}
	if next.Title == "" || next.Impacted && next.Scope == "" {
		return badRequest("title, and customer_impact_scope when customer_impacted, are required")
	}
	*i = next
	return nil
}

func (i *Incident) document() map[string]any {
	return map[string]any{"data": map[string]any{"id": i.ID, "type": "incidents", "attributes": i}}
}

// incident is GET, PATCH and DELETE /api/v2/incidents/{id}.
func (in *Intake) incident(w http.ResponseWriter, r *http.Request, o *org) error {
	var doc incidentDocument
	if r.Method == http.MethodPatch {
		if err := decodeQuery(w, r, &doc); err != nil {
			return err
		}
		if doc.Data.ID != r.PathValue("id") || doc.Data.Type != "incidents" {
			return badRequest("data.id and data.type are required, and the id of the address")
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	at := slices.IndexFunc(o.incidents, func(i Incident) bool { return i.ID == r.PathValue("id") })
	if at < 0 {
		return refuse(http.StatusNotFound, "Incident not found")
	}
	switch r.Method {
	case http.MethodPatch:
		if err := o.incidents[at].apply(doc.Data.Attributes); err != nil {
			return err
		}
		o.incidents[at].Updates++
		o.signal()
	case http.MethodDelete:
		o.incidents = slices.Delete(o.incidents, at, at+1)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	answerJSON(w, http.StatusOK, o.incidents[at].document())
	return nil
}

var stateQuery = regexp.MustCompile(`^state:(?:([a-z]+)|\(([a-z]+(?: OR [a-z]+)*)\))$`)

// searchIncidents is GET /api/v2/incidents/search. It understands a query for states, the newest first, and pages.
func (in *Intake) searchIncidents(w http.ResponseWriter, r *http.Request, o *org) error {
	q := r.URL.Query()
	m := stateQuery.FindStringSubmatch(q.Get("query"))
	if m == nil {
		return badRequest("the stand-in searches incidents by state alone, as in state:(active OR resolved), not by %.200q", q.Get("query"))
	}
	states := strings.Split(cmp.Or(m[1], m[2]), " OR ")
	if s := q.Get("sort"); s != "" && s != "-created" {
		return badRequest("sort %.100q: the stand-in knows -created", s)
	}
	size, err1 := strconv.Atoi(cmp.Or(q.Get("page[size]"), "10"))
	offset, err2 := strconv.Atoi(cmp.Or(q.Get("page[offset]"), "0"))
	if err1 != nil || err2 != nil || size < 1 || size > 100 || offset < 0 {
		return badRequest("page[size] must be 1 to 100, page[offset] not negative")
	}
	since := in.visibleSince()
	o.mu.Lock()
	defer o.mu.Unlock()
	found := []any{}
	for at := range slices.Backward(o.incidents) {
		i := o.incidents[at]
		state, _ := i.Fields["state"].(map[string]any)["value"].(string)
		if slices.Contains(states, state) && !i.Created.After(since) {
			found = append(found, i.document())
		}
	}
	total := len(found)
	found = found[min(offset, total):min(offset+size, total)]
	answerJSON(w, http.StatusOK, map[string]any{"data": map[string]any{
		"type": "incidents_search_results", "attributes": map[string]any{"total": total, "incidents": found, "facets": map[string]any{}},
	}})
	return nil
}

// copyIncidents copies deep enough for a reader. The caller holds mu.
func (o *org) copyIncidents() []Incident {
	raw, err := json.Marshal(o.incidents)
	var all []Incident
	if err != nil || json.Unmarshal(raw, &all) != nil {
		panic("incidents that are no JSON") // they came as JSON
	}
	return all
}
