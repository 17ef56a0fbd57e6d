package flow

import "net/http"

// ready answers 503 itself, and returns false, while the grants are not loaded: what a link or a state stands for cannot be
// told before.
func (f *Flow) ready(w http.ResponseWriter, r *http.Request) bool {
	if f.Grants.Ready() {
		return true
	}
	w.Header().Set("Retry-After", "5")
	f.fail(w, r, "not_ready", page{})
	return false
}
