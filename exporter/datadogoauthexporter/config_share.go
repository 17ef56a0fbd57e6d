package datadogoauthexporter

import (
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// defaultQueueShare leaves half of the queue to the others: one tenant alone may hold 32 of 64 MiB, two 21 each, three 16.
const defaultQueueShare = 0.5

// maxUnread bounds how many requests of a durable queue the others find in front of theirs, of one tenant: each costs several writes to a disk, one
// after the other, of some milliseconds each.
const maxUnread = 256

func (c *Config) validateShare(f *faults) {
	if s := c.MaxQueueSharePerTenant; !(s > 0 && s <= 1) {
		f.add("max_queue_share_per_tenant", "must be above 0 and at most 1, got %g", s)
	}
}

// queueLimits are the tenants' shares of the queue, in its own unit.
func (c *Config) queueLimits() tenancy.QueueLimits {
	queue := c.Queue.Get()
	limits := tenancy.QueueLimits{Share: c.MaxQueueSharePerTenant}
	if c.Tenant.Fixed != "" {
		limits.Share = 1 // there is nobody to share with
	}
	if queue.StorageID != nil {
		limits.Unread = maxUnread
	}
	switch queue.Sizer {
	case exporterhelper.RequestSizerTypeBytes:
		limits.Size, limits.Measure, limits.Bytes = int(queue.QueueSize), (*intake.Request).BytesSize, true
	case exporterhelper.RequestSizerTypeItems:
		limits.Size, limits.Measure = int(queue.QueueSize), (*intake.Request).Count
	default: // the batcher merges requests, so that nobody knows how many were settled; what was not read is counted alone
		if limits.Unread == 0 || int(queue.QueueSize) < maxUnread {
			limits.Unread = int(queue.QueueSize)
		}
	}
	if !queue.Batch.HasValue() {
		limits.Unread = 0 // nobody tells when a request is read
	}
	return limits
}
