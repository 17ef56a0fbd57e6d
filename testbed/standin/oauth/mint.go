package oauth

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// mint is POST https://api.<site>/api/v2/api_keys/marketplace: one key per client and organisation, shown once.
//
//	201 the key as JSON:API · 401 no or expired token · 403 {"errors":["Forbidden"]} scope missing, wrong site ·
//	409 {"errors":["An API key with this name already exists"]}
//
// Scope api_keys_write. The status and the 409 are observed, not documented.
func (w *World) mint(rw http.ResponseWriter, r *http.Request) {
	b, ok := w.authorized(rw, r, "api_keys_write")
	if !ok {
		return
	}
	if b.client == "" {
		writeErrors(rw, http.StatusForbidden, "Forbidden")
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, exists := w.marketplaceKey(b.client, b.org); exists {
		writeErrors(rw, http.StatusConflict, "An API key with this name already exists")
		return
	}
	name := "[" + w.clients[b.client].Name + "] OAuth Client API Key " + uuid.NewString()
	k := w.newKey(b.org, b.client, name)
	shown := k.value
	if other, ok := w.foreignKey(b.org); ok && w.settings.SwapKey {
		shown = other.value
	}
	item := keyItem(k)
	item["attributes"].(map[string]any)["key"] = shown
	item["attributes"].(map[string]any)["last4"] = shown[len(shown)-4:]
	writeJSON(rw, http.StatusCreated, map[string]any{"data": item})
}

// keyItem is a key as JSON:API, without the key itself.
func keyItem(k *apiKey) map[string]any {
	user := map[string]any{"data": map[string]any{"type": "users", "id": userOf(k.org)}}
	created := k.created.UTC().Format(time.RFC3339)
	return map[string]any{
		"type": "api_keys", "id": k.id,
		"attributes":    map[string]any{"name": k.name, "last4": k.last4(), "created_at": created, "modified_at": created},
		"relationships": map[string]any{"created_by": user, "modified_by": user},
	}
}

// listKeys is GET /api/v2/api_keys with scope api_keys_read. The value of a key is never in it.
func (w *World) listKeys(rw http.ResponseWriter, r *http.Request) {
	b, ok := w.authorized(rw, r, "api_keys_read")
	if !ok {
		return
	}
	filter := r.URL.Query().Get("filter")
	w.mu.RLock()
	defer w.mu.RUnlock()
	keys := []*apiKey{}
	for _, k := range w.sites[b.org.Site].keys {
		if k.org == b.org && strings.Contains(k.name, filter) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b *apiKey) int { return a.created.Compare(b.created) })
	items := make([]any, len(keys))
	for i, k := range keys {
		items[i] = keyItem(k)
	}
	writeJSON(rw, http.StatusOK, map[string]any{"data": items})
}

// deleteKey is DELETE /api/v2/api_keys/{id} with scope api_keys_delete. After it, minting works again.
func (w *World) deleteKey(rw http.ResponseWriter, r *http.Request) {
	b, ok := w.authorized(rw, r, "api_keys_delete")
	if !ok {
		return
	}
	if w.RevokeKeys(b.org, r.PathValue("id")) == 0 {
		writeErrors(rw, http.StatusNotFound, "API key not found")
		return
	}
	rw.WriteHeader(http.StatusNoContent)
}
