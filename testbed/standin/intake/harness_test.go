package intake_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

const (
	siteEU = "datadoghq.eu"
	siteUS = "us5.datadoghq.com"
	keyEU  = "key-of-org-1"
	orgEU  = "1"

	typeJSON  = "application/json"
	typeProto = "application/x-protobuf"
)

var allScopes = []string{"timeseries_query", "metrics_read", "logs_read_data", "apm_read", "events_read", "incident_read", "incident_write",
	"incident_settings_read", "monitors_read", "hosts_read"}

// oneOrg knows one org on siteEU: its key, the token "all" with every read scope, and the token "none" without any.
type oneOrg struct{}

func (oneOrg) Key(site, apiKey string) (string, bool) {
	return orgEU, site == siteEU && apiKey == keyEU
}

func (oneOrg) Bearer(site, token string) (string, []string, bool) {
	switch {
	case site != siteEU:
		return "", nil, false
	case token == "all":
		return orgEU, allScopes, true
	case token == "none":
		return orgEU, nil, true
	}
	return "", nil, false
}

// harness is an Intake on a real server, with a clock that stands still unless moved.
type harness struct {
	*intake.Intake
	t         testing.TB
	url       string
	transport http.RoundTripper
	sec       atomic.Int64
}

func newHarness(t testing.TB, opts ...intake.Option) *harness {
	h := &harness{t: t}
	h.sec.Store(1_800_000_000)
	h.Intake = intake.New(oneOrg{}, h.now, opts...)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The tests name the target in headers, as the proxy in front of the stand-in takes it from CONNECT.
		if purpose := r.Header.Get("X-Purpose"); purpose != "" {
			r = r.WithContext(intake.WithTarget(r.Context(), intake.Target{Site: r.Header.Get("X-Site"), Purpose: purpose}))
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	h.transport = srv.Client().Transport
	h.url = srv.URL
	return h
}

func (h *harness) now() time.Time { return time.Unix(h.sec.Load(), 0) }

// headers are set over those that a request has by default; "" removes one, several values are joined by a tab.
type headers map[string]string

// send returns status and body of a request to a host of siteEU. Without Authorization in hs it carries the API key.
func (h *harness) send(method, purpose, path string, hs headers, body []byte) (status int, answer string) {
	h.t.Helper()
	return h.sendCtx(h.t.Context(), method, purpose, path, hs, body)
}

func (h *harness) sendCtx(ctx context.Context, method, purpose, path string, hs headers, body []byte) (status int, answer string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, h.url+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("X-Purpose", purpose)
	req.Header.Set("X-Site", siteEU)
	if hs["Authorization"] == "" {
		req.Header.Set("DD-API-KEY", keyEU)
	}
	req.Header.Set("Content-Type", typeJSON)
	for k, v := range hs {
		req.Header.Del(k)
		for value := range strings.SplitSeq(v, "\t") {
			if value != "" {
				req.Header.Add(k, value)
			}
		}
	}
	resp, err := h.transport.RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// post sends and fails the test unless the intake takes it.
func (h *harness) post(purpose, path, contentType string, body []byte) string {
	h.t.Helper()
	status, answer := h.send("POST", purpose, path, headers{"Content-Type": contentType}, body)
	if status != http.StatusAccepted {
		h.t.Fatalf("POST %s: %d %s", path, status, answer)
	}
	return answer
}

// read sends a read request with every scope and decodes the answer, which must be 200.
func (h *harness) read(method, path, body string) map[string]any {
	h.t.Helper()
	status, answer := h.send(method, "api", path, headers{"Authorization": "Bearer all"}, []byte(body))
	if status != http.StatusOK {
		h.t.Fatalf("%s %s %s: %d %s", method, path, body, status, answer)
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		h.t.Fatal(err)
	}
	return v
}

// at walks decoded JSON: strings are keys, ints are indexes. It returns nil where the way ends.
func at(v any, way ...any) any {
	for _, step := range way {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

func zlibbed(body []byte) []byte {
	var b bytes.Buffer
	return finish(&b, zlib.NewWriter(&b), body)
}

func gzipped(body []byte) []byte {
	var b bytes.Buffer
	return finish(&b, gzip.NewWriter(&b), body)
}

func zstded(body []byte) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		panic(err)
	}
	return finish(&b, w, body)
}

func finish(b *bytes.Buffer, w io.WriteCloser, body []byte) []byte {
	if _, err := w.Write(body); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}
