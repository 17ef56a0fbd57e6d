package admin

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"net/http"

	"go.uber.org/zap"
)

// document is openapi.yaml as JSON. It is unpacked at each request: few ask for it.
//
//go:embed openapi.json.gz
var document []byte

// openAPI answers with the OpenAPI document of /v1. Anybody may have it: nothing of a tenant is in it.
func (a *Admin) openAPI(w http.ResponseWriter, _ *http.Request) {
	packed, err := gzip.NewReader(bytes.NewReader(document))
	if err == nil {
		w.Header().Set("Content-Type", "application/json")
		var body bytes.Buffer
		if _, err = body.ReadFrom(packed); err == nil {
			_, _ = body.WriteTo(w)
			return
		}
	}
	a.logger.Error("the OpenAPI document could not be unpacked", zap.Error(err))
	problem(w, http.StatusInternalServerError, "the document could not be unpacked; the collector's log says why")
}
