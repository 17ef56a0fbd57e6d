package datadogoauthexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// openParking opens the place for what is parked. Both are nil if the queue has no storage.
func (c *core) openParking(ctx context.Context, host component.Host) (*tenancy.Store, *ownFile) {
	file := c.openFile(ctx, host, fileParking, fileParking+"_"+c.signal)
	if file == nil {
		return nil, nil
	}
	return tenancy.OpenStore(file, c.set.ID.String()+"/"+c.signal), file
}

// restore finds what is parked. Where the file is damaged, what is in it stays there, and what has to be parked stays in the queue: other data goes on.
func (c *core) restore(d *tenancy.Dispatcher, file *ownFile) {
	if err := d.Restore(func(err error) { c.telemetry.unreadable(err) }); err != nil {
		file.unusable("what is parked of "+c.signal+" is not sent, and what has to be parked stays in the queue", err)
	}
}
