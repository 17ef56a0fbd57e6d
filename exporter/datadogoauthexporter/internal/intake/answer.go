package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// maxAnswerBytes bounds how much of an answer is read, whatever its length.
	maxAnswerBytes = 64 << 10
	// maxAnswerTime bounds how long the rest of an answer is waited for once its status is there. An answer of an intake is a few bytes long; one that
	// trickles would keep a worker for the whole timeout, and says nothing that changes what its status means.
	maxAnswerTime = 2 * time.Second
)

// notAllowed is in the 403 of an OTLP intake that Datadog has to enable for the organisation first, in whatever form; a wrong key gets a 403 without
// it. This text has been seen; whether there are others is not known.
const notAllowed = "organization is not allowed"

// answer is what an intake says beside its status.
type answer struct {
	// texts are those of errors, as Quotable leaves them.
	texts []string
	// page says that it is HTML, which no intake answers a success with: it comes from a proxy, or from a network that wants somebody to log in.
	page bool
	// rejected is how many items of a body that was taken are not, in the partial success of OTLP.
	rejected int
	// notEnabled says that the organisation may not use the intake, whatever the key.
	notEnabled bool
}

// readAnswer reads "errors". Datadog writes them as texts, or as JSON:API objects with title and detail; OTLP has forms of its own; proxies answer with
// HTML. The body is closed. giveUp ends the request when the answer takes too long; what is there by then counts.
func readAnswer(resp *http.Response, giveUp context.CancelFunc) answer {
	defer resp.Body.Close()
	patience := time.AfterFunc(maxAnswerTime, giveUp)
	defer patience.Stop()
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))

	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	a := answer{page: isPage(media, raw)}
	if resp.StatusCode == http.StatusForbidden && bytes.Contains(bytes.ToLower(raw), []byte(notAllowed)) {
		a.texts, a.notEnabled = []string{notAllowed}, true
		return a
	}
	var said struct {
		Errors []json.RawMessage `json:"errors"`
	}
	if a.page {
		a.texts = []string{fmt.Sprintf("the answer is a page of HTML (%d bytes); is a proxy in the way?", len(raw))}
	} else if json.Unmarshal(raw, &said) == nil {
		for _, e := range said.Errors {
			a.texts = append(a.texts, Quotable(textOf(e)))
		}
	} else if text, rejected := otlpAnswer(media, resp.StatusCode, raw); text != "" {
		a.texts, a.rejected = []string{text}, rejected
	} else if resp.StatusCode >= 300 {
		a.texts = []string{fmt.Sprintf("the answer is not JSON (%d bytes); is a proxy in the way?", len(raw))}
	}
	return a
}

// textOf is an element of "errors" as a text.
func textOf(e json.RawMessage) string {
	var text string
	var object struct{ Title, Detail string }
	switch {
	case json.Unmarshal(e, &text) == nil:
	case json.Unmarshal(e, &object) == nil:
		text = strings.Trim(object.Title+": "+object.Detail, ": ")
	}
	return text
}

// isPage tells HTML by its media type, and by how it begins where that is missing or says nothing.
func isPage(media string, raw []byte) bool {
	if media == "text/html" || media == "application/xhtml+xml" {
		return true
	}
	begin := bytes.ToLower(bytes.TrimLeft(raw[:min(len(raw), 512)], "\ufeff \t\r\n"))
	return slices.ContainsFunc([]string{"<!doctype html", "<html"}, func(tag string) bool { return bytes.HasPrefix(begin, []byte(tag)) })
}
