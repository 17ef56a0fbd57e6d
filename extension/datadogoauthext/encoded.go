package datadogoauthext

import (
	"net/http"

	"go.opentelemetry.io/collector/config/confighttp"
)

// asSent lets a listener take bodies only as they are: a form or an order is short, and to open a compressed one can take any amount of memory
// for a handful of bytes. A frame of Zstandard names the window that it wants, up to 512 MiB (RFC 8878, 3.1.1.1.2), before anybody knows who sends it.
func asSent(l confighttp.ServerConfig) confighttp.ServerConfig {
	l.CompressionAlgorithms = []string{""} // nil would mean all that the collector knows
	return l
}

// refuseEncoded answers 415 (RFC 9110, 15.5.16) to a body that is encoded. No browser sends such, so the answer is for a program.
func refuseEncoded(w http.ResponseWriter, _ *http.Request, _ string, _ int) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Accept-Encoding", "identity") // RFC 9110, 12.5.3
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusUnsupportedMediaType)
	_, _ = w.Write([]byte(`{"title":"Unsupported Media Type","status":415,"detail":"send the body as it is, without Content-Encoding"}` + "\n"))
}
