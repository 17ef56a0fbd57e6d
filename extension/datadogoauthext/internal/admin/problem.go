package admin

import (
	"encoding/json"
	"net/http"
)

// problem answers with problem details (RFC 9457). detail says what to do next and holds no secret.
//
//	{"title": "Forbidden", "status": 403, "detail": "…"}
//
// There is no "type": it is about:blank, so the title is the status's own phrase.
func problem(w http.ResponseWriter, status int, detail string) {
	answer(w, status, "application/problem+json", struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, detail})
}

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, body any) {
	answer(w, status, "application/json", body)
}

// answer writes what always encodes; an error of the connection has nobody left to be told.
func answer(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// notFoundAsProblem turns the mux's own 404 and 405, which are text, into problem details.
func notFoundAsProblem(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		probe := &statusOnly{header: make(http.Header)}
		mux.ServeHTTP(probe, r)
		if probe.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", probe.header.Get("Allow"))
			problem(w, probe.status, "this path takes "+probe.header.Get("Allow"))
			return
		}
		problem(w, http.StatusNotFound, "there is nothing under this path; the extension's README lists what the API has")
	})
}

// statusOnly keeps the status and the headers of an answer and drops its body.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(p []byte) (int, error) { return len(p), nil }
