package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/peertext"
)

const (
	// maxAnswerBytes bounds how much of an answer is read, whatever its length.
	maxAnswerBytes = 64 << 10
	// maxQuoteBytes bounds what of an answer gets into an error.
	maxQuoteBytes = 200
)

// notAllowed is in the 403 of an OTLP intake that Datadog has to enable for the organisation first, in whatever form; a wrong key gets a 403 without
// it. This text has been seen; whether there are others is not known.
const notAllowed = "organization is not allowed"

// complaints reads the "errors" of an answer. Datadog writes them as texts, or as JSON:API objects with title and detail; OTLP has forms of its own;
// proxies answer with HTML. The body is closed.
func complaints(resp *http.Response) []string {
	defer resp.Body.Close()
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if resp.StatusCode == http.StatusForbidden && bytes.Contains(bytes.ToLower(raw), []byte(notAllowed)) {
		return []string{notAllowed}
	}
	var answer struct {
		Errors []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(raw, &answer) != nil {
		if text := otlpAnswer(resp, raw); text != "" {
			return []string{peertext.Quote(text, maxQuoteBytes)}
		}
		if resp.StatusCode < 300 {
			return nil
		}
		return []string{fmt.Sprintf("the answer is not JSON (%s, %d bytes); is a proxy in the way?", peertext.Quote(resp.Header.Get("Content-Type"), maxQuoteBytes), len(raw))}
	}
	var texts []string
	for _, e := range answer.Errors {
		var text string
		var object struct{ Title, Detail string }
		switch {
		case json.Unmarshal(e, &text) == nil:
		case json.Unmarshal(e, &object) == nil:
			text = strings.Trim(object.Title+": "+object.Detail, ": ")
		}
		texts = append(texts, peertext.Quote(text, maxQuoteBytes))
	}
	return texts
}
