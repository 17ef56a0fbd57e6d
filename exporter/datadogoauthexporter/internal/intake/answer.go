package intake

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"
)

const (
	// maxAnswerBytes bounds how much of an answer is read, whatever its length.
	maxAnswerBytes = 64 << 10
	// maxQuoteBytes bounds what of an answer gets into an error.
	maxQuoteBytes = 200
	// maxPlainRun is the longest run of letters and digits that is quoted. Keys and tokens are longer.
	maxPlainRun = 20
)

// complaints reads the "errors" of an answer. Datadog writes them as texts, or as JSON:API objects with title and detail; proxies answer with
// HTML. The body is closed.
func complaints(resp *http.Response) []string {
	defer resp.Body.Close()
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	var answer struct {
		Errors []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(raw, &answer) != nil {
		if resp.StatusCode < 300 {
			return nil
		}
		return []string{fmt.Sprintf("the answer is not JSON (%s, %d bytes); is a proxy in the way?", quote(resp.Header.Get("Content-Type")), len(raw))}
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
		texts = append(texts, quote(text))
	}
	return texts
}

// quote makes a peer's text fit to print: bounded, on one line, and without anything long enough to be a key, since an intake or a proxy may
// echo what it was sent.
func quote(text string) string {
	var b strings.Builder
	run := 0
	for _, c := range text {
		if b.Len() >= maxQuoteBytes {
			b.WriteString("…")
			break
		}
		if unicode.IsControl(c) || c == unicode.ReplacementChar {
			c = ' '
		}
		if unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_' || c == '-' {
			run++
		} else {
			run = 0
		}
		switch {
		case run < maxPlainRun:
			b.WriteRune(c)
		case run == maxPlainRun:
			b.WriteString("…")
		}
	}
	return b.String()
}
