package datadogoauthexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// parkingFile, with the signal, names the file of what is parked.
const parkingFile = "parking_"

// openParking opens the place for what is parked. Both are nil if the queue has no storage.
func (c *core) openParking(ctx context.Context, host component.Host) (*tenancy.Store, *ownFile) {
	file := openFile(ctx, host, c.set.ID, c.cfg.Queue.Get().StorageID, parkingFile+c.signal)
	if file == nil {
		return nil, nil
	}
	return tenancy.OpenStore(file, c.set.ID.String()+"/"+c.signal), file
}

// restore finds what is parked. Where the file is damaged, what is in it stays there, and what has to be parked stays in the queue: other data goes on.
func (c *core) restore(host component.Host, d *tenancy.Dispatcher, file *ownFile) {
	if err := d.Restore(c.telemetry.unreadable); err != nil {
		file.failure = damagedFile(host, c.set.Logger, c.set.ID, parkingFile+c.signal,
			"what is parked of "+c.signal+" is not sent, and what has to be parked stays in the queue", err)
	}
}
