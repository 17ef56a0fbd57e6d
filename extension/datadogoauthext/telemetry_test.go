package datadogoauthext

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/metadata"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/metadatatest"
)

func TestTenantsAreCountedByState(t *testing.T) {
	f := connected(t)
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.Background())) })
	set := extensiontest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	e, err := newExtension(configOf(t, f), set)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	require.Eventually(t, e.grants.Load().Ready, 10*time.Second, time.Millisecond)
	var want []metricdata.DataPoint[int64]
	for _, state := range grant.States {
		n := int64(0)
		if state == grant.StateOK {
			n = 1
		}
		want = append(want, metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.String("state", string(state))), Value: n})
	}
	metadatatest.AssertEqualDatadogoauthTenants(t, telemetry, want, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualDatadogoauthStoreFaults(t, telemetry, []metricdata.DataPoint[int64]{{Value: 0}}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, e.Shutdown(t.Context()))
}

func TestAStoreThatIsDownIsAFault(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.Background())) })
	set := extensiontest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	e, err := newExtension(sending(t, connected(t), "postgres://nobody@127.0.0.1:1/nothing"), set)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	require.Eventually(t, func() bool { return e.grants.Load().StoreFault() != "" }, 20*time.Second, time.Millisecond)
	metadatatest.AssertEqualDatadogoauthStoreFaults(t, telemetry, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, e.Shutdown(t.Context()))
}
