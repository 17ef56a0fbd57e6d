package admin

import "net/http"

// ready is for probes.
func (a *Admin) ready(w http.ResponseWriter, _ *http.Request) {
	if !a.isReady(w) {
		return
	}
	reply(w, http.StatusOK, struct {
		Ready bool `json:"ready"`
	}{true})
}

// isReady answers 503 itself, and returns false, while the grants are not loaded: an empty list would read as "no customer".
func (a *Admin) isReady(w http.ResponseWriter) bool {
	if a.grants.Ready() {
		return true
	}
	w.Header().Set("Retry-After", "2")
	problem(w, http.StatusServiceUnavailable, "the grants are not loaded yet; ask again in a moment, and see the collector's log if it stays so")
	return false
}
