package tenancy

import (
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// A request that a durable queue hands over to the Store is in both from when it may be written until the queue has deleted all of it. A crash in between
// makes it one of those that are sent twice, and there must be no more of these than places. So it keeps a place of all tenants as long as that: the one that
// it was sent with, or one that it waits for. The Store is a destination for this, beside the intakes: half of all places may be taken for it, and sends
// always leave it one, so that what hangs at the intakes does not keep others from being parked.

// keptForStore is how many places sends leave to hand-overs, 0 or 1.
func (d *Dispatcher) keptForStore() int {
	if d.set.Store == nil || d.set.Workers < 2 || d.toStore.sending > 0 {
		return 0
	}
	return 1
}

// handOver returns the place that r keeps while it is handed over, nil after Cut. It gives up the lock while it waits for one.
func (d *Dispatcher) handOver(l *lane, r *intake.Request) *destination {
	if r.Try.Sending {
		return l.to
	}
	if len(d.storeLine) == 0 && d.canHandOver() {
		d.takeForStore()
		return &d.toStore
	}
	if d.cut {
		return nil
	}
	got := make(chan bool, 1)
	d.storeLine = append(d.storeLine, got)
	l.parking++
	d.mu.Unlock()
	ok := <-got
	d.mu.Lock()
	l.parking--
	if !ok {
		return nil
	}
	return &d.toStore
}

// handedOver gives back what r holds, which is in the Store, or was dropped since there was no room: its place once the queue has deleted it.
func (d *Dispatcher) handedOver(l *lane, r *intake.Request, place *destination) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.Try.Sending = false
	d.leave(l, r)
	d.giveWhenDeleted(place, r.Try.Stored)
}

func (d *Dispatcher) canHandOver() bool {
	return d.sending+d.redriving < d.set.Workers && d.toStore.sending < max(d.set.Workers/2, 1)
}

func (d *Dispatcher) takeForStore() {
	full := d.used() >= d.set.Workers
	d.sending++
	d.toStore.sending++
	if !full && d.used() >= d.set.Workers {
		d.pace.since = time.Now()
	}
}

// freeForStore gives the places that are free to hand-overs that wait, in order.
func (d *Dispatcher) freeForStore() {
	for len(d.storeLine) > 0 && d.canHandOver() {
		d.takeForStore()
		d.storeLine[0] <- true
		d.storeLine = d.storeLine[1:]
	}
}

// clearStoreLine sends away who waits.
func (d *Dispatcher) clearStoreLine() {
	for _, got := range d.storeLine {
		got <- false
	}
	d.storeLine = nil
}
