package tenancy

import (
	"sync/atomic"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// backlog counts, by intake, the items that were taken over and are neither settled nor parked: queued, in a batch, under way, in back-off.
type backlog [intake.NumFamilies]atomic.Int64

// Enqueued counts items that the queue is about to take, or that were found in it. A negative number takes back what it did not take.
func (d *Dispatcher) Enqueued(f intake.Family, items int) { d.backlog[f].Add(int64(items)) }

// Queued returns how many items of some intakes are neither settled nor parked.
func (d *Dispatcher) Queued(families ...intake.Family) (items int) {
	for _, f := range families {
		if int(f) < len(d.backlog) {
			items += int(d.backlog[f].Load())
		}
	}
	return items
}

// attempt calls try with a request that is in the backlog, and takes out what is settled: part by part, so that the books also balance while the rest
// of a request hangs at an intake.
func (d *Dispatcher) attempt(r *intake.Request, try func() result) result {
	family, items := r.Family, r.Count()
	r.Progress = func(settled int) {
		d.Enqueued(family, -settled)
		items -= settled
	}
	res := try()
	r.Progress = nil
	left := 0
	if res.outcome != done {
		left = res.left.Count()
	}
	d.Enqueued(family, left-items)
	return res
}

// settledParked takes items out of what e counts for that were settled while others of it are on their way.
func (d *Dispatcher) settledParked(e *parked, items int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	of := d.park.byFamily[e.Family]
	d.park.byFamily[e.Family] = stock{of.items - items, of.bytes}
	e.items -= items
}
