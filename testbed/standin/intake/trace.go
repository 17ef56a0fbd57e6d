package intake

import (
	"net/http"
	"slices"
	"strings"
)

// traceByID answers GET /api/v2/trace/{id}, the id in decimal or hexadecimal; 404 until a span of it can be read.
func (in *Intake) traceByID(w http.ResponseWriter, r *http.Request, o *org) error {
	id, since := r.PathValue("id"), in.visibleSince()
	same := func(known string) bool { return strings.EqualFold(known, id) }
	o.mu.Lock()
	candidates := append([]Span(nil), o.spans.all()...)
	o.mu.Unlock()
	var spans []any
	for _, s := range candidates {
		if !s.Arrived.After(since) && slices.ContainsFunc(s.traceIDs(), same) {
			spans = append(spans, s.answer())
		}
	}
	if len(spans) == 0 {
		return refuse(http.StatusNotFound, "trace not found")
	}
	answerJSON(w, http.StatusOK, map[string]any{"data": map[string]any{"id": id, "type": "trace", "attributes": map[string]any{"spans": spans}}})
	return nil
}
