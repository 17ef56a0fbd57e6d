package admin

import "net/http"

// ready is for probes. Anybody may ask, so it says no more of a store that cannot be read than that there is one.
func (a *Admin) ready(w http.ResponseWriter, _ *http.Request) {
	ok, why := a.grants.Ready()
	switch {
	case ok:
		reply(w, http.StatusOK, struct {
			Ready bool `json:"ready"`
		}{true})
	case why == "":
		notReady(w, "they are being read; ask again in a moment")
	default:
		notReady(w, "the store cannot be read; the status page and the collector's log say why")
	}
}

// isReady answers 503 itself, and returns false, while the grants are not loaded: an empty list would read as "no customer".
func (a *Admin) isReady(w http.ResponseWriter) bool {
	ok, why := a.grants.Ready()
	if !ok {
		if why == "" {
			why = "ask again in a moment, and see the collector's log if it stays so"
		}
		notReady(w, why)
	}
	return ok
}

func notReady(w http.ResponseWriter, why string) {
	w.Header().Set("Retry-After", "2")
	problem(w, http.StatusServiceUnavailable, "the grants are not loaded yet: "+why)
}
