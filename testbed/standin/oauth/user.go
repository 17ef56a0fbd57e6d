package oauth

import (
	"net/http"

	"github.com/google/uuid"
)

// userOf is the id of the one user that every organisation has here; it stays the same for an organisation.
func userOf(org OrgRef) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://"+org.Site+"/users/"+org.ID)).String()
}

// currentUser is GET /api/v2/current_user, as JSON:API: the user, and its organisation under relationships and included.
//
//	{"data":{"type":"users","id":…,"attributes":{…},"relationships":{"org":{"data":{"type":"orgs","id":…}}}},
//	 "included":[{"type":"orgs","id":…,"attributes":{"name":…,"public_id":…}}]}
func (w *World) currentUser(rw http.ResponseWriter, r *http.Request) {
	b, ok := w.authorized(rw, r, "")
	if !ok {
		return
	}
	w.mu.RLock()
	org, _ := w.org(b.org)
	w.mu.RUnlock()
	writeJSON(rw, http.StatusOK, map[string]any{
		"data": map[string]any{
			"type": "users", "id": userOf(b.org),
			"attributes": map[string]any{
				"name": "Stand-in User", "handle": "user@example.com", "email": "user@example.com", "status": "Active", "disabled": false, "verified": true,
			},
			"relationships": map[string]any{"org": map[string]any{"data": map[string]any{"type": "orgs", "id": b.org.ID}}},
		},
		"included": []any{map[string]any{
			"type": "orgs", "id": b.org.ID, "attributes": map[string]any{"name": org.Name, "public_id": b.org.ID, "disabled": false},
		}},
	})
}
