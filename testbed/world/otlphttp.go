package world

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
)

// SendLog hands one log record over by OTLP/HTTP and returns what the collector answered. Under Setup.BearerLogs it comes back once
// Datadog answered, and so it is a caller who needs the tenant's access token.
func (n *Node) SendLog(ctx context.Context, tenant, body string) error {
	return n.post(ctx, "/v1/logs", tenant, fmt.Sprintf(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"%d","body":{"stringValue":%q}}]}]}]}`,
		time.Now().UnixNano(), body))
}

// AcceptBearerLogs lets the stand-in answer for what Setup.BearerLogs sends to BearerEndpoint, which at Datadog has no such path.
func (w *World) AcceptBearerLogs() error {
	_, err := w.Standin.Faults().Add(faults.Fault{ID: "bearer logs", Purpose: "api", Path: "/v1/logs", Status: http.StatusOK,
		Headers: map[string]string{"Content-Type": "application/json"}, Body: "{}"})
	return err
}

// SendPoint hands over one point of a gauge. The tenant's API key takes it to Datadog.
func (n *Node) SendPoint(ctx context.Context, tenant, metric string, value int) error {
	return n.post(ctx, "/v1/metrics", tenant, fmt.Sprintf(
		`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":%q,"gauge":{"dataPoints":[{"timeUnixNano":"%d","asInt":"%d"}]}}]}]}]}`,
		metric, time.Now().UnixNano(), value))
}

// SendCounts hands over one point of a delta sum for each value, in one call. Each is of a resource of its own, and nothing that Datadog gets tells
// them apart.
func (n *Node) SendCounts(ctx context.Context, tenant, metric string, at time.Time, values ...int) error {
	var resources []string
	for i, v := range values {
		resources = append(resources, fmt.Sprintf(
			`{"resource":{"attributes":[{"key":"app.replica","value":{"intValue":"%d"}}]},"scopeMetrics":[{"metrics":[{"name":%q,"sum":{"aggregationTemporality":1,
				"isMonotonic":true,"dataPoints":[{"timeUnixNano":"%d","asInt":"%d"}]}}]}]}`, i, metric, at.UnixNano(), v))
	}
	return n.post(ctx, "/v1/metrics", tenant, `{"resourceMetrics":[`+strings.Join(resources, ",")+`]}`)
}

// SendTotal hands over one point of a cumulative sum that began at start.
func (n *Node) SendTotal(ctx context.Context, tenant, metric string, start, at time.Time, total int) error {
	return n.post(ctx, "/v1/metrics", tenant, fmt.Sprintf(
		`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":%q,"sum":{"aggregationTemporality":2,"isMonotonic":true,
			"dataPoints":[{"startTimeUnixNano":"%d","timeUnixNano":"%d","asInt":"%d"}]}}]}]}]}`, metric, start.UnixNano(), at.UnixNano(), total))
}

func (n *Node) post(ctx context.Context, path, tenant, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.OTLPHTTP+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(TenantHeader, tenant)
	resp, err := n.world.senders.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	const maxQuoted = 500
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxQuoted))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s of %s: %d: %s", path, tenant, resp.StatusCode, answer)
	}
	return nil
}
