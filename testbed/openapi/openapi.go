// Package openapi holds requests and answers to the OpenAPI document that a server gives of itself.
package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// maxBody is how much of an answer is looked at. A list of thousands is of the same shape as one of a few.
const maxBody = 1 << 20

// Document is one that is valid in itself. It is safe for concurrent use.
type Document struct {
	*openapi3.T
	router routers.Router

	mu   sync.Mutex // guards seen
	seen map[answer]bool
}

// answer is one that an operation gave.
type answer struct {
	operation string
	status    int
	media     string
}

const ndjson = "application/x-ndjson"

// decodeText has bodies decoded of which a schema says no more than that they are text.
var decodeText = sync.OnceFunc(func() {
	for _, media := range []string{"text/html", ndjson} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.PlainBodyDecoder)
	}
})

// Load reads a document as JSON.
func Load(ctx context.Context, raw []byte) (*Document, error) {
	decodeText()
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(ctx); err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, err
	}
	return &Document{T: doc, router: router, seen: map[answer]bool{}}, nil
}

// Seen reports whether an operation, such as "GET /v1/tenants", gave an answer of that status, and with a body of that media type; "" is none.
func (d *Document) Seen(operation string, status int, media string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen[answer{operation, status, media}]
}

// Transport fails a request whose answer is not as the document says, or which the document does not allow and the server does.
func (d *Document) Transport(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) { return d.roundTrip(next, req) })
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func (d *Document) roundTrip(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context()) // reading the body puts another in its place
	route, params, err := d.router.FindRoute(req)
	if errors.Is(err, routers.ErrPathNotFound) || errors.Is(err, routers.ErrMethodNotAllowed) {
		return d.undescribed(next, req, err)
	}
	if err != nil {
		return nil, err
	}
	options := &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true, SkipSettingDefaults: true,
	}
	asked := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: options}
	notAllowed := openapi3filter.ValidateRequest(req.Context(), asked)
	resp, err := next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	operation := route.Method + " " + route.Path
	if notAllowed != nil && resp.StatusCode < 300 {
		return nil, fmt.Errorf("%s answers %d to what its OpenAPI document does not allow: %w", operation, resp.StatusCode, notAllowed)
	}
	looked := *options
	looked.ExcludeResponseBody = len(body) > maxBody
	given := &openapi3filter.ResponseValidationInput{RequestValidationInput: asked, Status: resp.StatusCode, Header: resp.Header, Options: &looked}
	err = openapi3filter.ValidateResponse(req.Context(), given.SetBodyBytes(body))
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // one that is not described is an error already
	if err == nil && media == ndjson {
		err = d.checkLines(route.Operation.Responses.Status(resp.StatusCode), body)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: the answer %d is not as its OpenAPI document says: %w", operation, resp.StatusCode, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[answer{operation, resp.StatusCode, media}] = true
	return resp, nil
}

// checkLines holds each line to the schema of components that the extension x-line names.
func (d *Document) checkLines(response *openapi3.ResponseRef, body []byte) error {
	name, _ := response.Value.Content.Get(ndjson).Schema.Value.Extensions["x-line"].(string)
	schema := d.Components.Schemas[name]
	if schema == nil {
		return fmt.Errorf("x-line: %q is no schema", name)
	}
	for n, line := range bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n")) {
		var value any
		if err := json.Unmarshal(line, &value); err != nil {
			return fmt.Errorf("line %d: %w", n+1, err)
		}
		if err := schema.Value.VisitJSON(value, openapi3.VisitAsResponse()); err != nil {
			return fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return nil
}

// undescribed lets pass what the server does not have either.
func (d *Document) undescribed(next http.RoundTripper, req *http.Request, why error) (*http.Response, error) {
	resp, err := next.RoundTrip(req)
	if err == nil && resp.StatusCode < 400 {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%s %s answers %d and is not in the OpenAPI document: %w", req.Method, req.URL.Path, resp.StatusCode, why)
	}
	return resp, err
}
