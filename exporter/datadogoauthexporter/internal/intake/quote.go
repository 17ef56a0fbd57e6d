package intake

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// What another system wrote is not repeated in errors and logs: a metric name, a tag or a whole log may be in it, since an intake that finds fault
// with a body may name what it means, and whatever stands in between may answer with anything. Only phrases of this list are named, in the list's own
// words. Sources: https://docs.datadoghq.com/api/latest/ and what has been seen; a phrase that no intake uses does no harm.
var phrases = [...]string{
	"forbidden", "unauthorized", "api key", "not enabled", "permission",
	"payload too large", "payload is too large", "request entity too large", "too large", "too long", "too many", "limit",
	"rate limit", "try again later", "timeout", "timed out", "unavailable", "internal error", "internal server error",
	"invalid json", "not json", "json", "protobuf", "unmarshal", "decode", "parse", "decompress", "payload is empty", "empty",
	"content type", "content-type", "content encoding", "content-encoding",
	"metric name", "timestamp", "points", "tags", "host", "interval", "temporality", "delta", "cumulative", "histogram", "trace id", "span id",
	"too old", "in the future", "required", "missing", "duplicate", "unsupported", "malformed", "invalid",
}

// Quotable is what may be told of a text: the phrases in it, and its length.
func Quotable(text string) string {
	lower := strings.ToLower(text)
	var found []string
	for _, p := range phrases {
		if strings.Contains(lower, p) {
			found = append(found, fmt.Sprintf("%q", p))
			lower = strings.ReplaceAll(lower, p, "\x00") // so that a part of a phrase is not named besides
		}
	}
	if len(found) == 0 {
		return fmt.Sprintf("an error text of %d bytes, which is not repeated since it may hold data", len(text))
	}
	return fmt.Sprintf("an error text of %d bytes with %s", len(text), strings.Join(found, ", "))
}

// unquoted is the error of a call without an answer. What net/http could not read of an answer stands in its texts, in quotes or behind "line: ".
type unquoted struct {
	text string
	err  error
}

func (u *unquoted) Error() string { return u.text }

func (u *unquoted) Unwrap() error { return u.err }

// WithoutQuotes is an error of http.Client.Do without what the peer wrote.
func WithoutQuotes(err error) error {
	var call *url.Error
	cause := err
	if errors.As(err, &call) {
		cause = call.Err // its own text is method and address
	}
	text := cause.Error()
	short := text
	for _, mark := range []string{`"`, "line: "} {
		short, _, _ = strings.Cut(short, mark)
	}
	if len(short) < len(text) {
		short = strings.TrimRight(short, " :") + " (what it is about is not repeated since it may hold data)"
	}
	return &unquoted{short, err}
}
