package oauth

import "net/http"

// validateV1 is GET /api/v1/validate with DD-API-KEY only: 200 {"valid":true}, or 403, also for a key of another site.
func (w *World) validateV1(rw http.ResponseWriter, r *http.Request) {
	if _, ok := w.Key(target(r).Site.Domain, r.Header.Get("DD-API-KEY")); !ok {
		writeErrors(rw, http.StatusForbidden, "Forbidden")
		return
	}
	writeJSON(rw, http.StatusOK, map[string]bool{"valid": true})
}

// validateV2 is GET /api/v2/validate with DD-API-KEY only. data.id is the organisation's UUID.
func (w *World) validateV2(rw http.ResponseWriter, r *http.Request) {
	w.mu.RLock()
	k, ok := w.key(target(r).Site.Domain, r.Header.Get("DD-API-KEY"))
	w.mu.RUnlock()
	if !ok {
		writeJSON(rw, http.StatusForbidden, map[string]any{"errors": []any{map[string]string{
			"status": "403", "title": "Forbidden", "detail": "API key is invalid"}}})
		return
	}
	writeJSON(rw, http.StatusOK, map[string]any{"data": map[string]any{
		"type": "validate_v2", "id": k.org.ID,
		"attributes": map[string]any{"valid": true, "api_key_id": k.id, "api_key_scopes": []string{}},
	}})
}
