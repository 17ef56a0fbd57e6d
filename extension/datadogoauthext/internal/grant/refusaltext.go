package grant

import (
	"encoding/json"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/peertext"
)

const (
	maxCodeBytes        = 64
	maxDescriptionBytes = 200
	maxQuotedErrors     = 3
)

// refusalText reads the body of an answer that says no, in any of the shapes seen, and returns it fit to be shown. Whatever else a body
// is, such as a proxy's HTML, gives two empty strings.
//
//	{"error":"invalid_grant","error_description":"text"}             RFC 6749 §5.2
//	{"errors":["text"]}                                              API v1
//	{"errors":[{"title":"text","detail":"text","status":"403"}]}     JSON:API
func refusalText(body []byte, secrets ...string) (code, description string) {
	var answer struct {
		Error       json.RawMessage   `json:"error"`
		Description json.RawMessage   `json:"error_description"`
		Errors      []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", ""
	}
	texts := []string{jsonText(answer.Description)}
	for _, raw := range answer.Errors[:min(len(answer.Errors), maxQuotedErrors)] {
		var object struct{ Title, Detail json.RawMessage }
		_ = json.Unmarshal(raw, &object) // another shape leaves it empty
		texts = append(texts, jsonText(raw), jsonText(object.Title), jsonText(object.Detail))
	}
	said := texts[:0]
	for _, text := range texts {
		if text != "" {
			said = append(said, text)
		}
	}
	return peertext.Quote(jsonText(answer.Error), maxCodeBytes, secrets...), peertext.Quote(strings.Join(said, ", "), maxDescriptionBytes, secrets...)
}

// jsonText is the string that raw is, or empty.
func jsonText(raw json.RawMessage) string {
	var text string
	_ = json.Unmarshal(raw, &text) // anything else leaves it empty
	return text
}

// says looks for one of Datadog's documented texts.
func says(description, text string) bool {
	return strings.Contains(strings.ToLower(description), strings.ToLower(text))
}

// textVerifier is a text of Datadog that has a cause of its own.
// https://docs.datadoghq.com/developers/integrations/api_integration/ (troubleshooting)
const textVerifier = "Invalid code or code verifier"

const verifierAdvice = "the code was used before, the verifier is of another attempt, or something on the way (http::proxy_url?) changes the request: " +
	"it has to arrive form-encoded with Content-Type application/x-www-form-urlencoded. Let the customer open the connect link again"
