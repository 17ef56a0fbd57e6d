package datadogoauthexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// parkingClient, with the signal, names the client of the storage.
const parkingClient = "parking_"

// openParking opens the place for what is parked. It returns nil if the queue has no storage.
func openParking(ctx context.Context, host component.Host, exporter component.ID, signal string, id *component.ID) (*tenancy.Store, error) {
	if id == nil {
		return nil, nil
	}
	ext, ok := host.GetExtensions()[*id].(storage.Extension)
	if !ok {
		return nil, nil // the queue tells that it is missing
	}
	client, err := ext.GetClient(ctx, component.KindExporter, exporter, parkingClient+signal)
	if err != nil {
		return nil, fmt.Errorf("sending_queue::storage: open what is parked: %w", err)
	}
	return tenancy.OpenStore(client, exporter.String()+"/"+signal), nil
}
