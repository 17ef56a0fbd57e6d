package tenancy

import (
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// losses say to people why items are dropped that were not tried.
var losses = map[intake.Reason]string{
	intake.ReasonFuture:        "%d items are dated further ahead than Datadog takes, and were dropped",
	intake.ReasonParkFull:      "the park is full: the oldest %d items were dropped; see parking::max_bytes",
	intake.ReasonIntakeRefused: "this intake refuses the tenant's data, and its part of the park is full: the oldest %d items were dropped",
	intake.ReasonUnreadable:    "%d parked items cannot be read, and were dropped",
}

// dropped counts items of r that are lost without an attempt to send them.
func (d *Dispatcher) dropped(r *intake.Request, why intake.Reason, items int) {
	d.set.Observer.Dropped(r.Family, why, items)
	if text := losses[why]; text != "" && items > 0 {
		d.notSent(r, fmt.Errorf(text, items))
	}
}

// expired counts those that are too old.
func (d *Dispatcher) expired(r *intake.Request, items int) {
	d.set.Observer.Expired(r.Family, items)
	if items > 0 {
		d.notSent(r, fmt.Errorf("%d items became too old to be sent, and were dropped", items))
	}
}

func (d *Dispatcher) notSent(r *intake.Request, why error) {
	if d.set.Board != nil {
		d.set.Board.NotSent(r.Tenant, r.Family, why)
	}
}

// ParkedLane is what waits of a tenant for an intake.
type ParkedLane struct {
	Tenant string
	Family intake.Family
	Items  int
	// Oldest is the time of the oldest item, zero if none has one.
	Oldest time.Time
}

// ParkedLanes lists what waits of the tenants that of names, in no order. A tenant has several lanes for one intake where it had several organisations.
func (d *Dispatcher) ParkedLanes(of func(tenant string) bool) (all []ParkedLane) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.park.shelves {
		if !of(s.tenant) {
			continue
		}
		w := ParkedLane{Tenant: s.tenant, Family: s.requests[0].Family}
		for _, e := range s.requests {
			w.add(e, e.Oldest)
		}
		all = append(all, w)
	}
	for _, l := range d.lanes {
		if l.out != nil && of(l.tenant) { // it is on its way, and counts until it is settled
			w := ParkedLane{Tenant: l.tenant, Family: l.family}
			w.add(l.out, l.outOldest)
			all = append(all, w)
		}
	}
	return all
}

func (w *ParkedLane) add(e *parked, oldest int64) {
	w.Items += e.items
	if at := time.Unix(oldest, 0); oldest != 0 && (w.Oldest.IsZero() || at.Before(w.Oldest)) {
		w.Oldest = at
	}
}
