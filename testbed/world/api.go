package world

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/openapi"
)

// api is the admin API as the collectors describe it.
type api struct {
	mu  sync.Mutex // guards doc
	doc *openapi.Document
}

// APIDocument is what the collector says of its admin API. The first collector that answers speaks for all of the world.
func (n *Node) APIDocument(ctx context.Context) (*openapi.Document, error) {
	api := &n.world.api
	api.mu.Lock()
	defer api.mu.Unlock()
	if api.doc != nil {
		return api.doc, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.AdminURL+"/v1/openapi.json", nil)
	if err != nil {
		return nil, err
	}
	resp, err := n.world.direct.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the OpenAPI document: %s", resp.Status)
	}
	api.doc, err = openapi.Load(ctx, raw)
	return api.doc, err
}

// APIClient is one for the admin API. What is not as the API's document says ends in an error.
func (n *Node) APIClient(ctx context.Context) (*http.Client, error) {
	doc, err := n.APIDocument(ctx)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: doc.Transport(n.world.direct.Transport), Timeout: n.world.direct.Timeout}, nil
}
