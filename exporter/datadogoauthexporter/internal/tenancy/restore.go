package tenancy

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
)

// Restore finds what an earlier process left in the store. It comes before Start and the first Push. unreadable is told of each parked request
// that is damaged, and deleted. What exceeds the limits stays until something else has to be parked.
func (d *Dispatcher) Restore(unreadable func(error)) error {
	if d.set.Store == nil {
		return nil
	}
	var found []*parked
	foreign := 0
	err := d.set.Store.load(func(e *parked) { found = append(found, e) }, unreadable, func(err error) {
		if foreign++; foreign == 1 {
			d.set.Logger.Error("Parked data in the storage is of another exporter, or of a newer version; it is left alone", zap.Error(err))
		}
	})
	if err != nil {
		return fmt.Errorf("read what is parked: %w", err)
	}
	slices.SortFunc(found, func(a, b *parked) int { return cmp.Compare(a.ticket, b.ticket) })
	d.mu.Lock()
	for _, e := range found {
		key := e.Key()
		d.lane(key, e.Request)
		if e.Org == "" {
			d.strangers[e.Tenant] = time.Now()
		}
		d.park.restore(key, e)
	}
	bytes, tenants := d.park.bytes, len(d.park.tenants)
	d.mu.Unlock()
	if len(found) > 0 {
		items, _ := d.Parked()
		d.set.Logger.Info("Data that an earlier run parked waits to be sent",
			zap.Int("items", items), zap.Int("bytes", bytes), zap.Int("tenants", tenants))
	}
	return nil
}
