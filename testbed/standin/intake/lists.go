package intake

import (
	"maps"
	"net/http"
	"slices"
)

// listMonitors answers GET /api/v1/monitor: nobody here has any.
func (in *Intake) listMonitors(w http.ResponseWriter, _ *http.Request, _ *org) error {
	answerJSON(w, http.StatusOK, []any{})
	return nil
}

// listHosts answers GET /api/v1/hosts with those that were reported.
func (in *Intake) listHosts(w http.ResponseWriter, _ *http.Request, o *org) error {
	o.mu.Lock()
	names := slices.Sorted(maps.Keys(o.hosts))
	o.mu.Unlock()
	hosts := make([]map[string]any, len(names))
	for i, name := range names {
		hosts[i] = map[string]any{"name": name, "host_name": name, "up": true}
	}
	answerJSON(w, http.StatusOK, map[string]any{"host_list": hosts, "total_returned": len(hosts), "total_matching": len(hosts)})
	return nil
}

// incidentTypes answers GET /api/v2/incidents/config/types with the one that every organisation has.
func (in *Intake) incidentTypes(w http.ResponseWriter, _ *http.Request, _ *org) error {
	answerJSON(w, http.StatusOK, map[string]any{"data": []any{map[string]any{
		"id": "00000000-0000-4000-8000-00000000ffff", "type": "incident_types", "attributes": map[string]any{"name": "Default", "is_default": true},
	}}})
	return nil
}
