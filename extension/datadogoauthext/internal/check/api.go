package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/peertext"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const (
	callTime       = 30 * time.Second
	maxAnswerBytes = 1 << 20
	maxSaidBytes   = 200
)

// api calls api.<site> with the tenant's access token.
type api struct {
	http *http.Client
	base string
}

func newAPI(bearer http.RoundTripper, at site.Site) *api {
	if at.IsZero() {
		return nil
	}
	return &api{
		http: &http.Client{Transport: bearer, Timeout: callTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		base: "https://" + at.Hostname(site.HostAPI),
	}
}

// answerError is an answer that is no 2xx.
type answerError struct {
	call   string // "POST /api/v2/logs/events/search"
	status int
	said   string
	wait   time.Duration // that the answer asks for
}

func (e *answerError) Error() string {
	if e.said == "" {
		return fmt.Sprintf("%s answered %d", e.call, e.status)
	}
	return fmt.Sprintf("%s answered %d: %s", e.call, e.status, e.said)
}

// call does one call. in and out may be nil.
func (a *api) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	short, _, _ := strings.Cut(path, "?")
	resp, err := a.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, short, netCause(err))
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return &answerError{call: method + " " + short, status: resp.StatusCode, said: said(raw), wait: waitOf(resp.Header)}
	}
	if err == nil && out != nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil { // the error may quote a piece of the body
		return fmt.Errorf("%s %s: the answer is not the JSON that Datadog documents", method, short)
	}
	return nil
}

// said reads a refusal: {"errors":["text"]}, or the same with objects that have a title and a detail.
func said(raw []byte) string {
	var answer struct {
		Errors []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(raw, &answer) != nil {
		return ""
	}
	var texts []string
	for _, e := range answer.Errors[:min(len(answer.Errors), 3)] {
		var text string
		var object struct{ Title, Detail string }
		if json.Unmarshal(e, &text) != nil && json.Unmarshal(e, &object) == nil {
			text = strings.TrimSpace(object.Title + " " + object.Detail)
		}
		if text != "" {
			texts = append(texts, text)
		}
	}
	return peertext.Quote(strings.Join(texts, ", "), maxSaidBytes)
}

// waitOf reads how long a limit asks to wait, in seconds.
func waitOf(h http.Header) time.Duration {
	for _, name := range []string{"X-RateLimit-Reset", "Retry-After"} {
		if n, err := strconv.Atoi(h.Get(name)); err == nil && n > 0 && n < 24*3600 {
			return time.Duration(n) * time.Second
		}
	}
	return 0
}

// statusOf is that of an answerError, else 0.
func statusOf(err error) int {
	var answer *answerError
	if errors.As(err, &answer) {
		return answer.status
	}
	return 0
}
