package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
)

// reportFile answers with the latest check of a tenant as a file to keep. Its name tells reports apart without a customer's name in it.
func (a *Admin) reportFile(suffix, contentType string, of func(check.Report) ([]byte, error)) pageFunc {
	return func(w http.ResponseWriter, r *http.Request, s *session) {
		if !a.loaded(w, r, s) {
			return
		}
		tenant := r.PathValue("tenant")
		report, ok, err := a.grants.CheckReport(r.Context(), tenant)
		var body []byte
		if err == nil && ok {
			body, err = of(report)
		}
		switch {
		case err != nil:
			a.message(w, r, s, http.StatusInternalServerError, "No report", "The report is not here: "+a.faultText(r, err))
		case !ok:
			a.message(w, r, s, http.StatusNotFound, "No report", "This tenant was not checked yet.")
		default:
			sum := sha256.Sum256([]byte(tenant))
			name := "check-" + hex.EncodeToString(sum[:4]) + "-" + report.StartedAt.UTC().Format("20060102T150405Z") + suffix
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
			_, _ = w.Write(body)
		}
	}
}
