package admin

import "net/http"

// reportFile answers with the latest check of a tenant as a file to keep.
func (a *Admin) reportFile(form reportForm) pageFunc {
	return func(w http.ResponseWriter, r *http.Request, s *session) {
		if !a.loaded(w, r, s) {
			return
		}
		tenant := r.PathValue("tenant")
		report, ok, err := a.grants.CheckReport(r.Context(), tenant)
		switch {
		case err != nil:
			a.message(w, r, s, http.StatusInternalServerError, "No report", "The report is not here: "+a.faultText(r, err))
		case !ok:
			a.message(w, r, s, http.StatusNotFound, "No report", "This tenant was not checked yet.")
		default:
			a.noteReport(r, s.token.Name, "page", tenant)
			a.writeReport(w, report, form)
		}
	}
}
