package tenancy

import (
	"context"
	"errors"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// errStopping: the time for the stop is up.
var errStopping = errors.New("the collector stops, and the time for that is up; see shutdown_timeout")

// Cut ends every send that is under way, and makes Push try none any more, so that a queue is empty at once. With a Store Push returns a retryable error
// from then on, for a durable queue to keep the request; without one it counts the request as lost. It comes after the beginning of Stop, and may come twice.
func (d *Dispatcher) Cut() {
	d.mu.Lock()
	d.cut = true
	d.clearStoreLine()
	d.mu.Unlock()
	d.cutSends()
	if d.abort != nil {
		d.abort()
	}
}

// untilCut is ctx, which ends with Cut as well.
func (d *Dispatcher) untilCut(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(d.sends, cancel)
	return ctx, func() {
		unlink()
		cancel()
	}
}

// refuse is what becomes of a request that is pushed after Cut.
func (d *Dispatcher) refuse(r *intake.Request) error {
	if d.set.Store != nil {
		return &intake.Unsent{Left: r, Err: errStopping}
	}
	d.Enqueued(r.Family, -r.Count())
	return d.lose(r, intake.ReasonShutdown, errStopping).err
}

// count notes that requests are on their way to Push, or with sign -1 that they arrived there, or were withdrawn. What comes from an earlier process is
// not noted before, so a figure does not go below 0. mu is held.
func (d *Dispatcher) count(sign int, rs ...*intake.Request) {
	for _, r := range rs {
		if n := max(d.coming[r.Family]+sign*r.Count(), 0); n > 0 {
			d.coming[r.Family] = n
		} else {
			delete(d.coming, r.Family)
		}
	}
}
