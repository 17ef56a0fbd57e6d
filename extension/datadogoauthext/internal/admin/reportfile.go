package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
)

// reportForm is a form of the report of a check.
type reportForm struct {
	ending, media string
	write         func(check.Report) ([]byte, error)
}

var (
	reportHTML = reportForm{"html", "text/html; charset=utf-8", check.Report.HTML}
	reportJSON = reportForm{"json", "application/json", check.Report.JSON}
)

// reportPolicy is for a report as a page: it loads nothing, runs nothing and belongs to no origin, so what customers and Datadog wrote in it
// can do nothing, even where a browser shows it in place. https://www.w3.org/TR/CSP3/
const reportPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// writeReport answers a report as a file to keep.
func (a *Admin) writeReport(w http.ResponseWriter, report check.Report, form reportForm) {
	body, err := form.write(report)
	if err != nil {
		a.logger.Error("a report could not be written", zap.String("tenant", report.Tenant), zap.String("check", report.ID), zap.Error(err))
		problem(w, http.StatusInternalServerError, "the report could not be written; the collector's log says why")
		return
	}
	h := w.Header()
	h.Set("Content-Type", form.media)
	h.Set("Content-Security-Policy", reportPolicy)
	h.Set("Content-Disposition", `attachment; filename="`+reportName(report)+"."+form.ending+`"`)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the caller is gone where that fails
}

// reportName has no name of a customer in it, which may hold anything.
func reportName(r check.Report) string {
	sum := sha256.Sum256([]byte(r.Tenant))
	return "report-" + hex.EncodeToString(sum[:4]) + "-" + r.StartedAt.UTC().Format("20060102T150405Z")
}
