package datadogoauthexporter

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
)

// defaultHTTP has HTTP/2 connections checked by pings. All tenants of a site share one, and a way that loses every packet without a word would keep it,
// and fail each body on it, until the kernel gives up after a quarter of an hour.
func defaultHTTP() confighttp.ClientConfig {
	c := confighttp.NewDefaultClientConfig()
	c.HTTP2ReadIdleTimeout, c.HTTP2PingTimeout = 15*time.Second, 5*time.Second
	return c
}

// newClient is the client that all intakes are called with.
func (c *Config) newClient(ctx context.Context, host component.Host, set component.TelemetrySettings) (*http.Client, error) {
	// Without these two no tracing round tripper hides the transport, whose idle connections could not be closed then. The own metrics
	// count requests, and Datadog has no use for a trace context in them.
	set.TracerProvider, set.MeterProvider = nil, nil
	calls := c.HTTP
	if !calls.ForceAttemptHTTP2 {
		calls.HTTP2ReadIdleTimeout = 0 // confighttp would turn HTTP/2 on for it
	}
	client, err := calls.ToClient(ctx, host.GetExtensions(), set)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	return client, nil
}
