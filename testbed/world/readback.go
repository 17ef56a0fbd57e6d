package world

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
)

// Reader reads an organisation's data back through Datadog's own read endpoints, with a token of its own: the collector's
// tokens and key have no part in it.
type Reader struct {
	w      *World
	c      Customer
	token  string
	client *http.Client
}

// NewReader gets a token for the customer's organisation from the stand-in.
func (w *World) NewReader(c Customer) (*Reader, error) {
	token, err := w.Standin.OAuth().IssueReader(c.Org.OrgRef, "timeseries_query", "logs_read_data", "apm_read")
	if err != nil {
		return nil, err
	}
	tr := &http.Transport{Proxy: http.ProxyURL(w.Standin.ProxyURL()), TLSClientConfig: &tls.Config{RootCAs: w.roots}}
	return &Reader{w: w, c: c, token: token, client: &http.Client{Transport: tr, Timeout: 10 * time.Second}}, nil
}

// Counter is the sum of all points of a count.
func (r *Reader) Counter(ctx context.Context, metric string) (float64, error) {
	now := time.Now().Unix()
	q := url.Values{"from": {fmt.Sprint(now - 900)}, "to": {fmt.Sprint(now + 60)}, "query": {"sum:" + metric + "{*}.as_count()"}}
	var answer struct {
		Series []struct {
			Pointlist [][2]float64
		}
	}
	if err := r.call(ctx, http.MethodGet, "/api/v1/query?"+q.Encode(), nil, &answer); err != nil {
		return 0, err
	}
	total := 0.0
	for _, s := range answer.Series {
		for _, p := range s.Pointlist {
			total += p[1]
		}
	}
	return total, nil
}

// Points is how many data points of metrics the organisation has: points of series, and sketches.
func (r *Reader) Points() int {
	n := r.w.Standin.Intake().Counts(r.c.Org.ID)
	return n.Points + n.Sketches
}

// Logs counts what a log search finds.
func (r *Reader) Logs(ctx context.Context, query string) (int, error) {
	return r.search(ctx, "/api/v2/logs/events/search", func(cursor string) any {
		return searchBody(query, cursor)
	})
}

// Spans counts what a span search finds.
func (r *Reader) Spans(ctx context.Context, query string) (int, error) {
	return r.search(ctx, "/api/v2/spans/events/search", func(cursor string) any {
		return map[string]any{"data": map[string]any{"type": "search_request", "attributes": searchBody(query, cursor)}}
	})
}

func searchBody(query, cursor string) map[string]any {
	page := map[string]any{"limit": 1000}
	if cursor != "" {
		page["cursor"] = cursor
	}
	return map[string]any{"filter": map[string]any{"query": query, "from": "now-15m", "to": "now"}, "page": page, "sort": "timestamp"}
}

func (r *Reader) search(ctx context.Context, path string, body func(cursor string) any) (int, error) {
	total, cursor := 0, ""
	for {
		var answer struct {
			Data []json.RawMessage
			Meta struct{ Page struct{ After string } }
		}
		if err := r.call(ctx, http.MethodPost, path, body(cursor), &answer); err != nil {
			return 0, err
		}
		total += len(answer.Data)
		if cursor = answer.Meta.Page.After; cursor == "" || len(answer.Data) == 0 {
			return total, nil
		}
	}
}

func (r *Reader) call(ctx context.Context, method, path string, in, out any) error {
	var payload io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://api."+r.c.Org.Site+path, payload)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("read back %s of %s: %d: %s", path, r.c.Tenant, resp.StatusCode, raw)
	}
	return json.Unmarshal(raw, out)
}

// Strays are the requests in the stand-in's history that must never be: to a host that is none of Datadog's, or with a credential
// of an organisation that does not live on the site it was sent to.
func (w *World) Strays() []history.Entry {
	return slices.DeleteFunc(w.Standin.History().List(history.Filter{}), func(e history.Entry) bool {
		return e.Purpose != "" && (e.Auth == "none" || e.OrgSite == e.Site)
	})
}
