package openapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/openapi"
)

const document = `{"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "servers": [{"url": "/"}], "paths": {"/v1/things/{thing}": {
  "parameters": [{"name": "thing", "in": "path", "required": true, "schema": {"type": "string"}}],
  "post": {
    "parameters": [{"name": "n", "in": "query", "schema": {"type": "integer", "maximum": 3}}],
    "requestBody": {"content": {"application/json": {"schema": {"type": "object", "additionalProperties": false, "properties": {"a": {"type": "string"}}}}}},
    "responses": {
      "200": {"description": "ok", "content": {"application/json": {"schema": {"type": "object", "required": ["b"], "additionalProperties": false, "properties": {"b": {"type": "string", "format": "date-time"}}}},
        "text/html": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": {"type": "string", "x-line": "Thing"}}}},
      "400": {"description": "no", "content": {"application/problem+json": {"schema": {"type": "object", "required": ["detail"]}}}}}}}},
  "components": {"schemas": {"Thing": {"type": "object", "required": ["b"], "additionalProperties": false, "properties": {"b": {"type": "string", "format": "date-time"}}}}}}`

func TestWhatIsNotAsTheDocumentSaysIsAnError(t *testing.T) {
	t.Parallel()
	const ok, asked = `{"b": "2026-01-02T03:04:05Z"}`, `{"a": "x"}`
	for name, c := range map[string]struct {
		path, body, contentType, answer string
		status                          int
		says                            string
	}{
		"as it is":                          {"/v1/things/a%2Fb?n=3", asked, "application/json", ok, 200, ""},
		"no body":                           {"/v1/things/a", "", "application/json", ok, 200, ""},
		"a field too many":                  {"/v1/things/a", asked, "application/json", `{"b": "2026-01-02T03:04:05Z", "c": 1}`, 200, "is not as its OpenAPI document says"},
		"a field missing":                   {"/v1/things/a", asked, "application/json", `{}`, 200, "is not as its OpenAPI document says"},
		"no time":                           {"/v1/things/a", asked, "application/json", `{"b": "yesterday"}`, 200, "is not as its OpenAPI document says"},
		"another type":                      {"/v1/things/a", asked, "text/plain", ok, 200, "is not as its OpenAPI document says"},
		"a page":                            {"/v1/things/a", asked, "text/html", "<p>", 200, ""},
		"lines":                             {"/v1/things/a", asked, "application/x-ndjson", ok + "\n" + ok + "\n", 200, ""},
		"a line of another shape":           {"/v1/things/a", asked, "application/x-ndjson", ok + "\n{}\n", 200, "line 2"},
		"a line that is no JSON":            {"/v1/things/a", asked, "application/x-ndjson", "b\n", 200, "line 1"},
		"another status":                    {"/v1/things/a", asked, "application/json", ok, 201, "is not as its OpenAPI document says"},
		"what is not allowed is let pass":   {"/v1/things/a?n=4", asked, "application/json", ok, 200, "does not allow"},
		"a body that is not is let pass":    {"/v1/things/a", `{"z": 1}`, "application/json", ok, 200, "does not allow"},
		"what is not allowed is refused":    {"/v1/things/a?n=4", asked, "application/problem+json", `{"detail": "n"}`, 400, ""},
		"a refusal of another shape":        {"/v1/things/a?n=4", asked, "application/problem+json", `{}`, 400, "is not as its OpenAPI document says"},
		"what is not described":             {"/v1/others", "", "application/json", ok, 200, "is not in the OpenAPI document"},
		"what is not described and not had": {"/v1/others", "", "text/plain", "", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); string(body) != c.body {
					t.Errorf("the server reads %q", body)
				}
				w.Header().Set("Content-Type", c.contentType)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}))
			defer server.Close()
			doc, err := openapi.Load(t.Context(), []byte(document))
			if err != nil {
				t.Fatal(err)
			}
			req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			resp, err := doc.Transport(server.Client().Transport).RoundTrip(req)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != c.answer {
				t.Errorf("got %q %v", body, err)
			}
			if seen := doc.Seen("POST /v1/things/{thing}", c.status, c.contentType); seen != (c.status != 404) {
				t.Errorf("seen: %v", seen)
			}
		})
	}
}

func TestADocumentThatIsNotValidIsRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "{}", strings.Replace(document, `"required": true, `, "", 1), strings.Replace(document, `"description": "ok", `, "", 1)} {
		if _, err := openapi.Load(t.Context(), []byte(raw)); err == nil {
			t.Errorf("%.80s is taken", raw)
		}
	}
}
